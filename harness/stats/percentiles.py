"""Percentiles of raw samples by nearest rank: always a value that was observed."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "p999": 0.999}


def nearest_rank(ordered: npt.NDArray[np.int64], quantile: float) -> int:
    """The smallest sample that at least `quantile` of all samples do not exceed.

    `ordered` is sorted ascending and not empty. Type 1 (inverse of the empirical distribution
    function) of Hyndman & Fan, Sample Quantiles in Statistical Packages, 1996: always a value
    that was really observed, and what HdrHistogram reports.
    """
    return int(ordered[_place(len(ordered), quantile)])


def _place(count: int, quantile: float) -> int:
    """Index of the nearest rank among `count` samples in ascending order."""
    return max(1, math.ceil(quantile * count - 1e-9)) - 1


def describe(samples_ns: npt.NDArray[np.int64]) -> dict[str, float | int]:
    """Count, mean, min, QUANTILES and max of samples in ns, in seconds; only a count if empty."""
    if len(samples_ns) == 0:
        return {"count": 0}
    places = {name: _place(len(samples_ns), quantile) for name, quantile in QUANTILES.items()}
    # Only these few have to be where sorting would put them: a fifth of the time.
    partitioned = np.partition(samples_ns, list(places.values()))
    summary: dict[str, float | int] = {
        "count": len(samples_ns),
        "mean": float(samples_ns.mean()) / 1e9,
        "min": int(samples_ns.min()) / 1e9,
        "max": int(samples_ns.max()) / 1e9,
    }
    return summary | {name: int(partitioned[place]) / 1e9 for name, place in places.items()}
