"""Room on the disk that keeps the run: looked at before a block, and all the time while it runs.

Event logs reserve their space before they use it, so a full disk never damages what is in them.
But it would make tasks and publish calls fail, which a report would blame on the configuration.
So a block is ended before it comes to that, while there is room to write down what it measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from harness.clock import monotonic_ns
from harness.errors import RecordError
from harness.units import format_bytes

RESERVE_BYTES = 16 * 1024 * 1024
"""Left free while a block runs: two of the largest steps by which an event log grows."""
_START_BYTES = 8 * 1024 * 1024
"""What a block needs beside it to begin at all: event logs and logs of all its processes."""
_LOOK_NS = 500_000_000


def free_bytes(folder: Path) -> int:
    """What this user may still write there."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


def check_room(folder: Path) -> None:
    """RecordError unless a block can begin in this folder."""
    free, needed = free_bytes(folder), RESERVE_BYTES + _START_BYTES
    if free < needed:
        raise RecordError(
            f"the disk that holds {folder} is full: {format_bytes(free)} are free, and a block "
            f"needs {format_bytes(needed)}. Make room, then go on: harness resume {folder.name}"
        )


class DiskGuard:
    """Says when a block has to end for lack of room. Cheap enough to be asked all the time."""

    def __init__(self, folder: Path, clock_ns: Callable[[], int] = monotonic_ns) -> None:
        self._folder = folder
        self._clock_ns = clock_ns
        self._next_ns = 0

    def trouble(self) -> str:
        """Why the block has to end; empty while there is room. Looks twice a second."""
        now_ns = self._clock_ns()
        if now_ns < self._next_ns:
            return ""
        self._next_ns = now_ns + _LOOK_NS
        free = free_bytes(self._folder)
        if free >= RESERVE_BYTES:
            return ""
        return (
            f"the disk that holds {self._folder} is nearly full ({format_bytes(free)} free): the "
            "block was ended while what it measured can still be written. Make room, then: "
            "harness resume"
        )
