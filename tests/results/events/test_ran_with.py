"""What workers said that they ran with, brought together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.probe.recording.ran_with import FILE_PREFIX
from harness.results.events.ran_with import RanWith, ran_or_planned, reports_in
from harness.results.faults.promises import promise_for

SAID = {"pool": "prefork", "concurrency": 4, "least_concurrency": 4, "prefetch_count": 4}


def say(folder: Path, pid: int, worker: str, **more: Any) -> None:
    """Leave a worker's word."""
    text = json.dumps({**SAID, "worker": worker, **more})
    (folder / f"{FILE_PREFIX}{pid}-1.json").write_text(text, encoding="utf-8")


def _said(**more: Any) -> RanWith:
    return RanWith.model_validate({**SAID, **more})


def test_workers_of_a_kind_stand_together(tmp_path: Path) -> None:
    """One that was started again is one worker."""
    say(tmp_path, 1, "worker1")
    say(tmp_path, 2, "worker2")
    say(tmp_path, 3, "worker2")
    say(tmp_path, 4, "worker3", concurrency=1)
    assert sorted((one.concurrency, one.count) for one in reports_in(tmp_path)) == [(1, 1), (4, 2)]


def test_the_word_of_a_worker_beats_the_configuration() -> None:
    """Without it, options beat settings."""
    config = {
        "worker": {"concurrency": 1, "options": ["--autoscale=6,2", "--prefetch-multiplier=3"]},
        "settings": {"worker_prefetch_multiplier": 1},
    }
    planned = ran_or_planned((), config)
    assert (planned.least_concurrency, planned.concurrency, planned.prefetch_count) == (2, 6, 18)
    assert not planned.reported
    said = _said(settings={"task_acks_late": True})
    assert ran_or_planned((said,), config) is said


def test_options_of_tasks_beat_settings() -> None:
    """A task that says nothing has what the setting says."""
    tasks = {"a": {"acks_late": True}, "b": {"acks_late": None}}
    ran = _said(tasks=tasks)
    assert ran.options("acks_late", default=False) == {True, False}
    assert ran.options("reject_on_worker_lost", default=False) == {False}


def test_promises_follow_the_tasks() -> None:
    """The app's tasks acknowledge late, whatever the configuration says; where they differ, no
    promise holds for all of them but that nothing is wrong."""
    config = {"broker": {"service": "redis"}, "backend": {"service": "redis"}, "settings": {}}
    late = _said(tasks={"a": {"acks_late": True}})
    some = _said(tasks={"a": {"acks_late": True}, "b": {"acks_late": False}})
    assert promise_for(config, "worker").code == "at_most_once"
    assert promise_for(config, "worker", late).code == "at_least_once"
    assert promise_for(config, "worker", some).rules_out == ("wrong",)
    assert promise_for(config, "worker", some).because["task_acks_late"] == "of some tasks"
