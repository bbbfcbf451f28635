"""Pairs of blocks that come from several cells: their mean, and whether cells differ in it.

A *stratum* holds the log ratios of one cell's pairs. What cells differ in is no noise: the spread
is that of the pairs within their strata. No input or output.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.paired import POWER
from harness.stats.student import f_beyond, t_beyond, t_quantile

FEWEST_IN_A_GROUP = 2
"""Pairs of a group beyond one for each of its strata, below which groups are not compared: by
simulation of quiet and noisy groups, Welch's test keeps its error from here on."""

Strata = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Mean:
    """The mean of strata, each with the same weight, and how far it may be from theirs."""

    value: float
    variance: float
    """Of the mean."""
    freedom: float
    """Degrees of freedom of that variance; 0 where there is none."""

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """Student's t interval; None where one value is all there is."""
        if not self.freedom:
            return None
        reach = t_quantile(self.freedom, 1 - (1 - confidence) / 2) * math.sqrt(self.variance)
        return self.value - reach, self.value + reach

    def visible(self, confidence: float) -> float | None:
        """The smallest log ratio that is told from none with power 80 % (Bloom 1995)."""
        if not self.freedom:
            return None
        tails = t_quantile(self.freedom, 1 - (1 - confidence) / 2) + t_quantile(self.freedom, POWER)
        return tails * math.sqrt(self.variance)

    @property
    def p_value(self) -> float | None:
        """Two-sided, for a mean of 0 (Student 1908)."""
        if not self.freedom:
            return None
        if self.variance == 0:
            return 1.0 if self.value == 0 else 0.0
        return t_beyond(self.freedom, self.value / math.sqrt(self.variance))


def stratified_mean(strata: Strata) -> Mean | None:
    """The mean of the strata's means; None without a value.

    Its variance is that of pairs within their strata, with Satterthwaite's degrees of freedom
    (1946), as one cell may be noisier than another. A stratum of one pair is taken to vary as the
    others do. Where none has two, the strata themselves are what varies: what differs between them
    widens the interval.
    """
    values = [np.asarray(one, dtype=np.float64) for one in strata if len(one)]
    if not values:
        return None
    means = np.array([one.mean() for one in values])
    within = [one for one in values if len(one) > 1]
    if not within:
        count = len(means)
        spread = float(means.var(ddof=1)) / count if count > 1 else 0.0
        return Mean(float(means.mean()), spread, count - 1)
    freedom = sum(len(one) - 1 for one in within)
    common = sum(float(one.var(ddof=1)) * (len(one) - 1) for one in within) / freedom
    parts = [(float(one.var(ddof=1)) / len(one), len(one) - 1) for one in within]
    alone = len(values) - len(within)
    if alone:
        parts.append((alone * common, freedom))
    variance = sum(part for part, _ in parts)
    weights = sum(part**2 / own for part, own in parts)
    effective = variance**2 / weights if weights else float(freedom)
    return Mean(float(means.mean()), variance / len(values) ** 2, min(effective, freedom))


def unlike(groups: Sequence[Strata]) -> float | None:
    """p value for groups of strata having one and the same mean: Welch's test of means of unlike
    variances (1951). None where there are too few pairs to tell."""
    found = [stratified_mean(strata) for strata in groups]
    means = [one for one in found if one is not None]
    beyond = [sum(len(one) - 1 for one in strata if len(one)) for strata in groups]
    if len(means) < 2 or len(means) < len(groups) or min(beyond) < FEWEST_IN_A_GROUP:
        return None
    values = np.array([one.value for one in means])
    variances = np.array([one.variance for one in means])
    if not variances.all():
        return 1.0 if np.ptp(values) == 0 else 0.0
    weights = 1 / variances
    total = float(weights.sum())
    middle = float((weights * values).sum()) / total
    many = len(means)
    rest = sum(
        (1 - weight / total) ** 2 / one.freedom for weight, one in zip(weights, means, strict=True)
    )
    between = float((weights * (values - middle) ** 2).sum()) / (many - 1)
    ratio = between / (1 + 2 * (many - 2) / (many**2 - 1) * rest)
    return f_beyond(many - 1, (many**2 - 1) / (3 * rest), ratio)
