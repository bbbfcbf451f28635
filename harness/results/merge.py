"""Merges the event logs of one block into units and tasks. Arrays only, no Python loop per task.

Client events say which tasks make up which unit; worker events are joined to them by task id.
Times are CLOCK_MONOTONIC ns of one host; MISSING stands for "did not happen".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.probe.events import RAISED, Kind, Outcome, UnitFlag
from harness.results.eventlog import EVENT, Events, read_by_kind

MISSING = np.iinfo(np.int64).min
Times = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Units:
    """Measured units, in the order of their numbers; one entry each in every array."""

    unit: npt.NDArray[np.int64]
    due_ns: Times
    """When the unit was to be published; `publish_ns` where no pacer planned it."""
    publish_ns: Times
    published_ns: Times
    publish_failed: npt.NDArray[np.bool_]
    seen_ns: Times
    seen: npt.NDArray[np.uint8]
    """`probe.events.Outcome` as the client saw it, NONE if it did not."""
    checked: npt.NDArray[np.uint8]
    """The same, as found after the measuring."""
    checked_ns: Times
    """When that was looked for."""


@dataclass(frozen=True)
class Tasks:
    """Tasks of the measured units, sorted by unit and position."""

    row: npt.NDArray[np.int64]
    """Index of the task's unit in `Units`."""
    position: npt.NDArray[np.int64]
    hi: npt.NDArray[np.uint64]
    lo: npt.NDArray[np.uint64]
    received_ns: Times
    started_ns: Times
    finished_ns: Times
    storing_ns: Times
    stored_ns: Times
    raised: npt.NDArray[np.bool_]
    executions: Counts
    """How often the function was started."""


@dataclass(frozen=True)
class Merged:
    """One block's events as tables."""

    units: Units
    tasks: Tasks
    foreign_tasks: int
    """Tasks that were started though no client of the block published them."""
    measure_begin_ns: int
    measure_end_ns: int
    release_ns: int


ByKind = Mapping[int, Events]


def merge(folder: Path) -> Merged:
    """Read and join all event logs in `folder`."""
    events = read_by_kind(folder)
    publish, members = _of(events, Kind.PUBLISH), _of(events, Kind.MEMBER)
    measured = publish[publish["flags"] == UnitFlag.MEASURED]
    units = _units(events, measured[np.argsort(measured["unit"], kind="stable")])
    return Merged(
        units=units,
        tasks=_tasks(events, units, _members(members, measured)),
        foreign_tasks=_foreign(_of(events, Kind.STARTED), np.concatenate([members, publish])),
        measure_begin_ns=_earliest(events, Kind.MEASURE_BEGIN),
        measure_end_ns=int(_of(events, Kind.MEASURE_END)["time_ns"].max(initial=MISSING)),
        release_ns=_earliest(events, Kind.RELEASE),
    )


def _of(events: ByKind, kind: Kind) -> Events:
    return events.get(kind, np.empty(0, dtype=EVENT))


def _earliest(events: ByKind, kind: Kind) -> int:
    found = _of(events, kind)
    return int(found["time_ns"].min()) if len(found) else MISSING


def _units(events: ByKind, measured: Events) -> Units:
    numbers = measured["unit"].astype(np.int64)

    def of_unit(kind: Kind) -> tuple[Times, npt.NDArray[np.uint8]]:
        found = _of(events, kind)
        found = found[np.isin(found["unit"], numbers)]
        rows = np.searchsorted(numbers, found["unit"])
        times = np.full(len(numbers), MISSING, dtype=np.int64)
        flags = np.zeros(len(numbers), dtype=np.uint8)
        times[rows] = found["time_ns"]
        flags[rows] = found["flags"]
        return times, flags

    publish_ns = measured["time_ns"].astype(np.int64)
    due_ns, _ = of_unit(Kind.DUE)
    seen_ns, seen = of_unit(Kind.SEEN)
    checked_ns, checked = of_unit(Kind.CHECKED)
    return Units(
        unit=numbers,
        due_ns=np.where(due_ns == MISSING, publish_ns, due_ns),
        publish_ns=publish_ns,
        published_ns=of_unit(Kind.PUBLISHED)[0],
        publish_failed=of_unit(Kind.PUBLISH_FAILED)[0] != MISSING,
        seen_ns=np.where(seen == Outcome.TIMED_OUT, MISSING, seen_ns),
        seen=seen,
        checked=checked,
        checked_ns=checked_ns,
    )


