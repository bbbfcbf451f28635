"""Ids among many events, noted piece by piece: how many there are, when the last one ended."""

from __future__ import annotations

import numpy as np

from harness.results.events.earliest import NO_STAMP
from harness.results.events.eventlog import EVENT, Events, idents
from harness.results.events.published import Halves


class NotedIds:
    """Ids by their halves. Exact: both count."""

    def __init__(self) -> None:
        self._parts: list[tuple[Halves, Halves]] = []

    def note(self, hi: Halves, lo: Halves) -> None:
        """Take the ids of some more messages, each in two halves."""
        if len(hi):
            self._parts.append((hi, lo))

    def different(self) -> int:
        """How many different ones there are."""
        if not self._parts:
            return 0
        hi, lo = (np.concatenate(halves) for halves in zip(*self._parts, strict=True))
        order = np.lexsort((lo, hi))
        hi, lo = hi[order], lo[order]
        return 1 + int(((hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1])).sum())

    def messages(self) -> int:
        """How many messages bore them: a broker may deliver one again, and each without an id
        counts as one of its own."""
        unnamed = sum(int(((hi == 0) & (lo == 0)).sum()) for hi, lo in self._parts)
        return self.different() - (unnamed > 0) + unnamed


class SideEnds:
    """When what tasks of units had set going at once was over."""

    def __init__(self) -> None:
        self._ends = [np.empty(0, dtype=EVENT)]
        self._later = [np.empty(0, dtype=EVENT)]

    def finished(self, events: Events) -> None:
        """Ends of tasks that are none of a unit."""
        self._ends.append(events.copy())

    def spawned(self, events: Events) -> None:
        """Publications of tasks that are none of a unit; those with an ETA are not waited for."""
        self._later.append(events[events["flags"] != 0].copy())

    def end_ns(self, first_ns: int) -> int:
        """The last end from `first_ns` on, of tasks without an ETA; NO_STAMP if there is none."""
        ends, later = np.concatenate(self._ends), np.concatenate(self._later)
        ends = ends[(ends["time_ns"] >= first_ns) & ~np.isin(idents(ends), idents(later))]
        return int(ends["time_ns"].max(initial=NO_STAMP))
