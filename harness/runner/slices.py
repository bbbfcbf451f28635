"""How the load of twins is divided: slices that are put on in turn, as long for one as the other.

Short ones let what disturbs the machine hit both sides alike; long units need longer ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.scenario.loads.rate import RateLoad
from harness.scenario.loads.turns import slice_s
from harness.scenario.models.scenario import Cell

_TOO_SHORT = 3
"""Slices that take so many times as long as they were to last are too short for their units."""
_CALLS_EACH = 4
"""Units of a caller in the first slice of a load that is measured by units."""
_FEWEST = 4
"""Slices of such a load: no one of them has more than a fourth of it to begin with."""
_GROWTH = 4.0
"""Slices by units become so many times as large at most: the first one may have been unlike."""


@dataclass(frozen=True)
class Slice:
    """What is put on at a time: units are started for so long, or so many of them."""

    seconds: float | None = None
    units: int | None = None


class Slices:
    """The slices of a load, one after the other: what they add up to is the load of a block."""

    def __init__(self, each_s: float) -> None:
        self.each_s = each_s
        """Seconds of a slice, or of as many units as take about so long; they may grow."""

    def next(self) -> Slice | None:
        """The next one; None where all is put on."""
        raise NotImplementedError

    def took(self, seconds: float) -> None:
        """How long the last one took on the slower side, until nothing of it was under way."""
        raise NotImplementedError


class OfTime(Slices):
    """Callers start units for so long."""

    def __init__(self, lasts_s: float, each_s: float) -> None:
        super().__init__(each_s)
        self._left_s, self._asked_s = lasts_s, 0.0

    def next(self) -> Slice | None:
        """As long as the others, or the rest."""
        if self._left_s <= 0:
            return None
        self._asked_s = self._left_s if self._left_s < 1.5 * self.each_s else self.each_s
        self._left_s -= self._asked_s
        return Slice(seconds=self._asked_s)

    def took(self, seconds: float) -> None:
        """They grow where units take too long for them."""
        self.each_s *= 2 if seconds > _TOO_SHORT * self._asked_s else 1


class OfUnits(Slices):
    """Callers run so many units; a slice has as many as take about as long as one of time."""

    def __init__(self, units: int, callers: int, each_s: float) -> None:
        super().__init__(each_s)
        self._left, self._least, self._most = units, callers, max(units // 2, callers)
        self._each, self._asked = max(min(_CALLS_EACH * callers, units // _FEWEST), callers), 0

    def next(self) -> Slice | None:
        """As many as the others, or the rest."""
        if self._left <= 0:
            return None
        self._asked = self._left if self._left < 1.5 * self._each else self._each
        self._left -= self._asked
        return Slice(units=self._asked)

    def took(self, seconds: float) -> None:
        """As many more or less as fit; no fewer than there are callers, no more than half."""
        factor = min(self.each_s / max(seconds, 1e-3), _GROWTH)
        self._each = min(max(round(self._asked * factor), self._least), self._most)


class AtRate(Slices):
    """Units are due at a rate, a whole number of them in each slice."""

    def __init__(self, lasts_s: float, per_s: float, each_s: float) -> None:
        super().__init__(each_s)
        self._left = max(round(lasts_s * per_s), 1)
        self._per_s, self._asked_s = per_s, 0.0

    def next(self) -> Slice | None:
        """As long as the others, or the rest."""
        if self._left <= 0:
            return None
        each = max(math.floor(self._per_s * self.each_s), 1)
        asked = self._left if self._left < 1.5 * each else each
        self._left -= asked
        self._asked_s = asked / self._per_s
        return Slice(seconds=self._asked_s)

    def took(self, seconds: float) -> None:
        """They grow where units take too long for them."""
        self.each_s *= 2 if seconds > _TOO_SHORT * self._asked_s else 1


def slices_of(cell: Cell, unit_s: float | None) -> Slices:
    """Those of the load of a cell that can be one of twins (`scenario.checks.twins`). `unit_s`:
    what one of its units takes, as far as that is known."""
    load, measure = cell.load, cell.measure
    each_s = slice_s(load, measure, unit_s)
    if isinstance(load, RateLoad):
        return AtRate(load.lasts_s(measure), load.rate or 1.0, each_s)
    if measure.duration is not None:
        return OfTime(measure.duration, each_s)
    return OfUnits(measure.units or 0, load.warmup_callers, each_s)