def _members(members: Events, measured: Events) -> Events:
    """The tasks of measured units. A client killed inside `publish` had no time to name them:
    such a unit stands with the one id that is known, its own."""
    mine = members[np.isin(members["unit"], measured["unit"])]
    unnamed = measured[~np.isin(measured["unit"], mine["unit"])].copy()
    unnamed["position"] = 0
    both = np.concatenate([mine, unnamed])
    place = both["unit"].astype(np.uint64) << np.uint64(16) | both["position"]
    in_order: Events = both[np.argsort(place, kind="stable")]
    return in_order


def _tasks(events: ByKind, units: Units, members: Events) -> Tasks:
    index = _Index(members)

    def first(kind: Kind) -> tuple[Times, npt.NDArray[np.uint8], Counts]:
        found = _of(events, kind)
        rows = index.rows(found)
        mine = rows >= 0
        rows, at_ns, said = rows[mine], found["time_ns"][mine], found["flags"][mine]
        count = np.bincount(rows, minlength=len(members)).astype(np.int64)
        if (count > 1).any():
            # Written latest first, so that the earliest stands in the end.
            latest_first = np.argsort(at_ns, kind="stable")[::-1]
            rows, at_ns, said = rows[latest_first], at_ns[latest_first], said[latest_first]
        times = np.full(len(members), MISSING, dtype=np.int64)
        flags = np.zeros(len(members), dtype=np.uint8)
        times[rows] = at_ns
        flags[rows] = said
        return times, flags, count

    started_ns, _, executions = first(Kind.STARTED)
    finished_ns, flags, _ = first(Kind.FINISHED)
    return Tasks(
        row=np.searchsorted(units.unit, members["unit"]).astype(np.int64),
        position=members["position"].astype(np.int64),
        hi=members["hi"].astype(np.uint64),
        lo=members["lo"].astype(np.uint64),
        received_ns=first(Kind.RECEIVED)[0],
        started_ns=started_ns,
        finished_ns=finished_ns,
        storing_ns=first(Kind.STORING)[0],
        stored_ns=first(Kind.STORED)[0],
        raised=(flags & RAISED) != 0,
        executions=executions,
    )


def _keys(events: Events) -> npt.NDArray[np.uint64]:
    """One number for both halves of an id. Either half may be shared by many tasks: nothing
    says that ids are random. (The factor is 2**64 / golden ratio, as in Fibonacci hashing.)"""
    hi = events["hi"].astype(np.uint64)
    keys: npt.NDArray[np.uint64] = events["lo"].astype(np.uint64) ^ (hi * _GOLDEN)
    return keys


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class _Index:
    """Finds tasks by their ids."""

    def __init__(self, members: Events) -> None:
        keys = _keys(members)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        self._hi = members["hi"].astype(np.uint64)[self._order]

    def rows(self, found: Events) -> npt.NDArray[np.int64]:
        """For each event the index of its task, or -1."""
        if len(self._keys) == 0:
            return np.full(len(found), -1, dtype=np.int64)
        keys = _keys(found)
        places = np.empty(len(keys), dtype=np.intp)
        ascending = np.argsort(keys)  # looked up in this order, neighbours share cache lines
        places[ascending] = np.searchsorted(self._keys, keys[ascending])
        places = np.minimum(places, len(self._keys) - 1)
        hit = (self._keys[places] == keys) & (self._hi[places] == found["hi"])
        return np.where(hit, self._order[places], -1).astype(np.int64)


def _foreign(started: Events, known: Events) -> int:
    strangers = started[_Index(known).rows(started) < 0]
    return len(np.unique(_keys(strangers)))
