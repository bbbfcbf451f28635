"""The measured time, as the harness tells it to a beat that runs already.

A file of two numbers, mapped by both: beat looks at it with every fire, which costs no system call.
"""

from __future__ import annotations

import mmap
import os
import struct

_NUMBERS = struct.Struct("<qq")
_END = struct.Struct("<q")


class Window:
    """`[begin_ns, end_ns)` of CLOCK_MONOTONIC; zeros as long as it is not decided."""

    def __init__(self, path: str) -> None:
        """Map the file at `path`; it is created if it is not there."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(handle).st_size < _NUMBERS.size:
                os.ftruncate(handle, _NUMBERS.size)
            self._map = mmap.mmap(handle, _NUMBERS.size)
        finally:
            os.close(handle)

    def decide(self, begin_ns: int, end_ns: int) -> None:
        """Say when it is. The begin is written last: without it, nothing is within."""
        self.end_at(end_ns)
        _END.pack_into(self._map, 0, begin_ns)

    def end_at(self, end_ns: int) -> None:
        """Let the span of time end at another moment (CLOCK_MONOTONIC ns)."""
        _END.pack_into(self._map, _END.size, end_ns)

    def holds(self, moment_ns: int) -> bool:
        """Whether a moment is within."""
        begin_ns, end_ns = self._numbers()
        return 0 < begin_ns <= moment_ns < end_ns

    def over(self, moment_ns: int) -> bool:
        """Whether a moment lies behind it."""
        begin_ns, end_ns = self._numbers()
        return begin_ns > 0 and moment_ns >= end_ns

    def _numbers(self) -> tuple[int, int]:
        begin_ns, end_ns = _NUMBERS.unpack_from(self._map)
        return begin_ns, end_ns
