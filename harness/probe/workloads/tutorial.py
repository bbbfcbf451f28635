"""Workloads: how a unit of work is published, and what its result has to be.

Each class takes the workload's fields of the cell spec. `steps` says how many tasks each step of a
unit has, whose positions in the unit follow each other. Units are numbered from 0 and, unless the
spec fixes the arguments, carry values of their own, so that a result that reaches the wrong caller
is found.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from celery import chain, group
from celery.result import AsyncResult, GroupResult

from harness.probe import tasks
from harness.probe.recording.ids import WHOLE
from harness.probe.workloads.drawing import Failure
from harness.probe.workloads.messages import Options
from harness.probe.workloads.own_tasks import OwnTasks


def resolved(task: Any) -> Any:
    """The task behind a `shared_task`. The proxy looks it up by name at every access, which costs
    2.5 us; what `@app.task` gives users does not."""
    return task._get_current_object()


Name = Callable[[int, int], str]
"""Unit and position -> task id, see `probe.recording.ids`."""


@dataclass(frozen=True)
class OneOf:
    """The values of which a unit's result may be any."""

    values: tuple[Any, ...]


class Workload(Protocol):
    """One kind of unit of work."""

    tasks_per_unit: int
    round_units: int
    """After so many units it begins anew; 1 where the unit's number decides nothing but values."""

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


def places(spec: dict[str, Any]) -> list[range]:
    """The positions of each step's tasks in a unit."""
    ends = list(itertools.accumulate(spec["steps"]))
    return [range(end - tasks, end) for tasks, end in zip(spec["steps"], ends, strict=True)]


class OneResult:
    """What workloads have in common whose result is a single AsyncResult."""

    tasks_per_unit = 1
    round_units = 1

    def result(self, unit: int, name: Name) -> AsyncResult:
        return AsyncResult(name(unit, 0))

    def wait(self, result: AsyncResult, timeout_s: float) -> Any:
        return result.get(timeout=timeout_s)


class Add(OneResult):
    """`add(x, y)`."""

    def __init__(self, spec: dict[str, Any]) -> None:
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


class Group:
    """`group(buy_milk(volume), buy_bread(count), ...)`, the two in turn."""

    round_units = 1

    def __init__(self, spec: dict[str, Any]) -> None:
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


class Chain(OneResult):
    """`fetch_user_name(id) | greeting_user() | ...`."""

    def __init__(self, spec: dict[str, Any]) -> None:
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


class HeavyTask(OneResult):
    """`heavy_task(n)`; a string as n must fail with Python's own words."""

    def __init__(self, spec: dict[str, Any]) -> None:
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


class Periodic(OneResult):
    """`check_cat()`. Beat publishes its units; the client only those that warm up."""

    def __init__(self, spec: dict[str, Any]) -> None:  # noqa: ARG002 - every workload's signature
        self._task = resolved(tasks.check_cat)

    def arguments(self, unit: int) -> tuple[()]:  # noqa: ARG002 - every unit is alike
        """What the unit's task is called with."""
        return ()

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        return self._task.apply_async((), task_id=name(unit, 0), producer=producer)

    def expected(self, unit: int) -> OneOf:  # noqa: ARG002 - every unit is alike
        return OneOf(tasks.CAT_SENTENCES)


class Probe(OneResult):
    """Not a workload of the user's: the tasks that show that every pool process works."""

    def __init__(self, hold_s: float) -> None:
        self._task = resolved(tasks.probe)
        self._hold_s = hold_s

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        return self._task.apply_async((self._hold_s,), task_id=name(unit, 0), producer=producer)

    def expected(self, unit: int) -> bool:  # noqa: ARG002 - every unit is alike
        return True


WORKLOADS: dict[str, type[Add | Group | Chain | HeavyTask | Periodic | OwnTasks]] = {
    "add": Add,
    "group": Group,
    "chain": Chain,
    "heavy_task": HeavyTask,
    "task": OwnTasks,
    "periodic": Periodic,
}
