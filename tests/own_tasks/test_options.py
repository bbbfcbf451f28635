"""A cell's settings reach the tasks of an app that knows nothing of them."""

from __future__ import annotations

from typing import Any

from harness.errors import ExitCode
from tests.runner.running import Ended, Site, outcomes_of

APP = """\
import time

from celery import Celery, shared_task
from celery.signals import after_task_publish, task_postrun, task_prerun

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


@task_postrun.connect
def audited(task, **_):
    raise {"plain": RuntimeError("no audit"), "limited": OSError("gone")}[task.name]


@task_prerun.connect
def opened(**_):
    time.sleep(0.02)


@after_task_publish.connect
def counted(sender, **_):
    raise ValueError("uncounted")


@app.on_after_configure.connect
def set_up(sender, **_):
    raise LookupError("nothing to set up")


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
    ended = ran(site, {"plain": OWN, "shared": OWN, "limited": limited, "stubborn": stubborn})
    assert_handlers_are_seen(ended)


def assert_handlers_are_seen(ended: Ended) -> None:
    """Nobody fails of it: 20 units of four tasks, two of whose names a handler does not know."""
    (block,) = ended.record.blocks
    found = {warning.code: warning.data for warning in block.warnings}
    raised = {
        (one["signal"], one["handler"], one["error"], one["message"]): one["times"]
        for one in found["handlers_raised"]["handlers"]
    }
    audited = ("task_postrun", "shop.audited")
    assert raised.keys() == {
        (*audited, "RuntimeError", "no audit"),
        (*audited, "OSError", "gone"),
        (*audited, "KeyError", raised_message(raised, "KeyError")),
        ("after_task_publish", "shop.counted", "ValueError", "uncounted"),
        ("app.on_after_configure", "shop.set_up", "LookupError", "nothing to set up"),
    }
    of_task = {error: times for (_, _, error, _), times in raised.items()}
    # Each of them once more, before it was measured.
    assert [of_task[error] for error in ("RuntimeError", "OSError")] == [6, 6]
    assert (of_task["KeyError"], of_task["ValueError"]) == (12, 24)
    slow = found["slow_handlers"]["signals"]
    assert slow["task_prerun"]["calls"] == 20
    assert slow["task_prerun"]["p50_s"] >= 0.02
    assert "shop.counted (after_task_publish) raised ValueError: uncounted, 24 times" in ended.words


def raised_message(raised: dict[tuple[str, str, str, str], int], error: str) -> str:
    """Of two tasks, the first that any process met."""
    (message,) = (message for _, _, type_name, message in raised if type_name == error)
    assert message in ("'shared'", "'stubborn'")
    return message


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
