"""The units of the workload `canvas`, and its task.

A unit is laid out as a table: a row for each step, a column for each task of it. A level of the
canvas takes some of it: the members of a group stand beside each other in its columns, the links of
a chain below each other in its rows. So a task's position is row * columns + column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

from celery import chain, chord, group, shared_task
from celery.canvas import Signature
from celery.result import AsyncResult, GroupResult

from harness.probe.recording.ids import WHOLE
from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, resolved
from harness.probe.workloads.messages import Options

_PRIME = 1_000_003


@shared_task
def tally(before: Any, own: int) -> int:
    """A number that tells what came from the tasks before, in which order and nesting, and which
    task this is."""
    return own if before is None else (_told(before) * 31 + own) % _PRIME


def _told(value: Any) -> int:
    if not isinstance(value, (list, tuple)):
        return int(value)
    found = 7
    for one in value:
        found = (found * 31 + _told(one)) % _PRIME
    return found


class Canvas:
    """A group of chains, a chain of groups, and so on: see the model's fields."""

    joins = True
    round_units = 1

    def __init__(self, spec: WorkloadSpec) -> None:
        self._top = _levels(spec)
        self.tasks_per_unit = self._top.rows * self._top.columns
        self._task = resolved(tally)
        self._join = spec["collect"] == "join"
        self._options = Options(spec)

    def expected(self, unit: int) -> list[int]:
        """Of each of the last tasks."""
        return _flat(self._value(self._top, 0, 0, unit, None))

    def _value(self, level: _Level, row: int, column: int, unit: int, before: Any) -> Any:
        if level.below is None:
            return tally(before, self._own(unit, row, column))
        if level.kind == "group":
            return [self._value(*part, unit, before) for part in level.parts(row, column)]
        for part in level.parts(row, column):
            before = self._value(*part, unit, before)
        return before

    def _own(self, unit: int, row: int, column: int) -> int:
        return (unit * self.tasks_per_unit + self._position(row, column)) % _PRIME

    def _position(self, row: int, column: int) -> int:
        return row * self._top.columns + column

    def signature(self, unit: int, name: Name) -> Signature:
        """What is published."""
        first, further = self._options.of(unit), self._options.of_link(unit)

        def made(level: _Level, row: int, column: int) -> Signature:
            if level.below is not None:
                inside = [made(*part) for part in level.parts(row, column)]
                return group(inside) if level.kind == "group" else _one_by_one(inside)
            own = self._own(unit, row, column)
            call = self._task.s(own) if row else self._task.s(None, own)
            ident = name(unit, self._position(row, column))
            return call.set(task_id=ident, **(further if row else first))

        return made(self._top, 0, 0)

    def publish(self, unit: int, name: Name, producer: Any = None) -> GroupResult:
        return self.signature(unit, name).apply_async(producer=producer)

    def result(self, unit: int, name: Name) -> GroupResult:
        top = self._top
        last = [self._position(top.rows - 1, column) for column in range(top.columns)]
        return GroupResult(name(unit, WHOLE), [AsyncResult(name(unit, at)) for at in last])

    def wait(self, result: GroupResult, timeout_s: float) -> Any:
        return _flat((result.join if self._join else result.get)(timeout=timeout_s))


def _one_by_one(links: list[Signature]) -> Signature:
    """A chain. Groups that follow each other are put together from the last one on, g1 | (g2 | g3):
    of g1 | g2 | g3 Celery runs the third group anew for each member of the second (5.7)."""
    if not isinstance(links[0], group):
        return chain(*links)
    return reduce(lambda behind, link: chord(link, behind), reversed(links))


def _flat(values: Iterable[Any]) -> list[Any]:
    """What groups in groups brought, one behind the other."""
    return [
        found
        for one in values
        for found in (_flat(one) if isinstance(one, (list, tuple)) else (one,))
    ]


@dataclass(frozen=True)
class _Level:
    """One level of the canvas, with all below it."""

    kind: str
    """`group`, `chain`, or `task`."""
    count: int
    """Members or links."""
    rows: int
    columns: int
    below: _Level | None

    def parts(self, row: int, column: int) -> Iterator[tuple[_Level, int, int]]:
        """Its members or links, with the row and the column at which each begins."""
        if (below := self.below) is None:
            return
        for number in range(self.count):
            if self.kind == "group":
                yield below, row, column + number * below.columns
            else:
                yield below, row + number * below.rows, column


def _levels(spec: WorkloadSpec) -> _Level:
    level = _Level("task", 0, 1, 1, None)
    inward = [("group", "chain")[(spec["of"] == "chain") ^ at % 2] for at in range(spec["depth"])]
    for kind in reversed(inward):
        if kind == "group":
            wide: int = spec["width"]
            level = _Level(kind, wide, level.rows, level.columns * wide, level)
        else:
            long: int = spec["length"]
            level = _Level(kind, long, level.rows * long, level.columns, level)
    return level
