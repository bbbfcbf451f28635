"""Ctrl-C, SIGTERM and SIGHUP: the first ends a measurement in order, the second at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """While entered, owns the process' interrupting signals."""

    def __init__(self) -> None:
        self.requested = False
        """The user wants the run to end."""
        self._deferred = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        self._before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """In here the first signal only sets `requested`: whoever measures looks at it."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - its signature
        second = self.requested
        self.requested = True
        if second or not self._deferred:
            raise KeyboardInterrupt
