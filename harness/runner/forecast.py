"""How long the blocks that are left will take, going by those that are over. An estimate."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean


class Forecast:
    """Wall times of finished blocks, by cell."""

    def __init__(self) -> None:
        self._walls_s: dict[int, list[float]] = {}

    def note(self, cell: int, wall_s: float) -> None:
        """A block of that cell took so long."""
        self._walls_s.setdefault(cell, []).append(wall_s)

    def block_s(self, cell: int) -> float | None:
        """The mean of the cell's blocks, else of all blocks; None before the first has ended."""
        walls_s = self._walls_s.get(cell) or [s for one in self._walls_s.values() for s in one]
        return fmean(walls_s) if walls_s else None

    def remaining_s(self, cells: Sequence[int]) -> float | None:
        """Seconds that blocks of these cells will take, one after the other; None where nothing is
        known of one of them."""
        each = [self.block_s(cell) for cell in cells]
        known = [one for one in each if one is not None]
        return sum(known) if known and len(known) == len(each) else None
