"""Where the level of a series changed: candidates for a paired re-run, never verdicts.

E-divisive means with a permutation test. A change that it nominates has to last and to matter: see
`Limits`.

Sources: Matteson and James, A Nonparametric Approach for Multiple Change Point Analysis of
Multivariate Data, JASA 109 (2014), arXiv:1306.4933. Besag and Clifford, Sequential Monte Carlo
p-values, Biometrika 78 (1991).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_PERMUTATIONS = 499
_ENOUGH_EXCEEDANCES = 25
"""That many of 499 as extreme as the candidate: p cannot fall below 0.05 any more."""
_BATCH_CELLS = 500_000
"""Permutations are drawn so many at a time that their sums fill about 4 MB a piece."""
SHORTEST_SERIES = 12
"""In shorter ones nothing can be found. Of n points, k of them after a change, the permutation test
gives at best p = 2 / C(n, k): with 3 after it, 12 is the first n where that is below 0.01."""


@dataclass(frozen=True)
class Limits:
    """What a change must have to be nominated."""

    points: int = 3
    """On each side of it: a single wild point, the last one above all, is no change."""
    magnitude: float = 0.05
    """Relative difference of the medians of the two sides."""
    level: float = 0.01
    """Level of the permutation test, for the whole series."""


@dataclass(frozen=True)
class ChangePoint:
    """The level of a series changed between two of its points."""

    index: int
    """The first point of the new level."""
    before: float
    """Median since the change before it, or since the beginning."""
    after: float
    """Median up to the next change, or to the end."""
    p_value: float

    @property
    def change(self) -> float:
        """Relative: -0.1 is ten per cent down."""
        return self.after / self.before - 1


DEFAULT_LIMITS = Limits()
METHOD = f"E-divisive means, {_PERMUTATIONS} permutations, p <= {DEFAULT_LIMITS.level}"
"""Name and settings, for a report."""


def change_points(
    values: Sequence[float],
    limits: Limits = DEFAULT_LIMITS,
    *,
    seed: int = 0,
) -> tuple[ChangePoint, ...]:
    """The changes of level in a series of positive values, oldest first.

    The same values give the same answer: permutations are drawn from `seed`. Raises ValueError
    for a value that is not positive, of which no relative change exists.
    """
    series = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(series) & (series > 0)).all():
        raise ValueError("change points need positive values")
    if len(series) < max(2 * limits.points, SHORTEST_SERIES):
        return ()
    # A change is a ratio: in logarithms a doubling and a halving are equally far.
    found = _e_divisive(np.log(series), limits, np.random.default_rng(seed))
    return _lasting(series, found, limits)


def _lasting(series: Floats, found: dict[int, float], limits: Limits) -> tuple[ChangePoint, ...]:
    """Drop what is too short or too small, the smallest first: its neighbours then merge."""
    kept = dict(sorted(found.items()))
    while kept:
        points = _described(series, kept)
        weak = [
            point
            for point, length in zip(points, _lengths(len(series), kept), strict=True)
            if length < limits.points or abs(point.change) < limits.magnitude
        ]
        if not weak:
            return points
        del kept[min(weak, key=lambda point: (abs(point.change), -point.index)).index]
    return ()


def _described(series: Floats, kept: dict[int, float]) -> tuple[ChangePoint, ...]:
    medians = [float(np.median(part)) for part in np.split(series, list(kept))]
    sides = zip(kept.items(), pairwise(medians), strict=True)
    return tuple(ChangePoint(index, one, two, p) for (index, p), (one, two) in sides)


def _lengths(total: int, kept: dict[int, float]) -> list[int]:
    """Of each change, how many points the shorter of its two sides has."""
    edges = [0, *kept, total]
    sizes = [end - begin for begin, end in pairwise(edges)]
    return [min(one, two) for one, two in pairwise(sizes)]


def _e_divisive(series: Floats, limits: Limits, rng: np.random.Generator) -> dict[int, float]:
    """Index of each change -> p-value.

    The best split over all segments is accepted if few permutations *within* the segments
    give a better one; then the segments are one more, and it begins again.
    """
    distances = np.abs(series[:, None] - series[None, :])
    found: dict[int, float] = {}
    while True:
        edges = [0, *sorted(found), len(series)]
        segments = [
            np.arange(begin, end)
            for begin, end in pairwise(edges)
            if end - begin >= 2 * limits.points
        ]
        if not segments:
            return found
        splits = [_best_split(distances, segment[None, :], limits.points) for segment in segments]
        best = max(range(len(segments)), key=lambda number: float(splits[number][0][0]))
        statistic, place = float(splits[best][0][0]), int(splits[best][1][0])
        p_value = _p_value(distances, segments, statistic, limits.points, rng)
        if p_value > limits.level:
            return found
        found[int(segments[best][0]) + place] = p_value


def _p_value(
    distances: Floats,
    segments: list[npt.NDArray[np.int64]],
    statistic: float,
    points: int,
    rng: np.random.Generator,
) -> float:
    """Share of permutations with a split at least as good; (r + 1) / (n + 1) at the end.

    Stops early when it is clear that the share is large (Besag and Clifford).
    """
    longest = max(map(len, segments))
    batch = max(1, min(_ENOUGH_EXCEEDANCES, _BATCH_CELLS // (longest + 1) ** 2))
    exceeding = drawn = 0
    while drawn < _PERMUTATIONS and exceeding < _ENOUGH_EXCEEDANCES:
        size = min(batch, _PERMUTATIONS - drawn)
        best = np.zeros(size)
        for segment in segments:
            shuffled = rng.permuted(np.tile(segment, (size, 1)), axis=1)
            best = np.maximum(best, _best_split(distances, shuffled, points)[0])
        # Rounding must not make a permutation that changes nothing look worse.
        exceeding += int((best >= statistic * (1 - 1e-9)).sum())
        drawn += size
    return (exceeding + 1) / (drawn + 1)


def _best_split(
    distances: Floats, orders: npt.NDArray[np.int64], points: int
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Of each row of `orders` (points of the series): the largest Q, and where it splits.

    Q(t, k) compares the points before t with those from t up to k (equation 7 of Matteson and
    James, exponent 1), with at least `points` on either side. From running sums of the matrix
    of distances, so that every t and k costs a few additions.
    """
    rows, length = orders.shape
    sums = np.zeros((rows, length + 1, length + 1))
    sums[:, 1:, 1:] = distances[orders[:, :, None], orders[:, None, :]]
    sums = sums.cumsum(axis=1).cumsum(axis=2)
    split, end = np.triu_indices(length + 1)
    valid = (split >= points) & (end - split >= points)
    split, end = split[valid], end[valid]
    left, right = split.astype(np.float64), (end - split).astype(np.float64)
    inner_left = sums[:, split, split]
    inner_right = sums[:, end, end] - 2 * sums[:, split, end] + inner_left
    between = sums[:, split, end] - inner_left
    # The sums hold every pair within a side twice, hence n(n-1) and not its half.
    energy = 2 * between / (left * right)
    energy -= inner_left / (left * (left - 1)) + inner_right / (right * (right - 1))
    q = energy * left * right / (left + right)
    best = q.argmax(axis=1)
    return q[np.arange(rows), best], split[best]
