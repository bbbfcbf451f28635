"""Percentiles of raw samples."""

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
    rank = max(1, math.ceil(quantile * len(ordered) - 1e-9))
    return int(ordered[rank - 1])


def describe(samples_ns: npt.NDArray[np.int64]) -> dict[str, float | int]:
    """Count, mean, min, QUANTILES and max of samples in ns, in seconds; only a count if empty."""
    if len(samples_ns) == 0:
        return {"count": 0}
    ordered = np.sort(samples_ns)
    summary: dict[str, float | int] = {
        "count": len(ordered),
        "mean": float(ordered.mean()) / 1e9,
        "min": int(ordered[0]) / 1e9,
        "max": int(ordered[-1]) / 1e9,
    }
    return summary | {
        name: nearest_rank(ordered, quantile) / 1e9 for name, quantile in QUANTILES.items()
    }
