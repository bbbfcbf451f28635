"""Counts the different ids among many, noted piece by piece."""

from __future__ import annotations

import numpy as np

from harness.results.published import Halves


class NotedIds:
    """Ids by their halves. Exact: both count."""

    def __init__(self) -> None:
        self._parts: list[tuple[Halves, Halves]] = []

    def note(self, hi: Halves, lo: Halves) -> None:
        """Take some more."""
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
