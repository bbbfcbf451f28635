"""The units of the workload `add`."""

from __future__ import annotations

from typing import Any

from celery.result import AsyncResult

from harness.probe import tasks
from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, OneResult, resolved
from harness.probe.workloads.messages import Options


class Add(OneResult):
    """The tutorial's `add(x, y)`: one task, whose result is x + y."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self._task = resolved(tasks.add)
        self._x, self._y = spec["x"], spec["y"]
        self._payload = "x" * spec["payload_bytes"]
        self._options = Options(spec)

    def arguments(self, unit: int) -> tuple[Any, Any]:
        """What the unit's task is called with."""
        if self._payload:
            return self._payload, str(unit)
        return unit if self._x is None else self._x, unit + 1 if self._y is None else self._y

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        arguments, options = self.arguments(unit), self._options.of(unit)
        return self._task.apply_async(
            arguments, task_id=name(unit, 0), producer=producer, **options
        )

    def expected(self, unit: int) -> Any:
        x, y = self.arguments(unit)
        return x + y
