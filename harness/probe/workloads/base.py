"""Workloads: how a unit of work is published, and what its result has to be.

Each class takes the workload's fields of the cell spec. `steps` says how many tasks each step of a
unit has, whose positions in the unit follow each other. Units are numbered from 0 and, unless the
spec fixes the arguments, carry values of their own, so that a result that reaches the wrong caller
is found.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from celery.result import AsyncResult

from harness.probe import tasks
from harness.probe.spoken import WorkloadSpec


def resolved(task: Any) -> Any:
    """The task behind a `shared_task`. The proxy looks it up by name at every access, which costs
    2.5 us; what `@app.task` gives users does not."""
    return task._get_current_object()


Name = Callable[[int, int], str]
"""Unit and position -> task id, see `probe.recording.ids`."""


@dataclass(frozen=True)
class OneOf:
    """The values, or Failures, of which a unit's result may be any."""

    values: tuple[Any, ...]


class Workload(Protocol):
    """One kind of unit of work: what a client publishes, waits for and checks.

    It is made of the workload's part of the cell spec, a dictionary.

    Example: one call of `add` to a unit, with numbers of the unit's own.
        >>> class Successor(OneResult):
        ...     def __init__(self, spec: dict[str, Any]) -> None:
        ...         self._step = spec["step"]
        ...
        ...     def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        ...         arguments, ident = (unit, self._step), name(unit, 0)
        ...         return resolved(tasks.add).apply_async(
        ...             arguments, task_id=ident, producer=producer
        ...         )
        ...
        ...     def expected(self, unit: int) -> int:
        ...         return unit + self._step
        >>> Successor({"step": 1}).expected(41)
        42
    """

    tasks_per_unit: int
    joins: bool
    """Whether a unit's result is the list of all its tasks' results."""
    round_units: int
    """Number of units after which the workload begins anew; 1 where a unit's number decides nothing
    but values."""

    def publish(self, unit: int, name: Name, producer: Any = None) -> Any:
        """Publish the unit, its tasks under their names; the AsyncResult or GroupResult.

        Through kombu's `producer`, or one of the app's own.
        """
        ...

    def result(self, unit: int, name: Name) -> Any:
        """The AsyncResult or GroupResult of a unit that was published."""
        ...

    def wait(self, result: Any, timeout_s: float) -> Any:
        """The unit's result, as the user would wait for it. Raises what `get` raises."""
        ...

    def expected(self, unit: int) -> Any:
        """The value the result must equal, the values of which it must be OneOf, the Failure it
        must be, or UNCHECKED."""
        ...


def places(spec: WorkloadSpec) -> list[range]:
    """The positions of each step's tasks in a unit."""
    ends = list(itertools.accumulate(spec["steps"]))
    return [range(end - tasks, end) for tasks, end in zip(spec["steps"], ends)]


def own_value(payload: str, number: int) -> Any:
    """A value that no other call has."""
    return f"{payload}{number}" if payload else number


def one_of(every: int, unit: int) -> bool:
    """Whether a unit is the last of `every` units, of which one does something else than the
    others."""
    return unit % every == every - 1


class OneResult:
    """What workloads have in common whose result is a single AsyncResult."""

    tasks_per_unit = 1
    joins = False
    round_units = 1

    def result(self, unit: int, name: Name) -> AsyncResult:
        return AsyncResult(name(unit, 0))

    def wait(self, result: AsyncResult, timeout_s: float) -> Any:
        return result.get(timeout=timeout_s)


class Probe(OneResult):
    """Not a workload of the user's: the tasks that show that every pool process works."""

    def __init__(self, hold_s: float, queue: str | None = None) -> None:
        self._task = resolved(tasks.probe)
        self._hold_s = hold_s
        self._options = {} if queue is None else {"queue": queue}

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        return self._task.apply_async(
            (self._hold_s,), task_id=name(unit, 0), producer=producer, **self._options
        )

    def expected(self, unit: int) -> bool:  # noqa: ARG002 - every unit is alike
        return True
