"""The units of the workload `chain`."""

from __future__ import annotations

from typing import Any

from celery import chain
from celery.result import AsyncResult

from harness.probe import tasks
from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, OneResult, places, resolved
from harness.probe.workloads.messages import Options


class Chain(OneResult):
    """`fetch_user_name(id) | greeting_user() | ...`."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self.tasks_per_unit = len(places(spec))
        self._first = resolved(tasks.fetch_user_name)
        self._further = resolved(tasks.greeting_user)
        self._id = spec["id"]
        self._options = Options(spec)
        self._payload = "x" * spec["payload_bytes"]

    def _argument(self, unit: int) -> Any:
        if self._payload:
            return f"{self._payload}{unit}"
        return unit if self._id is None else self._id

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        last = self.tasks_per_unit - 1
        links = [self._first.s(self._argument(unit))]
        links += [self._further.s() for _ in range(last)]
        named = [
            link.set(
                task_id=name(unit, i),
                **(self._options.of_link(unit) if i else self._options.of(unit)),
            )
            for i, link in enumerate(links)
        ]
        # Celery 5.7 takes no notice of a chain's producer; nothing of ours depends on it.
        return chain(*named).apply_async(task_id=name(unit, last), producer=producer)

    def result(self, unit: int, name: Name) -> AsyncResult:
        link = None
        for position in range(self.tasks_per_unit):
            link = AsyncResult(name(unit, position), parent=link)
        return link

    def expected(self, unit: int) -> str:
        value: str = tasks.fetch_user_name(self._argument(unit))
        for _ in range(self.tasks_per_unit - 1):
            value = tasks.greeting_user(value)
        return value
