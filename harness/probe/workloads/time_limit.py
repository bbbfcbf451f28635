"""The units of the workload `time_limit`, and its task, which sleeps."""

from __future__ import annotations

import time
from typing import Any

from celery import shared_task
from celery.result import AsyncResult

from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, OneResult, one_of, resolved
from harness.probe.workloads.drawing import Failure
from harness.probe.workloads.messages import Options

BEYOND_S = 60.0
"""How much longer than its limit a task sleeps that is to run into it: a machine that stands still
for a while has to find it asleep."""


@shared_task
def sleep_for(number: int, seconds: float) -> int:
    """Gives back its number, after a while."""
    time.sleep(seconds)
    return number


class TimeLimit(OneResult):
    """One task to a unit, of which one of `every` is ended by its time limit."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self._task = resolved(sleep_for)
        soft_s, hard_s = spec["soft_time_limit"], spec["time_limit"]
        limits = {"soft_time_limit": soft_s, "time_limit": hard_s}
        self._limits = {name: limit_s for name, limit_s in limits.items() if limit_s is not None}
        self._error = "TimeLimitExceeded" if soft_s is None else "SoftTimeLimitExceeded"
        self._every, self._sleep_s = spec["every"], spec["sleep"]
        self._too_long_s = max(self._limits.values()) + BEYOND_S
        self._options = Options(spec)

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        arguments = (unit, self._too_long_s if one_of(self._every, unit) else self._sleep_s)
        options = self._options.of(unit) | self._limits
        return self._task.apply_async(
            arguments, task_id=name(unit, 0), producer=producer, **options
        )

    def expected(self, unit: int) -> Any:
        return Failure(self._error, None) if one_of(self._every, unit) else unit
