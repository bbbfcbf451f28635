"""The units of the workload `link_error`, and its tasks."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.result import AsyncResult

from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, OneResult, one_of, resolved
from harness.probe.workloads.messages import Options


@shared_task
def may_fail(number: int, fails: bool) -> int:
    """Gives back its number, or fails with it."""
    if fails:
        raise RuntimeError(words_of(number))
    return number


def words_of(number: int) -> str:
    """What the task says that is meant to fail."""
    return f"{number} failed"


@shared_task
def tell_failure(failed_id: str) -> list[Any]:
    """An errback: what the task failed with. Another failure than the one that was meant is its
    own, too: the unit has failed."""
    error = AsyncResult(failed_id).result
    if isinstance(error, Exception) and type(error) is not RuntimeError:
        raise error
    return ["failed", str(error)]


@shared_task
def tell_success(value: int) -> list[Any]:
    """A callback: what the task gave back."""
    return ["succeeded", value]


class LinkError(OneResult):
    """A task, and its errback or its callback. Both have the id of the unit's second task, so a run
    too many is noticed. The unit's result is theirs."""

    tasks_per_unit = 2

    def __init__(self, spec: WorkloadSpec) -> None:
        self._task = resolved(may_fail)
        self._errback, self._callback = resolved(tell_failure), resolved(tell_success)
        self._every: int = spec["every"]
        self._options = Options(spec)

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        further = self._options.of_link(unit) | {"task_id": name(unit, 1)}
        self._task.apply_async(
            (unit, one_of(self._every, unit)),
            task_id=name(unit, 0),
            producer=producer,
            link=self._callback.s().set(**further),
            link_error=self._errback.s().set(**further),
            **self._options.of(unit),
        )
        return self.result(unit, name)

    def result(self, unit: int, name: Name) -> AsyncResult:
        """Without its parent: who waits would be told of that one's failure instead."""
        return AsyncResult(name(unit, 1))

    def expected(self, unit: int) -> list[Any]:
        if one_of(self._every, unit):
            return ["failed", words_of(unit)]
        return ["succeeded", unit]
