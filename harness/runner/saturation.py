"""Which rate to try next, in the search for the highest one that keeps the limits.

Pure: it is told what was tried. Doubles until a rate breaks a limit, then halves the gap between
the highest that kept them and the lowest that did not, on a logarithmic scale; in the end the
highest is tried once more, because one step may be lucky. A rate that kept the limits once and
broke them once has broken them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_LEAST_PER_S = 0.1


@dataclass(frozen=True)
class Tried:
    """One step."""

    rate_per_s: float
    kept: bool


@dataclass(frozen=True)
class Search:
    """A search's bounds."""

    start_per_s: float
    most_per_s: float
    precision: float
    """Relative: 0.05."""

    def next(self, tried: Sequence[Tried]) -> float | None:
        """The rate to try next, per second; None when the search is over."""
        if not tried:
            return self.start_per_s
        highest, lowest = highest_kept(tried), lowest_broken(tried)
        if highest is None:
            assert lowest is not None  # noqa: S101 - what was tried was kept or not
            lower = _rounded(lowest / 2)
            return lower if lower >= _LEAST_PER_S else None
        if lowest is None and highest < self.most_per_s:
            return min(_rounded(highest * 2), self.most_per_s)
        if lowest is None or lowest / highest <= 1 + self.precision:
            return None if confirmed(tried) else highest
        between = _rounded(math.sqrt(highest * lowest))
        # Rounding may hit an end of a gap of very low rates.
        if highest < between < lowest:
            return between
        return None if confirmed(tried) else highest


def lowest_broken(tried: Sequence[Tried]) -> float | None:
    """The lowest rate that broke a limit."""
    return min((step.rate_per_s for step in tried if not step.kept), default=None)


def highest_kept(tried: Sequence[Tried]) -> float | None:
    """The highest rate below which, itself included, no limit was broken."""
    lowest = lowest_broken(tried)
    kept = [s.rate_per_s for s in tried if s.kept and (lowest is None or s.rate_per_s < lowest)]
    return max(kept, default=None)


def confirmed(tried: Sequence[Tried]) -> bool:
    """Whether the highest rate that kept the limits did so twice."""
    highest = highest_kept(tried)
    return sum(step.rate_per_s == highest for step in tried) > 1


def _rounded(rate_per_s: float) -> float:
    """To three significant digits: nobody can measure more."""
    return float(f"{rate_per_s:.3g}")
