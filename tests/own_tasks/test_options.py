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
    result_chord_retry_interval=7.0,
    timezone="Europe/Lisbon",
    control_exchange="shop",
)


def looked(task):
    names = ("acks_late", "acks_on_failure_or_timeout", "track_started", "time_limit")
    options = [getattr(task, name) for name in (*names, "rate_limit", "serializer")]
    unlocks_s = app.tasks["celery.chord_unlock"].default_retry_delay
    return [*options, unlocks_s, str(app.timezone), app.control.mailbox.namespace]


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
app.now(), app.control.mailbox  # and these are made of settings once
"""

OWN: list[Any] = [True, True, False, 60, None, "msgpack", 7.0, "Europe/Lisbon", "celery"]


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
    limited = [*OWN[:4], "500/s", *OWN[5:]]
    stubborn = [*OWN[:3], 30, *OWN[4:]]
    ran(site, {"plain": OWN, "shared": OWN, "limited": limited, "stubborn": stubborn})


def test_what_it_says_reaches_tasks_that_were_bound_by_then(site: Site) -> None:
    """And the app's workers accept its serializers beside the tasks' own."""
    told: list[Any] = [False, False, True, None, "900/s", "json", 0.25, "Asia/Tokyo", "celery"]
    expected = {
        "plain": told,
        "shared": told,
        "limited": [*told[:4], "500/s", *told[5:]],
        "stubborn": [True, False, True, 30, "900/s", "msgpack", *told[6:]],
    }
    settings = {
        "task_acks_late": False,
        "task_acks_on_failure_or_timeout": False,
        "task_track_started": True,
        "task_time_limit": None,
        "task_default_rate_limit": "900/s",
        "task_serializer": "json",
        "result_serializer": "json",
        "result_chord_retry_interval": 0.25,
        "timezone": "Asia/Tokyo",
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
    other = [*OWN[:4], "700/s", *OWN[5:]]
    settings = {"task_annotations": {"plain": {"rate_limit": "700/s"}}}
    ran(site, {"plain": other, "shared": OWN}, settings=settings)


SEEN = """\
from celery import Celery

app = Celery("seen")


@app.task(bind=True)
def asked(self, n):
    request = self.request
    priority = (request.delivery_info or {}).get("priority")
    return {"late": request.eta is not None, "expires": bool(request.expires), "at": priority}
"""


def asked(name: str, expect: dict[str, Any], **options: Any) -> dict[str, Any]:
    part = {"task": "seen.asked", "name": name, "args": [{"unit": True}]}
    return {**part, "expect": {"value": expect}, "options": options}


def test_each_part_of_a_mix_has_message_options_of_its_own(site: Site) -> None:
    """What the task itself sees of them, and how late each part's tasks were."""
    (site.folder / "seen.py").write_text(SEEN, encoding="utf-8")
    site.configuration()
    mix = [
        asked("now", {"late": False, "expires": True, "at": 6}, priority=6),
        asked("later", {"late": True, "expires": True, "at": 0}, countdown="1s"),
        asked("last", {"late": True, "expires": True, "at": 0}, countdown="2s"),
    ]
    workload = {"app": "seen", "mix": mix, "options": {"expires": "20s"}}
    measure = {"units": 12, "warmup": 0, "blocks": 2}
    site.scenario(workloads=[{"workload": workload}], loads=["backlog"], measure=measure)
    ended = site.run()
    assert ended.code == ExitCode.PASS, ended.stderr + ended.stdout
    for block in ended.record.cells[0].blocks:
        _, later, last = block.by_task
        assert [one.units for one in block.by_task] == [4, 4, 4]
        assert [one.lateness_s.count for one in block.by_task] == [0, 4, 4]
        assert block.lateness_s.count == 8
        for one in (later, last):
            # From the ETA of another part it would be a second more or less.
            assert 0 <= (one.lateness_s.min or 0.0) < 0.9
        countdowns = [w.data for w in block.warnings if w.code == "countdown_in_latency"]
        assert countdowns == [{"countdown_s": 2.0}]
    lines = ended.stdout.splitlines()
    assert {"later, block 0", "later, block 1", "last, block 0", "last, block 1"} <= {
        line[:20].strip() for line in lines
    }
    pooled = [line.split() for line in lines if "  16  " in line]
    assert len(pooled) == 1, ended.stdout
