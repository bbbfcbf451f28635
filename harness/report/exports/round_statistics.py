"""The figures that pytest-benchmark keeps of a benchmark's rounds, by its own definitions.

They are computed here, and not by pytest-benchmark, because it need not be installed where a
run is exported. Quartiles: methods 2 and 3 of https://en.wikipedia.org/wiki/Quartile, as in
`pytest_benchmark.stats.Stats`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def round_statistics(rounds_s: Sequence[float]) -> dict[str, float | int | str | list[float]]:
    """Every field of `stats` in a pytest-benchmark file, of at least one round in seconds."""
    ordered = sorted(rounds_s)
    mean = statistics.mean(ordered)
    deviation = statistics.stdev(ordered) if len(ordered) > 1 else 0.0
    q1, q3 = _quartiles(ordered)
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    within = [value for value in ordered if low <= value <= high]
    beyond_deviation = sum(
        value < mean - deviation or value > mean + deviation for value in ordered
    )
    beyond_fences = len(ordered) - len(within)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": deviation,
        "rounds": len(ordered),
        "median": statistics.median(ordered),
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": beyond_fences,
        "stddev_outliers": beyond_deviation,
        "outliers": f"{beyond_deviation};{beyond_fences}",
        "ld15iqr": within[0],
        "hd15iqr": within[-1],
        "ops": len(rounds_s) / sum(rounds_s),
        "total": sum(rounds_s),
        "data": list(rounds_s),
        "iterations": 1,
    }


def _quartiles(ordered: Sequence[float]) -> tuple[float, float]:
    count = len(ordered)
    if count == 1:
        return ordered[0], ordered[0]
    if count % 2 == 0:
        return statistics.median(ordered[: count // 2]), statistics.median(ordered[count // 2 :])
    n = count // 4
    if count % 4 == 1:
        return (
            0.25 * ordered[n - 1] + 0.75 * ordered[n],
            0.75 * ordered[3 * n] + 0.25 * ordered[3 * n + 1],
        )
    return (
        0.75 * ordered[n] + 0.25 * ordered[n + 1],
        0.25 * ordered[3 * n + 1] + 0.75 * ordered[3 * n + 2],
    )
