"""What has to come of units that retry, run into limits, are revoked or kill their process."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery

from harness.probe.recording.events import Outcome
from harness.probe.workloads import kill_child
from harness.probe.workloads.base import OneOf, one_of
from harness.probe.workloads.drawing import Failure
from harness.probe.workloads.retry import Retry
from harness.probe.workloads.time_limit import TimeLimit
from harness.probe.workloads.units import judge_failure, judge_value

RETRY: dict[str, Any] = {
    "failures": 2, "max_retries": 3, "countdown": None, "retry_backoff": None, "options": {},
}  # fmt: skip
LIMIT: dict[str, Any] = {
    "soft_time_limit": None,
    "time_limit": 1.0,
    "every": 3,
    "sleep": 0.0,
    "options": {},
}
REVOKED = OneOf((5, Failure("TaskRevokedError", None)))


class TaskRevokedError(Exception):
    """As Celery's."""


def test_one_of_so_many_units() -> None:
    assert [unit for unit in range(9) if one_of(3, unit)] == [2, 5, 8]
    assert all(one_of(1, unit) for unit in range(3))


@pytest.mark.parametrize(
    ("max_retries", "expected"),
    [(2, [7, 2]), (1, Failure("RuntimeError", "try 2 of 7 failed"))],
)
def test_retries_that_suffice_and_that_do_not(max_retries: int, expected: Any) -> None:
    assert Retry({**RETRY, "max_retries": max_retries}).expected(7) == expected


def test_the_limit_that_comes_first() -> None:
    assert TimeLimit(LIMIT).expected(1) == 1
    assert TimeLimit(LIMIT).expected(2) == Failure("TimeLimitExceeded", None)
    both = TimeLimit({**LIMIT, "soft_time_limit": 0.5})
    assert both.expected(2) == Failure("SoftTimeLimitExceeded", None)


@pytest.mark.parametrize(
    ("settings", "kills", "again"),
    [
        ({}, 1, False),
        ({"task_acks_late": True}, 1, False),
        ({"task_reject_on_worker_lost": True}, 1, False),  # acknowledged before it began
        ({"task_acks_late": True, "task_reject_on_worker_lost": True}, 9, True),
        ({"task_retry_on_worker_lost": True}, 3, True),
        ({"task_retry_on_worker_lost": True}, 4, False),
    ],
)
def test_settings_decide_what_comes_of_a_killed_process(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, bool], kills: int, again: bool
) -> None:
    app = Celery(set_as_current=False)
    app.conf.update(settings)
    monkeypatch.setattr(kill_child, "current_app", app)
    units = kill_child.KillChild({"every": 2, "kills": kills, "options": {}})
    assert units.expected(0) == 0
    assert units.expected(1) == (1 if again else Failure("WorkerLostError", None))


def test_a_unit_is_revoked_or_was_over() -> None:
    """Nothing else will do."""
    assert judge_failure(REVOKED, TaskRevokedError()) is Outcome.FAILED_AS_MEANT
    assert judge_failure(REVOKED, ValueError()) is Outcome.FAILED
    assert judge_value(REVOKED, 5) is Outcome.OK
    assert judge_value(REVOKED, 6) is Outcome.WRONG
