"""How long the blocks that are left will take: as the plan was looked ahead at, corrected by the
blocks that are over. An estimate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean


class Forecast:
    """Expected and real wall times of blocks, by cell."""

    def __init__(self, expected_s: Sequence[float]) -> None:
        """`expected_s`: of a block of each cell, before any was measured."""
        self._expected_s = expected_s
        self._walls_s: dict[int, list[float]] = {}

    def note(self, cell: int, wall_s: float) -> None:
        """A block of that cell took so long."""
        self._walls_s.setdefault(cell, []).append(wall_s)

    def block_s(self, cell: int) -> float:
        """The mean of the cell's blocks; before the first of them, what was expected of it, times
        how much longer than expected the others took."""
        if walls_s := self._walls_s.get(cell):
            return fmean(walls_s)
        took_s = math.fsum(math.fsum(walls_s) for walls_s in self._walls_s.values())
        meant_s = math.fsum(
            len(walls_s) * self._expected_s[other] for other, walls_s in self._walls_s.items()
        )
        return self._expected_s[cell] * (took_s / meant_s if meant_s else 1.0)

    def remaining_s(self, cells: Sequence[int]) -> float:
        """Seconds that blocks of these cells will take, one after the other."""
        return math.fsum(self.block_s(cell) for cell in cells)
