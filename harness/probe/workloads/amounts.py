"""Amounts that are drawn for each unit: durations and sizes, from distributions.

What a unit gets follows from the run's seed and the unit's number, as in `drawing`: every block of
a run, both sides of a comparison, and every version of Python come to the same.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Callable, Mapping
from itertools import accumulate
from statistics import NormalDist
from typing import Any

from harness.probe.workloads.drawing import Draw

Quantile = Callable[[float], float]
"""A share in (0, 1) -> what so large a share of all draws does not exceed."""
P99 = NormalDist().inv_cdf(0.99)
"""Standard deviations from the median to the 99th percentile of a normal distribution."""
_BITS = 52


def sigma(median: float, p99: float) -> float:
    """Standard deviation of the logarithms of a lognormal distribution."""
    return math.log(p99 / median) / P99


def _lognormal(of: Mapping[str, Any]) -> Quantile:
    center, width = math.log(of["median"]), sigma(of["median"], of["p99"])
    normal, most = NormalDist(), of.get("max") or math.inf
    return lambda share: min(most, math.exp(center + width * normal.inv_cdf(share)))


def _uniform(of: Mapping[str, Any]) -> Quantile:
    low, high = of["from"], of["to"]
    return lambda share: float(low + share * (high - low))


def _exponential(of: Mapping[str, Any]) -> Quantile:
    mean, most = of["mean"], of.get("max") or math.inf
    return lambda share: min(most, float(-mean * math.log1p(-share)))


def _choice(of: list[Mapping[str, Any]]) -> Quantile:
    values = [one["value"] for one in of]
    ends = list(accumulate(one["weight"] for one in of))
    return lambda share: float(values[bisect(ends, share * ends[-1])])


_QUANTILES: Mapping[str, Callable[[Any], Quantile]] = {
    "lognormal": _lognormal,
    "uniform": _uniform,
    "exponential": _exponential,
    "choice": _choice,
}


def quantile(distribution: Mapping[str, Any]) -> Quantile:
    """Of a distribution as the cell spec has it: `{lognormal: {median: 0.02, p99: 2.0}}`,
    `{uniform: {from: , to: }}`, `{exponential: {mean: }}` or `{choice: [{value: , weight: }]}`.
    What is above `max` of the first or the third is that."""
    ((kind, of),) = distribution.items()
    return _QUANTILES[kind](of)


def drawn(amount: Any, place: int, scale: float, most: int) -> Callable[[Draw], int]:
    """Makes the amount of a unit, times `scale`, as a whole number of `most` at most. `amount` is a
    number or a distribution, None is 0; `place` tells the draws of a unit apart."""
    if not isinstance(amount, Mapping):
        fixed = min(most, round((amount or 0) * scale))
        return lambda _: fixed
    share_to_value = quantile(amount)

    def draw(unit: Draw) -> int:
        # The largest of these shares is the last number below 1 that is told from it.
        share = ((unit.number(place) >> (64 - _BITS)) + 0.5) / (1 << _BITS)
        return min(most, round(share_to_value(share) * scale))

    return draw
