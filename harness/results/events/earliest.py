"""The earliest of many time stamps, for each row of a table, in whatever order they are read."""

from __future__ import annotations

import numpy as np

from harness.results.arrays import Flags, Times
from harness.results.events.published import Places

NO_STAMP = np.iinfo(np.int64).min
_NOT_YET = np.iinfo(np.int64).max


class Earliest:
    """The earliest time stamp of each row, and the mark that came with it: the highest, if
    several came at that time. So the order in which logs are read decides nothing."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.noted = False
        """There is a stamp. Until then nothing is allocated."""
        self._marked = False

    def note(self, rows: Places, at_ns: Times, marks: Flags | None = None) -> None:
        """Take stamps, with their marks if there are any: those without have mark 0."""
        if not self.noted:
            self.noted = True
            self._times = np.full(self._rows, _NOT_YET, dtype=np.int64)
        if marks is None and not self._marked:
            np.minimum.at(self._times, rows, at_ns)
            return
        if not self._marked:
            self._marked = True
            self._marks = np.zeros(self._rows, dtype=np.uint8)
        if marks is None:
            marks = np.zeros(len(rows), dtype=np.uint8)
        before = self._times[rows]
        np.minimum.at(self._times, rows, at_ns)
        now = self._times[rows]
        self._marks[rows[now < before]] = 0
        first = at_ns == now
        np.maximum.at(self._marks, rows[first], marks[first])

    def times(self) -> Times:
        """The stamps, NO_STAMP where none came. To be called once."""
        if not self.noted:
            return np.broadcast_to(np.int64(NO_STAMP), self._rows)
        self._times[self._times == _NOT_YET] = NO_STAMP
        return self._times

    def marks(self) -> Flags:
        """The marks, 0 where none came."""
        return self._marks if self._marked else np.broadcast_to(np.uint8(0), self._rows)
