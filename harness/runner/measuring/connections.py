"""How many connections clients and workers hold while a block is measured, now and then."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.clock import monotonic_ns
from harness.usage import connections

_FIRST_PAUSE_NS = 1_000_000_000
_LONGEST_PAUSE_NS = 32_000_000_000
"""Celery keeps connections open: the pause doubles from the first to the longest, as a look reads
the open files of every process."""


class ConnectionLooks:
    """Counts the TCP connections of some process trees, at moments further and further apart."""

    def __init__(self, roots: Callable[[], Sequence[int]]) -> None:
        """`roots`: ids of the main processes of clients and workers, as they are at the moment."""
        self._roots = roots
        self._pause_ns = _FIRST_PAUSE_NS
        # Not at once: of a block of a second or two the look at its end is enough.
        self._due_ns = monotonic_ns() + _FIRST_PAUSE_NS
        self.most: int | None = None
        """The most of all looks; None where the system does not tell."""

    def look_if_due(self) -> float:
        """Look, if it is time to; in how many seconds it is time again."""
        if monotonic_ns() >= self._due_ns:
            self.look()
            self._due_ns = monotonic_ns() + self._pause_ns
            self._pause_ns = min(2 * self._pause_ns, _LONGEST_PAUSE_NS)
        return (self._due_ns - monotonic_ns()) / 1e9

    def look(self) -> None:
        """Look now."""
        found = connections(self._roots())
        if found is not None:
            self.most = max(found, self.most or 0)
