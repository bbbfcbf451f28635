"""Curves from raw samples, small enough to be drawn: percentiles, a block over time, queue depth.

A curve has some dozen points, whatever the block's size. Each is a nearest rank or a count of the
raw samples: nothing is averaged, smoothed or taken from another curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.results.arrays import Numbers
from harness.results.block.timeline import latencies_by_interval
from harness.results.record.run import BlockRecord
from harness.results.samples.pooled import latencies_ns
from harness.results.samples.reading import COMPLETED, Columns, SampleReader
from harness.stats.percentiles import nearest_rank

NINES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999)
"""Percentiles that people name; each is a point of a curve where there are samples for it."""
_PER_DECADE = 12
"""Points of a percentile curve from one nine to the next."""
_STEPS = 100
"""Points of a distribution; the last of its steps has ten, or all that is slower than p99 would be
a flat line, which is read as a gap."""
_FIRST = (0.01, 0.03, 0.1)
"""Further points of a percentile curve: a straight line from the lowest sample to p17 would say
that a sixth of the units lies between."""
_MOST_INTERVALS, _FEWEST_INTERVALS, _PER_INTERVAL = 60, 4, 20
"""An interval should hold some units, or a rate is a comb of single ones."""
_MOST_STORED = 60
"""Rows of a stored time series that are kept; of a longer one each n-th."""
_UNITS = (
    "SELECT coalesce(due_ns, publish_ns) AS due_ns, total_ns, "  # noqa: S608 - made of constants
    f"{COMPLETED} AND total_ns IS NOT NULL AS completed FROM read_parquet($units) "
    "WHERE coalesce(due_ns, publish_ns) IS NOT NULL"
)


@dataclass(frozen=True)
class Curve:
    """Shares of all samples, and the sample that each of them does not exceed, in seconds."""

    shares: tuple[float, ...]
    values_s: tuple[float, ...]
    samples: int
    """How many samples it was made of."""


@dataclass(frozen=True)
class Series:
    """A block in equal intervals, by when its units were completed."""

    begin_ns: int
    """CLOCK_MONOTONIC of the first unit: due, or published where nothing was planned."""
    interval_s: float
    """Seconds; all are of one length."""
    at_s: tuple[float, ...]
    """The middle of each interval, after the begin."""
    completed_per_s: tuple[float, ...]
    due_per_s: tuple[float, ...]
    p50_s: tuple[float | None, ...]
    p99_s: tuple[float | None, ...]
    """None where nothing was completed."""


@dataclass(frozen=True)
class UnderWay:
    """What was not over, at the end of intervals of the stored time series."""

    at_s: tuple[float, ...]
    units: tuple[int, ...]


Depths = tuple[tuple[float, int], ...]
"""Seconds after a block's begin, and messages that waited then."""


class Samples:
    """The raw samples of a run's folder, as what is drawn of them."""

    def __init__(self, folder: Path) -> None:
        self._reader = SampleReader(folder)

    def __enter__(self) -> Samples:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def latencies_ns(self, blocks: Sequence[BlockRecord]) -> Numbers | None:
        """Total latencies of all completed units of some blocks together, in ns, ascending. None if
        samples are missing, cannot be read, or are not as many as the record says."""
        found = latencies_ns(self._reader, blocks)
        return None if found is None else np.sort(found)

    def series(self, block: BlockRecord) -> Series | None:
        """A block over time, uncounted phases of its load included; None without samples."""
        columns = self._read(block, "units", _UNITS)
        if columns is None or not len(columns["due_ns"]):
            return None
        return _series(columns["due_ns"], columns["total_ns"], columns["completed"])

    def under_way(self, block: BlockRecord) -> UnderWay | None:
        """Units published and not over; None where no time series was stored."""
        columns = self._read(
            block, "timeline", "SELECT t_s, under_way FROM read_parquet($timeline) ORDER BY t_s"
        )
        if columns is None or not len(columns["t_s"]):
            return None
        at_s, units = columns["t_s"], columns["under_way"]
        width_s = float(at_s[1] - at_s[0]) if len(at_s) > 1 else 1.0
        chosen = slice(None, None, math.ceil(len(at_s) / _MOST_STORED))
        return UnderWay(
            tuple(float(at) + width_s for at in at_s[chosen]), tuple(map(int, units[chosen]))
        )

    def depth(self, block: BlockRecord, begin_ns: int) -> Depths:
        """Messages that waited in the broker's queues, all of them together."""
        columns = self._read(
            block,
            "depth",
            "SELECT time_ns, sum(depth)::BIGINT AS depth FROM read_parquet($depth) "
            "GROUP BY time_ns ORDER BY time_ns",
        )
        if columns is None:
            return ()
        return _depths(columns["time_ns"], columns["depth"], begin_ns)

    def depths(self, block: BlockRecord, begin_ns: int) -> dict[str, Depths]:
        """Messages that waited in each queue; empty where a block has one."""
        columns = self._read(
            block,
            "depth",
            "SELECT time_ns, depth, queue FROM read_parquet($depth) ORDER BY time_ns",
        )
        if columns is None:
            return {}
        times_ns, depths, queues = columns["time_ns"], columns["depth"], columns["queue"]
        names = dict.fromkeys(queues.tolist())
        return {
            name: _depths(times_ns[queues == name], depths[queues == name], begin_ns)
            for name in names
        }

    def _read(self, block: BlockRecord, file: str, query: str) -> Columns | None:
        return self._reader.columns(query, [block], file)


