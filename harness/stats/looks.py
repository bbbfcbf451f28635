"""Looking at pairs again and again until they say something, without a higher error.

A group sequential design with one confidence for every look (Pocock 1977), for Student's t: an
interval that is too narrow at one look too many is what raises the error, and how often that
happens is the same for every spread, so it is simulated once. Chosen over two others by
`benchmarks/designs.py`: an error divided among three looks wastes half of it, for neighbouring
looks see nearly the same pairs; an interval that is valid at any time costs power.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from harness.stats.student import t_quantile

LEVEL = 0.05
"""Error of a whole comparison, over all its looks."""
_PATHS = 60_000
"""Simulated comparisons; the error of the result is a fortieth of `LEVEL`."""
_SEED = 20_261_130


def confidence_of(sizes: Sequence[int]) -> float:
    """Confidence of the t interval at each look, so that all of them hold the truth with 95 %.

    `sizes` are the numbers of pairs at which it may be looked, growing, each at least 2; none or
    one of them needs no correction. Stopping at any look, for any reason, keeps the error.

    Example: `confidence_of((10, 20, 30))` is about 0.977, where a divided error took 0.983.
    """
    return _confidence(tuple(sizes)) if len(sizes) > 1 else 1.0 - LEVEL


@lru_cache(maxsize=64)
def _confidence(sizes: tuple[int, ...]) -> float:
    beyond = _t_of_noise(sizes)
    low, high = LEVEL / len(sizes), LEVEL
    for _ in range(20):
        error = (low + high) / 2
        limits = np.array([t_quantile(size - 1, 1 - error / 2) for size in sizes])
        missed = float((beyond > limits[:, None]).any(axis=0).mean())
        low, high = (error, high) if missed <= LEVEL else (low, error)
    return 1.0 - round(low, 5)


def _t_of_noise(sizes: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """|t| of pairs without a difference: a row for each look, a column for each comparison."""
    random = np.random.default_rng(_SEED)
    total, squares = np.zeros(_PATHS), np.zeros(_PATHS)
    rows, done = [], 0
    for size in sizes:
        for _ in range(size - done):
            pair = random.standard_normal(_PATHS)
            total += pair
            squares += pair * pair
        done = size
        variance = (squares - total * total / size) / (size - 1)
        rows.append(np.abs(total) / np.sqrt(size * variance))
    return np.array(rows)
