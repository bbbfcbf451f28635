"""What pairs of blocks say: ratio, interval, smallest visible effect, verdict. No input or output.

The unit of inference is the block. Each pair of neighbouring blocks gives one log ratio
d = ln(head / base), signed so that above 0 is better; everything here works on those.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.stats.student import t_beyond, t_quantile

FEWEST_PAIRS = 6
"""Below it there is no verdict: five pairs cannot reach p < 0.05 in Wilcoxon's test at all."""
POWER = 0.80
OUTLIER_LIMIT = 3.5
_MAD_TO_SIGMA = 1.4826
_MOST_ALIKE, _MOST_EXACT = 13, 50
"""Pairs of which Wilcoxon's test is exact, some of them alike and none."""

Direction = Literal["regression", "improved", "no_change", "inconclusive"]
"""Of a change against its base."""
Difference = Literal["ahead", "behind", "no_difference", "inconclusive"]
"""Of alternatives, none of which is the right one."""


@dataclass(frozen=True)
class Estimate:
    """A ratio head/base over pairs of blocks; above 1 is better. All but `pairs` may be unknown."""

    pairs: int
    confidence: float
    """Of the interval, e.g. 0.95."""
    ratio: float | None = None
    """exp of the mean log ratio."""
    low: float | None = None
    """Lower end of the interval."""
    high: float | None = None
    """Upper end of the interval."""
    p_value: float | None = None
    """Two-sided, for a ratio of 1."""
    smallest_effect: float | None = None
    """The smallest relative change that is told from none with power 80 %."""
    smallest_regression: float | None = None
    """The smallest slowdown that is called a regression with power 80 %: beyond the margin."""
    outliers: int = 0
    """Pairs beyond 3.5 median absolute deviations; counted, never dropped."""


def estimate(log_ratios: Sequence[float], *, confidence: float, margin: float) -> Estimate:
    """Mean log ratio with its t interval, and what stands beside it.

    The interval is Student's over the pairs, at every size: under drift, heavy tails and spikes
    the percentile bootstrap of the mean gives 11-14 % false positives with 6-10 pairs at a
    nominal 5 %, the t interval 2-4 % (docs/verdicts.md). From 20 pairs on they agree.
    """
    values = np.asarray(log_ratios, dtype=np.float64)
    count = len(values)
    if count == 0:
        return Estimate(0, confidence)
    mean = float(values.mean())
    if count == 1:
        return Estimate(1, confidence, ratio=math.exp(mean))
    spread = float(values.std(ddof=1))
    error = spread / math.sqrt(count)
    tail = t_quantile(count - 1, 1 - (1 - confidence) / 2)
    smallest_effect = visible_effect(spread, count, confidence)
    return Estimate(
        pairs=count,
        confidence=confidence,
        ratio=math.exp(mean),
        low=math.exp(mean - tail * error),
        high=math.exp(mean + tail * error),
        p_value=_t_test(mean, error, count),
        smallest_effect=smallest_effect,
        smallest_regression=beyond(margin, smallest_effect),
        outliers=outliers(values),
    )


def visible_effect(spread: float, pairs: int, confidence: float) -> float:
    """The smallest relative change that so many pairs tell from none with power 80 %, where the
    log ratios of pairs have the standard deviation `spread`: (t.975 + t.80) standard errors
    (Bloom 1995). From 2 pairs on.

    >>> round(visible_effect(0.05, 10, 0.95), 3)
    0.049
    """
    quantiles = (1 - (1 - confidence) / 2, POWER)
    errors = math.fsum(t_quantile(pairs - 1, one) for one in quantiles)
    return 1 - math.exp(-errors * spread / math.sqrt(pairs))


def beyond(margin: float, effect: float) -> float:
    """The smallest slowdown that is called a regression, where `effect` is the smallest that is
    visible: a regression lies beyond the margin as well."""
    return 1 - (1 - margin) * (1 - effect)


def _t_test(mean: float, error: float, count: int) -> float:
    """Student 1908. Pairs without any spread decide by their mean alone."""
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return t_beyond(count - 1, mean / error)


def wilcoxon_p(log_ratios: Sequence[float]) -> float | None:
    """Signed-rank test (Wilcoxon 1945): the second opinion that no outlier can sway. Two-sided;
    equal distances share their ranks, pairs without any difference have none. Exact where SciPy's
    `wilcoxon` is (up to 13 pairs, and up to 50 that all differ), else normal, as there.

    None below two pairs.

    >>> wilcoxon_p([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])  # of 64 ways to sign six ranks two are as far
    0.03125
    """
    values = np.asarray(log_ratios, dtype=np.float64)
    if len(values) < 2:
        return None
    moved = values[values != 0]
    if not len(moved):
        return 1.0
    _, place, sizes = np.unique(np.abs(moved), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(sizes) - sizes + 1)[place]  # twice the ranks, which may be halves
    found = int(doubled[moved > 0].sum())
    alike = len(moved) < len(values) or bool((sizes > 1).any())
    if len(values) <= (_MOST_ALIKE if alike else _MOST_EXACT):
        return _of_all_signs(doubled, found)
    ties = float((sizes**3 - sizes).sum()) / 48
    spread = math.sqrt(len(moved) * (len(moved) + 1) * (2 * len(moved) + 1) / 24 - ties)
    from_mean = found / 2 - len(moved) * (len(moved) + 1) / 4
    return math.erfc(abs(from_mean) / spread / math.sqrt(2))


