"""The units of the workload `heavy_task`."""

from __future__ import annotations

import math
from typing import Any

from celery.result import AsyncResult

from harness.probe import tasks
from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, OneResult, resolved
from harness.probe.workloads.drawing import Failure
from harness.probe.workloads.messages import Options


class HeavyTask(OneResult):
    """`heavy_task(n)`; a string as n must fail with Python's own words."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self._task = resolved(tasks.heavy_task)
        self._n = spec["n"]
        self._options = Options(spec)

    def arguments(self, unit: int) -> tuple[Any]:  # noqa: ARG002 - every unit is alike
        """What the unit's task is called with."""
        return (self._n,)

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        arguments, options = self.arguments(unit), self._options.of(unit)
        return self._task.apply_async(
            arguments, task_id=name(unit, 0), producer=producer, **options
        )

    def expected(self, unit: int) -> Any:  # noqa: ARG002 - every unit is alike
        if isinstance(self._n, str):
            return Failure("TypeError", "'str' object cannot be interpreted as an integer")
        return math.factorial(max(self._n - 1, 0))
