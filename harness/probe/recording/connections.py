"""Records connections to the broker that a process opens, and waits for one that is open."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from kombu.connection import Connection
from kombu.pools import ProducerPool

from harness.probe.recording.events import NO_ID, Kind
from harness.probe.recording.recorder import Recorder

_LEAST_WAIT_NS = 1_000_000
"""What a producer takes that is there, and more."""


def watch(recorder: Recorder) -> None:
    """Record every connection that is opened from now on, and every wait for a producer."""
    record, now = recorder.record, time.monotonic_ns
    connection: Any = Connection
    pool: Any = ProducerPool
    establish: Callable[[Any], Any] = connection._establish_connection
    acquire: Callable[..., Any] = pool.acquire

    @functools.wraps(establish)
    def established(self: Any) -> Any:
        record(Kind.CONNECTED, NO_ID, now())
        return establish(self)

    @functools.wraps(acquire)
    def acquired(self: Any, *args: Any, **kwargs: Any) -> Any:
        begin_ns = now()
        producer = acquire(self, *args, **kwargs)
        end_ns = now()
        if end_ns - begin_ns >= _LEAST_WAIT_NS:
            record(Kind.POOL_WAITED, NO_ID, end_ns, (end_ns - begin_ns) // 1000)
        return producer

    connection._establish_connection = established
    pool.acquire = acquired