def _of_all_signs(doubled: npt.NDArray[np.int64], found: int) -> float:
    """Of all ways to give these ranks a sign, the share whose sum of the positive ones is as far
    out as the one that was found, to either side. All counts are whole, up to 2^50."""
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1.0
    for rank in doubled:
        ways[rank:] = ways[rank:] + ways[:-rank]
    fewer = min(ways[: found + 1].sum(), ways[found:].sum())
    return min(1.0, 2 * float(fewer) / 2.0 ** len(doubled))


def outliers(values: npt.NDArray[np.float64]) -> int:
    """How many lie beyond 3.5 scaled median absolute deviations (Iglewicz & Hoaglin 1993)."""
    distance = np.abs(values - _median(values))
    limit = OUTLIER_LIMIT * _MAD_TO_SIGMA * _median(distance)
    return int((distance > limit).sum()) if limit > 0 else 0


def _median(values: npt.NDArray[np.float64]) -> float:
    """NumPy's takes ten times as long for so few."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def direction(found: Estimate, *, margin: float) -> Direction:
    """On which side of the margin the interval of a comparison lies.

    *regression*: wholly below 1 - margin. *inconclusive*: on both sides of 1 - margin.
    Otherwise no slowdown beyond the margin is left: *improved* if it lies wholly above 1, else
    *no_change*. The design of perfgate's and Pinpoint's pairs and three outcomes taken together.
    """
    if found.pairs < FEWEST_PAIRS or found.low is None or found.high is None:
        return "inconclusive"
    limit = 1 - margin
    if found.high < limit:
        return "regression"
    if found.low < limit:
        return "inconclusive"
    return "improved" if found.low > 1 else "no_change"


def difference(found: Estimate, *, margin: float) -> Difference:
    """How the interval of a comparison of alternatives lies; what is better, not what is wrong.

    *ahead*, *behind*: wholly on one side of 1. *no_difference*: within the margin to both sides,
    so that none that matters is left. Else *inconclusive*.
    """
    if found.pairs < FEWEST_PAIRS or found.low is None or found.high is None:
        return "inconclusive"
    if found.low > 1 or found.high < 1:
        return "ahead" if found.low > 1 else "behind"
    return "no_difference" if within(found.low, found.high, margin) else "inconclusive"


def within(low: float, high: float, margin: float) -> bool:
    """Whether an interval leaves no difference beyond the margin, to either side."""
    return 1 - margin <= low and high <= 1 / (1 - margin)


def pairs_to_tell(found: Estimate, *, margin: float, change: bool) -> int | None:
    """About how many pairs of this spread would give a verdict (power 80 %), if the truth is what
    was found; at least those there are. None where nothing says how far pairs spread, or where the
    truth lies on the very limit.

    The smallest visible effect shrinks with the root of the number of pairs; it has to reach from
    the estimate to the limit that decides.
    """
    if not found.ratio or not found.smallest_effect or not 0 < found.smallest_effect < 1:
        return None
    limit = -math.log(1 - margin)
    lies_at = math.log(found.ratio)
    to_limit = abs(lies_at + limit) if change else max(abs(lies_at), limit - abs(lies_at))
    if not to_limit:
        return None
    visible = -math.log(1 - found.smallest_effect)
    needed = found.pairs * (visible / to_limit) ** 2
    return max(found.pairs, math.ceil(min(needed, 1e9)))


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """q values: p values adjusted so that of what is called a change at most 5 % is none.

    Benjamini & Hochberg 1995, valid for the positively dependent metrics of one block
    (Benjamini & Yekutieli 2001).
    """
    if not p_values:
        return []
    ascending = np.argsort(p_values)
    count = len(p_values)
    scaled = np.asarray(p_values, dtype=np.float64)[ascending] * count / np.arange(1, count + 1)
    adjusted = np.empty(count)
    adjusted[ascending] = np.minimum.accumulate(scaled[::-1])[::-1]
    return [float(q) for q in np.minimum(adjusted, 1.0)]


def geometric_mean(ratios: Sequence[float]) -> float | None:
    """The only mean of ratios that does not depend on which side is the base (Fleming & Wallace
    1986). None for no ratios."""
    return math.exp(math.fsum(map(math.log, ratios)) / len(ratios)) if ratios else None
