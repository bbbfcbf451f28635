"""A workload that another package brings: its tasks, and its units in a client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import chain, shared_task
from celery.result import AsyncResult

from harness.probe.workloads.base import Name, OneResult, places

task: Callable[[Callable[..., Any]], Any] = shared_task


@task
def double(number: int) -> int:
    return 2 * number


@task
def increase(number: int, by: int) -> int:
    return number + by


class Pair(OneResult):
    def __init__(self, spec: dict[str, Any]) -> None:
        (self._first,), (self._last,) = places(spec)
        self.tasks_per_unit = self._last + 1
        self._by: int = spec["by"]

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        last = name(unit, self._last)
        links = (
            double.s(unit).set(task_id=name(unit, self._first)),
            increase.s(self._by).set(task_id=last),
        )
        return chain(*links).apply_async(task_id=last, producer=producer)

    def result(self, unit: int, name: Name) -> AsyncResult:
        return AsyncResult(name(unit, self._last), parent=AsyncResult(name(unit, self._first)))

    def expected(self, unit: int) -> int:
        return 2 * unit + self._by
