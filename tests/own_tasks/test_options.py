"""A cell's settings reach the tasks of an app that knows nothing of them."""

from __future__ import annotations

from typing import Any

from harness.errors import ExitCode
from tests.runner.running import Ended, Site, outcomes_of

APP = """\
from celery import Celery, shared_task

app = Celery("shop", broker="redis://127.0.0.1:1/0")
app.conf.update(
    task_acks_late=True,
    task_time_limit=60,
    task_serializer="msgpack",
    result_serializer="msgpack",
    accept_content=["msgpack"],
    task_annotations={"limited": {"rate_limit": "500/s"}},
)


def looked(task):
    names = ("acks_late", "acks_on_failure_or_timeout", "track_started", "time_limit")
    return [getattr(task, name) for name in (*names, "rate_limit", "serializer")]


@app.task(bind=True, name="plain")
def plain(self):
    return looked(self)


@shared_task(bind=True, name="shared")
def shared(self):
    return looked(self)


@app.task(bind=True, name="limited")
def limited(self):
    return looked(self)


@app.task(bind=True, name="stubborn", acks_late=True, time_limit=30, serializer="msgpack")
def stubborn(self):
    return looked(self)


plain.name  # binds it, before the app is all there
"""


def ran(site: Site, expected: dict[str, list[Any]], **configuration: Any) -> Ended:
    """Every task says what options it has, under the harness' workers."""
    (site.folder / "shop.py").write_text(APP, encoding="utf-8")
    site.configuration(**configuration)
    mix = [{"task": name, "expect": options} for name, options in expected.items()]
    site.scenario(workloads=[{"workload": {"app": "shop", "mix": mix}}])
    ended = site.run()
    assert ended.code == ExitCode.PASS, ended.stderr + ended.stdout
    assert outcomes_of(ended.block) == {"ok": 20}
    return ended


def test_what_the_configuration_does_not_say_is_the_apps(site: Site) -> None:
    own = [True, True, False, 60, None, "msgpack"]
    limited = [*own[:4], "500/s", "msgpack"]
    stubborn = [*own[:3], 30, None, "msgpack"]
    ran(site, {"plain": own, "shared": own, "limited": limited, "stubborn": stubborn})


def test_what_it_says_reaches_tasks_that_were_bound_by_then(site: Site) -> None:
    """And the app's workers accept its serializers beside the tasks' own."""
    told: list[Any] = [False, False, True, None, "900/s", "json"]
    expected = {
        "plain": told,
        "shared": told,
        "limited": [*told[:4], "500/s", "json"],
        "stubborn": [True, False, True, 30, "900/s", "msgpack"],
    }
    settings = {
        "task_acks_late": False,
        "task_acks_on_failure_or_timeout": False,
        "task_track_started": True,
        "task_time_limit": None,
        "task_default_rate_limit": "900/s",
        "task_serializer": "json",
        "result_serializer": "json",
    }
    ended = ran(site, expected, settings=settings)
    (warning,) = (one for one in ended.record.warnings if one.code == "app_overruled")
    kept = {name: value for name, value in warning.data["kept"].items() if " of " in name}
    assert kept == {
        "acks_late of stubborn": True,
        "time_limit of stubborn": 30,
        "serializer of stubborn": "...",
    }


def test_annotations_of_the_configuration(site: Site) -> None:
    own = [True, True, False, 60, None, "msgpack"]
    other = [*own[:4], "700/s", "msgpack"]
    settings = {"task_annotations": {"plain": {"rate_limit": "700/s"}}}
    ran(site, {"plain": other, "shared": own}, settings=settings)
