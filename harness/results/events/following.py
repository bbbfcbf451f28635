"""Follows event logs that are still being written: each record is read once, soon after it was.

For whoever watches a block while it runs. Figures are never made of it: see `merge`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.probe.recording.events import HEADER_BYTES, RECORD_BYTES
from harness.results.events.eventlog import EVENT, Events

MOST_RECORDS = 1 << 19
"""Records of one log at one look, at most: 16 MB. What is more waits for the next look."""
_CHUNK_BYTES = 4096 * RECORD_BYTES
_MOST_GAPS = 1024
_CLIENT = "client-"


@dataclass
class _Log:
    """How far one log has been read."""

    next_slot: int = 0
    gaps: list[int] = field(default_factory=list)
    """Slots that were taken and not filled yet, with filled ones behind them."""


class Follower:
    """Reads what is new in the logs of a folder, within a bound at each look."""

    def __init__(self, folder: Path, most_records: int = MOST_RECORDS) -> None:
        self._folder = folder
        self._most_records = most_records
        self._logs: dict[Path, _Log] = {}
        self.behind = False
        """The last look left something unread, because it was too much."""

    def new(self) -> Events:
        """Every record written since the last call, log by log."""
        self.behind = False
        # Clients last: a unit was published before anything else is written of it, so whoever
        # reads its publication after the rest has it for everything that was read.
        paths = sorted(self._folder.glob("*.evt"), key=lambda path: path.name.startswith(_CLIENT))
        return _joined([part for path in paths for part in self._read(path)])

    def _read(self, path: Path) -> list[Events]:
        log = self._logs.setdefault(path, _Log())
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:  # the block is over
            return []
        try:
            return [*self._filled_gaps(file, log), self._onwards(file, log)]
        finally:
            os.close(file)

    def _filled_gaps(self, file: int, log: _Log) -> list[Events]:
        """A writer that is stopped or slow fills its slot later, a dead one never."""
        found = {slot: _records(file, slot, 1) for slot in log.gaps}
        filled = [slot for slot, record in found.items() if record["kind"].any()]
        log.gaps = [slot for slot in log.gaps if slot not in filled]
        return [found[slot] for slot in filled]

    def _onwards(self, file: int, log: _Log) -> Events:
        """From where the last look ended to the first chunk in which nothing is written."""
        begin = log.next_slot
        parts: list[Events] = []
        end = begin
        while end - begin < self._most_records:
            chunk = _records(file, end, _CHUNK_BYTES // RECORD_BYTES)
            if not chunk["kind"].any():
                break
            parts.append(chunk)
            end += len(chunk)
        else:
            self.behind = True
        events = _joined(parts)
        written = np.flatnonzero(events["kind"])
        if not len(written):
            return events[:0]
        last = int(written[-1]) + 1
        gaps = np.flatnonzero(events["kind"][:last] == 0) + begin
        log.gaps = [*log.gaps, *gaps.tolist()][-_MOST_GAPS:]
        log.next_slot = begin + last
        return events[written]


def _joined(parts: Sequence[Events]) -> Events:
    # As bytes: numpy would turn the order of theirs round where it joins records.
    return np.frombuffer(b"".join(part.tobytes() for part in parts), dtype=EVENT)


def _records(file: int, slot: int, count: int) -> Events:
    """Whole records from a slot on; less, or none, at the end of the file."""
    data = os.pread(file, count * RECORD_BYTES, HEADER_BYTES + slot * RECORD_BYTES)
    return np.frombuffer(data[: len(data) - len(data) % RECORD_BYTES], dtype=EVENT)
