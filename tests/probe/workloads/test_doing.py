"""What has to come of units that retry, run into limits, are revoked, kill their process or have an
errback."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from celery import Celery
from celery.result import AsyncResult

from harness.probe.recording.events import Outcome
from harness.probe.workloads import kill_child, link_error
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


@pytest.fixture
def failed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has a task fail with an exception, as the errback is to find it."""
    backend = Celery(backend="cache+memory://", set_as_current=False).backend
    monkeypatch.setattr(link_error, "AsyncResult", partial(AsyncResult, backend=backend))
    return lambda error: backend.mark_as_failure("it", error)


def test_an_errback_tells_of_its_own_unit(failed: Any) -> None:
    units = link_error.LinkError({"every": 2, "options": {}})
    failed(RuntimeError(link_error.words_of(1)))
    told = link_error.tell_failure("it")
    assert judge_value(units.expected(1), told) is Outcome.OK
    assert judge_value(units.expected(3), told) is Outcome.WRONG  # of another unit's failure
    assert judge_value(units.expected(0), told) is Outcome.WRONG  # where none should be
    assert judge_value(units.expected(0), link_error.tell_success(0)) is Outcome.OK
    assert judge_value(units.expected(1), link_error.tell_success(1)) is Outcome.WRONG


@pytest.mark.parametrize("error", [ValueError("1 failed"), RecursionError("1 failed")])
def test_a_failure_that_was_not_meant_is_the_units(failed: Any, error: Exception) -> None:
    failed(error)
    with pytest.raises(type(error), match="1 failed"):
        link_error.tell_failure("it")


def test_which_tasks_fail() -> None:
    with pytest.raises(RuntimeError, match="7 failed"):
        link_error.may_fail(7, True)
    assert link_error.may_fail(7, False) == 7