def percentile_curve(ordered_ns: Numbers) -> Curve:
    """From the lowest sample to p99.9, denser towards the tail. It ends where a percentile would
    be the highest sample for want of others: 100 samples have a p99, no p99.9."""
    count = len(ordered_ns)
    nines = np.arange(0, 3 * _PER_DECADE + 1) / _PER_DECADE
    shares = sorted({*(1 - 10.0**-nines).round(6).tolist(), *_FIRST, *NINES})
    known = [share for share in shares if share <= 1 - 1 / count + 1e-9] if count else []
    return _curve(ordered_ns, known)


def distribution_curve(ordered_ns: Numbers) -> Curve:
    """From the lowest sample to the highest, in even steps, and the last of them in ten."""
    if not len(ordered_ns):
        return _curve(ordered_ns, [])
    even = [step / _STEPS for step in range(_STEPS)]
    tail = [1 - step / _STEPS / 10 for step in range(9, -1, -1)]
    return _curve(ordered_ns, [*even, *(round(share, 6) for share in tail)])


def _curve(ordered_ns: Numbers, shares: Sequence[float]) -> Curve:
    values = tuple(nearest_rank(ordered_ns, share) / 1e9 for share in shares)
    return Curve(tuple(shares), values, len(ordered_ns))


def _depths(times_ns: Numbers, depths: Numbers, begin_ns: int) -> Depths:
    chosen = slice(None, None, math.ceil(max(1, len(depths)) / _MOST_STORED))
    pairs = zip(times_ns[chosen], depths[chosen], strict=True)
    return tuple(((int(at) - begin_ns) / 1e9, int(depth)) for at, depth in pairs)


def _series(due_ns: Numbers, total_ns: Numbers, completed: npt.NDArray[np.bool_]) -> Series:
    begin_ns = int(due_ns.min())
    totals_ns = total_ns[completed].astype(np.int64)
    ended_ns = due_ns[completed] + totals_ns
    window_ns = max(1, int(max(due_ns.max(), ended_ns.max(initial=begin_ns))) - begin_ns)
    count = min(_MOST_INTERVALS, max(_FEWEST_INTERVALS, len(ended_ns) // _PER_INTERVAL))
    width_s = window_ns / count / 1e9

    def intervals(times: Numbers) -> Numbers:
        places: Numbers = np.clip((times - begin_ns) * count // window_ns, 0, count - 1)
        return places

    def per_s(times: Numbers) -> tuple[float, ...]:
        counts = np.bincount(intervals(times), minlength=count)
        return tuple((counts / width_s).tolist())

    latency_ns = latencies_by_interval(totals_ns, intervals(ended_ns).astype(np.uint16), count)
    return Series(
        begin_ns=begin_ns,
        interval_s=width_s,
        at_s=tuple(((np.arange(count) + 0.5) * width_s).tolist()),
        completed_per_s=per_s(ended_ns),
        due_per_s=per_s(due_ns),
        p50_s=_seconds(latency_ns["p50"]),
        p99_s=_seconds(latency_ns["p99"]),
    )


def _seconds(values_ns: npt.NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(None if math.isnan(value) else value / 1e9 for value in values_ns.tolist())
