"""Workloads whose messages carry many calls: `map`, `starmap` and `chunks`."""

from __future__ import annotations

from typing import Any

from celery.result import AsyncResult, GroupResult

from harness.probe import tasks
from harness.probe.recording.ids import WHOLE
from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, OneResult, own_value, places, resolved
from harness.probe.workloads.group import Group
from harness.probe.workloads.messages import Options


class Map(OneResult):
    """`buy_milk.map([volume, ...])`: many calls in one message, one after the other."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self._size: int = spec["size"]
        self._task = resolved(tasks.buy_milk)
        self._payload = "x" * spec["payload_bytes"]
        self._options = Options(spec)

    def expected(self, unit: int) -> list[Any]:
        return [own_value(self._payload, unit * self._size + i) for i in range(self._size)]

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        calls = self._task.map(self.expected(unit))
        options = self._options.of(unit)
        return calls.apply_async(task_id=name(unit, 0), producer=producer, **options)


class Starmap(OneResult):
    """`add.starmap([(x, y), ...])`: the same for calls of several arguments."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self._calls = _Additions(spec)
        self._options = Options(spec)

    def expected(self, unit: int) -> list[Any]:
        return self._calls.sums(unit)

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        calls = self._calls.task.starmap(self._calls.arguments(unit))
        options = self._options.of(unit)
        return calls.apply_async(task_id=name(unit, 0), producer=producer, **options)


class Chunks(Group):
    """`add.chunks([(x, y), ...], n)`: a group of messages, each of which carries n calls."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self._calls = _Additions(spec)
        self._options = Options(spec)
        self._chunk: int = spec["chunk"]
        (chunks,) = places(spec)
        self.tasks_per_unit = len(chunks)
        self._join = spec["collect"] == "join"

    def expected(self, unit: int) -> list[Any]:
        sums = self._calls.sums(unit)
        return [sums[i : i + self._chunk] for i in range(0, len(sums), self._chunk)]

    def publish(self, unit: int, name: Name, producer: Any = None) -> GroupResult:
        # What `chunks.apply_async` does, with ids: the chunks become a group of starmaps.
        chunks = self._calls.task.chunks(self._calls.arguments(unit), self._chunk).group()
        for i, part in enumerate(chunks.tasks):
            part.set(task_id=name(unit, i), **self._options.of(unit))
        return chunks.apply_async(task_id=name(unit, WHOLE), producer=producer)


class _Additions:
    """Calls of `add` with numbers of the unit's own."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self.task = resolved(tasks.add)
        self._size: int = spec["size"]
        self._payload = "x" * spec["payload_bytes"]

    def arguments(self, unit: int) -> list[tuple[Any, Any]]:
        first = unit * self._size
        numbers = range(first, first + self._size)
        if self._payload:
            return [(self._payload, str(number)) for number in numbers]
        return [(number, number + 1) for number in numbers]

    def sums(self, unit: int) -> list[Any]:
        return [x + y for x, y in self.arguments(unit)]
