"""Which rate to try next, in the search for the highest one that keeps the limits.

Pure: it is told what was tried. Doubles until a rate breaks a limit, then halves the gap between
the highest that kept them and the lowest that did not, on a logarithmic scale. Either way one step
may be chance: a rate that broke a limit is tried again at once, the highest that kept them in the
end, and where two tries disagree a third decides.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

_LEAST_PER_S = 0.1


class Tried(NamedTuple):
    """One step of a search for saturation: a rate that units were sent at."""

    rate_per_s: float
    kept: bool
    """Whether it kept the limits: nobody fell behind, and units came back in time."""


@dataclass(frozen=True)
class Search:
    """Where a search for the highest rate that is kept begins, and when it is over."""

    start_per_s: float
    most_per_s: float
    """No higher rate is tried."""
    precision: float
    """Relative distance of the highest kept and the lowest broken rate that ends it: 0.05."""

    def next(self, tried: Sequence[Tried]) -> float | None:
        """The rate to try next, per second; None when the search is over."""
        again = _undecided(tried) if tried else self.start_per_s
        if again is not None:
            return again
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


def _tries(tried: Sequence[Tried]) -> tuple[Counter[float], Counter[float]]:
    """How often each rate kept the limits, and how often it did not."""
    kept = Counter(step.rate_per_s for step in tried if step.kept)
    return kept, Counter(step.rate_per_s for step in tried if not step.kept)


def _undecided(tried: Sequence[Tried]) -> float | None:
    """The rate tried last, if another try has to tell whether it keeps the limits."""
    kept, broken = _tries(tried)
    rate = tried[-1].rate_per_s
    return rate if broken[rate] == 1 and kept[rate] <= 1 else None


def lowest_broken(tried: Sequence[Tried]) -> float | None:
    """The lowest rate that broke a limit more often than it kept them."""
    kept, broken = _tries(tried)
    return min((rate for rate in broken if broken[rate] > kept[rate]), default=None)


def highest_kept(tried: Sequence[Tried]) -> float | None:
    """The highest rate below which, itself included, none broke a limit more often than not."""
    kept, broken = _tries(tried)
    lowest = lowest_broken(tried)
    good = [rate for rate in kept if kept[rate] > broken[rate]]
    return max((rate for rate in good if lowest is None or rate < lowest), default=None)


def confirmed(tried: Sequence[Tried]) -> bool:
    """Whether the highest rate that kept the limits did so twice."""
    kept, _ = _tries(tried)
    return kept[highest_kept(tried) or 0.0] > 1


def _rounded(rate_per_s: float) -> float:
    """To three significant digits: nobody can measure more."""
    return float(f"{rate_per_s:.3g}")
