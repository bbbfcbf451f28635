"""Which units the clients of a block published, and where a task's events belong.

A task's id names its client, its unit and its position (`probe.recording.ids`), and a client
numbers its units one after the other. So the place of an event in an array is arithmetic, after a
look into a short table of *runs*: units of one client and one purpose whose numbers have no gap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import RecordError
from harness.probe.recording.events import Kind, UnitFlag
from harness.probe.recording.ids import MOST_UNITS
from harness.results.arrays import Flags
from harness.results.events.eventlog import Events, by_kind, chunks, logs_in, of_kind, role_of

Places = npt.NDArray[np.int64]
Halves = npt.NDArray[np.uint64]
ClientNumbers = npt.NDArray[np.uint16]

FOREIGN = -2
"""The place of a task that is none of a published unit."""
UNMEASURED = -1
"""The place of a warm-up or probe task, and the row of a unit that was not measured."""
VARIANT = np.uint64(0b10 << 62)
_FIXED_BITS = np.uint64(0b11 << 62 | 0xFFFF)
_NEVER_PUBLISH = frozenset({"worker", "child", "observer"})
"""Roles of processes whose logs need not be searched for publications."""


@dataclass(frozen=True)
class Published:
    """The measured units in the order of their numbers, and the runs of all units."""

    unit: npt.NDArray[np.int64]
    publish_ns: npt.NDArray[np.int64]
    client: ClientNumbers
    """Index of each unit's client in `tags`."""
    tags: Halves
    """First half of the ids that each client gave."""
    per_unit: int
    """Tasks of a measured or warm-up unit."""
    _begin: npt.NDArray[np.int64]
    """First number of each run, ascending. The first run is empty: nothing lies before it."""
    _end: npt.NDArray[np.int64]
    _tag: Halves
    _tasks: npt.NDArray[np.int64]
    _row: npt.NDArray[np.int64]
    """Row of the run's first unit, or UNMEASURED."""

    def rows(self, units: npt.NDArray[np.uint32]) -> Places:
        """For each unit's number its row among the measured units, or UNMEASURED."""
        number = units.astype(np.int64)
        run = np.searchsorted(self._begin, number, side="right") - 1
        row = self._row[run]
        measured = (row >= 0) & (number < self._end[run])
        return np.where(measured, row + number - self._begin[run], UNMEASURED)

    def places(self, hi: Halves, lo: Halves) -> Places:
        """For each task id its place, row * per_unit + position; UNMEASURED, or FOREIGN."""
        number = (lo >> np.uint64(32) & np.uint64(MOST_UNITS - 1)).astype(np.int64)
        position = (lo >> np.uint64(16) & np.uint64(0xFFFF)).astype(np.int64)
        run = np.searchsorted(self._begin, number, side="right") - 1
        named = (
            (hi == self._tag[run])
            & (lo & _FIXED_BITS == VARIANT)
            & (number < self._end[run])
            & (position < self._tasks[run])
        )
        row = self._row[run]
        place = (row + number - self._begin[run]) * self.per_unit + position
        return np.where(named, np.where(row >= 0, place, UNMEASURED), FOREIGN)


def placed(
    path: Path, kinds: Collection[int], published: Published
) -> Iterator[tuple[int, Events, Places]]:
    """What one log says of tasks: each kind of events, and the place of each event's task."""
    for chunk in chunks(path):
        for kind, events in by_kind(chunk):
            if kind in kinds:
                hi, lo = events["hi"].astype(np.uint64), events["lo"].astype(np.uint64)
                yield kind, events, published.places(hi, lo)


def published_in(folder: Path, per_unit: int) -> Published:
    """Find what was published, by all logs in `folder`. RecordError for one number twice."""
    found = _Publications()
    for path in logs_in(folder):
        if role_of(path) in _NEVER_PUBLISH:
            continue
        for chunk in chunks(path):
            events = of_kind(chunk, Kind.PUBLISH)
            if len(events):
                found.add(events)
    return found.published(per_unit, folder)


class _Publications:
    """PUBLISH records, gathered chunk by chunk in as few bytes as they need."""

    def __init__(self) -> None:
        self._tags: list[int] = []
        self._unit = [np.empty(0, dtype=np.uint32)]
        self._time_ns = [np.empty(0, dtype=np.int64)]
        self._flags = [np.empty(0, dtype=np.uint8)]
        self._client = [np.empty(0, dtype=np.uint16)]

    def add(self, events: Events) -> None:
        self._unit.append(events["unit"].astype(np.uint32))
        self._time_ns.append(events["time_ns"].astype(np.int64))
        self._flags.append(events["flags"].copy())
        self._client.append(self._clients(events["hi"].astype(np.uint64)))

    def _clients(self, hi: Halves) -> ClientNumbers:
        if (hi == hi[0]).all():  # one log is one client's
            return np.full(len(hi), self._number(int(hi[0])), dtype=np.uint16)
        tags, place = np.unique(hi, return_inverse=True)
        numbers = [self._number(tag) for tag in tags.tolist()]
        return np.array(numbers, dtype=np.uint16)[place]

    def _number(self, tag: int) -> int:
        if tag not in self._tags:
            self._tags.append(tag)
        return self._tags.index(tag)

    def published(self, per_unit: int, folder: Path) -> Published:
        unit, publish_ns, flags, client = self._in_order()
        twice = np.flatnonzero(unit[1:] == unit[:-1])
        if len(twice):
            raise RecordError(f"{folder}: unit {unit[twice[0]]} was published twice")
        measured = flags == UnitFlag.MEASURED
        tags = np.array(self._tags, dtype=np.uint64)
        first = _first_of_runs(unit, client, flags)
        last = np.append(first[1:], len(unit))[: len(first)] - 1
        row = np.cumsum(measured)[first] - 1
        return Published(
            unit=unit[measured],
            publish_ns=publish_ns[measured],
            client=client[measured],
            tags=tags,
            per_unit=per_unit,
            _begin=np.insert(unit[first], 0, -1),
            _end=np.insert(unit[last] + 1, 0, -1),
            _tag=np.insert(tags[client[first]], 0, 0),
            _tasks=np.insert(np.where(flags[first] == UnitFlag.PROBE, 1, per_unit), 0, 0),
            _row=np.insert(np.where(measured[first], row, UNMEASURED), 0, UNMEASURED),
        )

    def _in_order(self) -> tuple[Places, Places, Flags, ClientNumbers]:
        """Units' numbers, ascending, with times, flags and clients."""
        unit = np.concatenate(self._unit).astype(np.int64)
        publish_ns, flags = np.concatenate(self._time_ns), np.concatenate(self._flags)
        client = np.concatenate(self._client)
        if (unit[1:] > unit[:-1]).all():
            return unit, publish_ns, flags, client
        order = np.argsort(unit)
        return unit[order], publish_ns[order], flags[order], client[order]


def _first_of_runs(unit: Places, client: ClientNumbers, flags: Flags) -> npt.NDArray[np.intp]:
    """Index of the first unit of each run."""
    begins = np.ones(len(unit), dtype=bool)
    if len(unit):
        begins[1:] = unit[1:] != unit[:-1] + 1
        begins[1:] |= client[1:] != client[:-1]
        begins[1:] |= flags[1:] != flags[:-1]
    return np.flatnonzero(begins)
