"""The units of the workload `group`."""

from __future__ import annotations

from typing import Any

from celery import group
from celery.result import AsyncResult, GroupResult

from harness.probe import tasks
from harness.probe.recording.ids import WHOLE
from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, places, resolved
from harness.probe.workloads.messages import Options


class Group:
    """`group(buy_milk(volume), buy_bread(count), ...)`, the two in turn."""

    joins = True
    round_units = 1

    def __init__(self, spec: WorkloadSpec) -> None:
        (members,) = places(spec)
        self.tasks_per_unit = len(members)
        self._kinds = (resolved(tasks.buy_milk), resolved(tasks.buy_bread))
        self._fixed = (spec["volume"], spec["count"])
        self._payload = "x" * spec["payload_bytes"]
        self._join = spec["collect"] == "join"
        self._options = Options(spec)

    def expected(self, unit: int) -> list[Any]:
        first = unit * self.tasks_per_unit
        return [self._argument(first + i, self._fixed[i % 2]) for i in range(self.tasks_per_unit)]

    def _argument(self, number: int, fixed: int | None) -> Any:
        if self._payload:
            return f"{self._payload}{number}"
        return number if fixed is None else fixed

    def publish(self, unit: int, name: Name, producer: Any = None) -> GroupResult:
        options = self._options.of(unit)
        members = [
            self._kinds[i % 2].s(value).set(task_id=name(unit, i), **options)
            for i, value in enumerate(self.expected(unit))
        ]
        return group(members).apply_async(task_id=name(unit, WHOLE), producer=producer)

    def result(self, unit: int, name: Name) -> GroupResult:
        members = [AsyncResult(name(unit, i)) for i in range(self.tasks_per_unit)]
        return GroupResult(name(unit, WHOLE), members)

    def wait(self, result: GroupResult, timeout_s: float) -> Any:
        return (result.join if self._join else result.get)(timeout=timeout_s)
