"""A block second by second: rates, units under way, queue depth, latency.

Computed from the same arrays as every other figure, for intervals that begin with the measurement.
Written as Parquet beside the samples; the columns are documented in `results/README.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.results.ledger import Ledger
from harness.results.merge import MISSING, Merged
from harness.results.phases import Phases

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
MOST_INTERVALS = 100_000
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Timeline:
    """One entry per interval in every column."""

    begin_ns: int
    interval_s: float
    due: Numbers
    """Units due in the interval."""
    sent: Numbers
    completed: Numbers
    """Units over in it as they were meant to be: seen, or finished where nobody watched."""
    under_way: Numbers
    """Units published and not over, at its end."""
    waiting: Numbers
    """Tasks published and not yet received by a worker, at its end; without later chain links."""
    latency_ns: dict[str, npt.NDArray[np.float64]]
    """`p50`, `p95`, `p99` and `max` of the total latency of the units completed in it, by nearest
    rank; NaN where there were none."""

    def columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """By name, as they are written; times in seconds after the begin."""
        count = len(self.due)
        return {
            "t_s": np.arange(count) * self.interval_s,
            "due": self.due,
            "sent": self.sent,
            "completed": self.completed,
            "under_way": self.under_way,
            "waiting": self.waiting,
            **{f"{name}_s": values / 1e9 for name, values in self.latency_ns.items()},
        }


def timeline(
    merged: Merged, ledger: Ledger, timing: Phases, *, interval_s: float
) -> Timeline | None:
    """The block in intervals; None if nothing was published.

    An interval that would give more than MOST_INTERVALS of them is widened.
    """
    units, tasks = merged.units, merged.tasks
    if not len(units.unit):
        return None
    ended_ns = np.where(timing.known, units.due_ns + timing.total_ns, MISSING)
    completed = timing.known & ledger.completed
    begin_ns = int(min(units.due_ns.min(), units.publish_ns.min()))
    last_ns = int(max(units.publish_ns.max(), ended_ns.max()))
    span_s = (last_ns - begin_ns) / 1e9
    interval_s = max(interval_s, span_s / (MOST_INTERVALS - 1))
    width_ns = round(interval_s * 1e9)
    count = (last_ns - begin_ns) // width_ns + 1
    edges = begin_ns + (np.arange(count) + 1) * width_ns
    published = units.publish_ns[~units.publish_failed]
    first = (tasks.position == 0) | (tasks.received_ns != MISSING)
    origin_ns = units.publish_ns[tasks.row]

    def in_interval(times: Numbers) -> Numbers:
        return np.bincount((times - begin_ns) // width_ns, minlength=count).astype(np.int64)

    def by_end(times: Numbers) -> Numbers:
        return np.searchsorted(np.sort(times), edges, side="left").astype(np.int64)

    received = tasks.received_ns[first & (tasks.received_ns != MISSING)]
    return Timeline(
        begin_ns=begin_ns,
        interval_s=interval_s,
        due=in_interval(units.due_ns),
        sent=in_interval(units.publish_ns),
        completed=in_interval(ended_ns[completed]),
        under_way=by_end(published) - by_end(ended_ns[ended_ns != MISSING]),
        waiting=by_end(origin_ns[first]) - by_end(received),
        latency_ns=_latencies(
            timing.total_ns[completed], (ended_ns[completed] - begin_ns) // width_ns, int(count)
        ),
    )


def _latencies(
    latency_ns: Numbers, interval: Numbers, count: int
) -> dict[str, npt.NDArray[np.float64]]:
    order = np.lexsort((latency_ns, interval))
    latency_ns, interval = latency_ns[order], interval[order]
    first = np.searchsorted(interval, np.arange(count), side="left")
    size = np.searchsorted(interval, np.arange(count), side="right") - first
    some = size > 0

    def at(ranks: Sequence[int] | Numbers) -> npt.NDArray[np.float64]:
        values = np.full(count, np.nan)
        values[some] = latency_ns[(first + np.asarray(ranks))[some]]
        return values

    found = {
        name: at(np.maximum(np.ceil(share * size).astype(np.int64) - 1, 0))
        for name, share in QUANTILES.items()
    }
    return found | {"max": at(size - 1)}
