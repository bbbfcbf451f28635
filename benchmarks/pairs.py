"""Paired comparison: A B, B A, A B ...; the ratio of each pair, never of two separate series."""

from __future__ import annotations

import math
import os
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

# Noisy neighbours hit both halves of a pair alike; drift hits both orders alike.
PAIRS = int(os.environ.get("BENCH_PAIRS", "20"))


@dataclass(frozen=True)
class Ratio:
    """A ratio B/A: exp of the mean log ratio, with its t interval at 95 %."""

    estimate: float
    low: float
    high: float
    pairs: int

    def __str__(self) -> str:
        return (
            f"{self.estimate:.3f}, 95 % interval {self.low:.3f} to {self.high:.3f} "
            f"({self.pairs} pairs)"
        )


def ratio(a: Sequence[float], b: Sequence[float]) -> Ratio:
    """B/A from paired figures. At least two pairs."""
    from scipy import stats  # noqa: PLC0415 - a second of import, paid after the measuring

    logs = [math.log(y / x) for x, y in zip(a, b, strict=True)]
    mean = statistics.fmean(logs)
    spread = statistics.stdev(logs) / math.sqrt(len(logs))
    half = float(stats.t.ppf(0.975, len(logs) - 1)) * spread
    return Ratio(math.exp(mean), math.exp(mean - half), math.exp(mean + half), len(logs))


def interleave(
    a: Callable[[int], T], b: Callable[[int], T], pairs: int, seed: int = 1
) -> tuple[list[T], list[T]]:
    """Run `a(i)` and `b(i)` for each pair i, the first of each pair by a mirrored coin."""
    coin = random.Random(seed)  # noqa: S311 - an order, not a secret
    results: tuple[list[T], list[T]] = ([], [])
    a_first = True
    for number in range(pairs):
        a_first = coin.random() < 0.5 if number % 2 == 0 else not a_first
        for side in (0, 1) if a_first else (1, 0):
            results[side].append((a, b)[side](number))
    return results
