"""The clocks. Everything measured uses the monotonic one; only names use wall time."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def monotonic_ns() -> int:
    """CLOCK_MONOTONIC in ns: shared by all processes of one host (Linux, macOS)."""
    return time.monotonic_ns()


def utc_now() -> datetime:
    """Wall-clock time, with its zone, for names and records; never for a difference."""
    return datetime.now(UTC)
