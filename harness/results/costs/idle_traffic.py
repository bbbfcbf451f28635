"""How much of a block's traffic went by while nothing happened to any task: polls, heartbeats.

Servers' counters are read now and then. What they count between two readings in which no log of a
client or a worker tells of a task is nobody's work. Nothing is assumed about which commands these
are, and nothing is extrapolated: of idling that shares its quarter of a second with a task nothing
is taken, so there may be some more of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from harness.probe.recording.events import Kind
from harness.results.arrays import Times
from harness.results.events.eventlog import Events, chunks, logs_in
from harness.results.events.merged import MISSING, Merged

BUSY_PER_S = 100
"""Pieces a second: a server that counts more is at work, and its looks are no idle ones."""
_MARGIN_NS = 50_000_000
"""What belongs to a stamp may reach a server on the same machine so long before or after it."""
_NOT_OF_TASKS = (Kind.HEARTBEAT, Kind.GOSSIP, Kind.REQUEST, Kind.ANSWER)


@dataclass(frozen=True)
class CountersAt:
    """A server's counters at a moment between two times (CLOCK_MONOTONIC ns)."""

    begin_ns: int
    end_ns: int
    figures: Mapping[str, int]

    @property
    def middle_ns(self) -> int:
        """About when it was answered."""
        return (self.begin_ns + self.end_ns) // 2


def pieces_per_s(before: CountersAt, after: CountersAt) -> float:
    """Commands or messages a second between two looks; bytes are not counted."""
    names = [name for name in after.figures if not name.startswith(("bytes", "command."))]
    count = sum(after.figures[name] - before.figures.get(name, 0) for name in names)
    return count / max((after.middle_ns - before.middle_ns) / 1e9, 1e-9)


def idle_traffic(
    folder: Path,
    looks: Mapping[str, Sequence[CountersAt]],
    span_ns: tuple[int, int],
    running: Merged | None = None,
) -> dict[str, float]:
    """Figure, as in `traffic` -> how much of it. Times of the span are CLOCK_MONOTONIC.

    `folder` holds the block's event logs. `running`: where tasks' own code may ask the same
    servers, time in which one of them runs is not quiet either.
    """
    calm = {name: list(_calm(some)) for name, some in looks.items()}
    if not any(calm.values()):  # reading the logs would take time for nothing
        return {}
    moments_ns = _moments(folder, span_ns)
    busy = None if running is None else _Running(running)
    return {
        f"{server}.{name}": float(count)
        for server, some in calm.items()
        for name, count in _counted(
            (a, b) for a, b in some if _is_quiet(moments_ns, a.begin_ns, b.end_ns, busy)
        ).items()
    }


def _calm(looks: Sequence[CountersAt]) -> Iterator[tuple[CountersAt, CountersAt]]:
    """Neighbours between which the server was not at work, nor started again."""
    for before, after in pairwise(looks):
        backwards = any(after.figures.get(name, 0) < n for name, n in before.figures.items())
        if not backwards and pieces_per_s(before, after) < BUSY_PER_S:
            yield before, after


def _counted(pairs: Iterable[tuple[CountersAt, CountersAt]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for before, after in pairs:
        for name, count in after.figures.items():
            found[name] += count - before.figures.get(name, 0)
    return Counter({name: count for name, count in found.items() if count})


def _moments(folder: Path, span_ns: tuple[int, int]) -> Times:
    """When anything happened to a task, in order."""
    parts = [np.empty(0, dtype=np.int64)]
    for path in logs_in(folder):
        parts += [_of_tasks(chunk, span_ns) for chunk in chunks(path)]
    return np.unique(np.concatenate(parts))


def _of_tasks(chunk: Events, span_ns: tuple[int, int]) -> Times:
    times_ns, kinds = chunk["time_ns"], chunk["kind"]
    within = (times_ns >= span_ns[0]) & (times_ns <= span_ns[1]) & (kinds != 0)
    found: Times = times_ns[within & ~np.isin(kinds, _NOT_OF_TASKS)].astype(np.int64)
    return found


class _Running:
    """Whether any task runs at a moment."""

    def __init__(self, merged: Merged) -> None:
        executions = merged.executions()
        known = executions.ended_ns != MISSING
        self._began_ns = np.sort(executions.started_ns)
        self._ended_ns = np.sort(executions.ended_ns[known])

    def at(self, times_ns: Times) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """For each of the moments, whether any task ran then."""
        begun = np.searchsorted(self._began_ns, times_ns, side="right")
        over = np.searchsorted(self._ended_ns, times_ns, side="right")
        return np.asarray(begun > over)


def _is_quiet(moments_ns: Times, begin_ns: int, end_ns: int, busy: _Running | None) -> bool:
    first, last = np.searchsorted(moments_ns, (begin_ns - _MARGIN_NS, end_ns + _MARGIN_NS))
    runs = busy is not None and bool(busy.at(np.array([begin_ns], dtype=np.int64))[0])
    return bool(first == last) and not runs
