"""A block second by second: rates, units under way, queue depth, latency.

Computed from the same arrays as every other figure, for intervals that begin with the measurement.
Written as Parquet beside the samples; the columns are documented in `results/README.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.results.arrays import Numbers, Times
from harness.results.block.ledger import Ledger
from harness.results.block.phases import Phases, task_origins
from harness.results.events.merged import MISSING, Merged
from harness.scenario.workloads.base import SIDE_BY_SIDE, TaskOrder
from harness.stats.percentiles import nearest_rank

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
MOST_INTERVALS = 60_000
"""Fits 16 bits, which sorts in linear time."""


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
    """Tasks published, by a client or by the step before them, and not yet received by a worker,
    at its end."""
    latency_ns: dict[str, npt.NDArray[np.float64]]
    """`p50`, `p95`, `p99` and `max` of the total latency of the units completed in it, by nearest
    rank; NaN where there were none."""

    def columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """The columns of the file, by name; times are seconds after the block's begin."""
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
    merged: Merged,
    ledger: Ledger,
    timing: Phases,
    *,
    interval_s: float,
    order: TaskOrder = SIDE_BY_SIDE,
) -> Timeline | None:
    """The block in intervals; None if nothing was published. Units' tasks wait for
    each other as `order` says.

    An interval that would give more than MOST_INTERVALS of them is widened.
    """
    units = merged.units
    if not len(units.unit):
        return None
    ended_ns = timing.moments_ns[-1]
    completed = timing.known & ledger.completed
    begin_ns = int(min(units.due_ns.min(), units.publish_ns.min()))
    last_ns = int(max(units.publish_ns.max(), ended_ns.max(where=timing.known, initial=begin_ns)))
    interval_s = max(interval_s, (last_ns - begin_ns) / 1e9 / (MOST_INTERVALS - 1))
    spans = _Intervals.over(begin_ns, last_ns, round(interval_s * 1e9))
    published = spans.counts(units.publish_ns[~units.publish_failed])
    return Timeline(
        begin_ns=begin_ns,
        interval_s=interval_s,
        due=spans.counts(units.due_ns),
        sent=spans.counts(units.publish_ns),
        completed=spans.counts(ended_ns[completed]),
        under_way=np.cumsum(published - spans.counts(ended_ns[timing.known])),
        waiting=_waiting(
            merged,
            published,
            spans,
            order.of_each(merged.tasks.per_unit)[0][0],
            task_origins(merged, order),
        ),
        latency_ns=latencies_by_interval(
            timing.total_ns[completed],
            spans.holding(ended_ns[completed]).astype(np.uint16),
            spans.count,
        ),
    )


@dataclass(frozen=True)
class _Intervals:
    """Equal intervals, one after the other."""

    begin_ns: int
    width_ns: int
    count: int

    @classmethod
    def over(cls, begin_ns: int, last_ns: int, width_ns: int) -> _Intervals:
        """As many as it takes for the last moment to be in one."""
        return cls(begin_ns, width_ns, (last_ns - begin_ns) // width_ns + 1)

    def holding(self, times_ns: Numbers) -> Numbers:
        """The number of the interval in which each moment lies."""
        # A worker that had a message before the first publish call began: clocks that disagree.
        return np.clip((times_ns - self.begin_ns) // self.width_ns, 0, self.count - 1)

    def counts(self, times_ns: Numbers) -> Numbers:
        """How many of the moments each of them holds."""
        return np.bincount(self.holding(times_ns), minlength=self.count).astype(np.int64)


def _waiting(
    merged: Merged, published: Numbers, spans: _Intervals, first_ones: int, origins_ns: Times
) -> Numbers:
    """Tasks that were published and not received at each interval's end. A unit's first ones are
    published with it, later ones by the tasks before them."""
    tasks, later = merged.tasks, origins_ns[:, first_ones:]
    came = published * first_ones + spans.counts(later[later != MISSING])
    return np.cumsum(came - spans.counts(tasks.received_ns[tasks.received_ns != MISSING]))


def latencies_by_interval(
    latency_ns: Numbers, interval: npt.NDArray[np.uint16], count: int
) -> dict[str, npt.NDArray[np.float64]]:
    """`p50`, `p95`, `p99` and `max` of each of `count` intervals; NaN where it has no sample.
    `interval`: the one to which each sample belongs."""
    found = {name: np.full(count, np.nan) for name in (*QUANTILES, "max")}
    in_order = latency_ns[np.argsort(interval, kind="stable")]
    ends = np.cumsum(np.bincount(interval, minlength=count))
    for number in np.unique(interval).tolist():
        mine = np.sort(in_order[ends[number - 1] if number else 0 : ends[number]])
        for name, share in QUANTILES.items():
            found[name][number] = nearest_rank(mine, share)
        found["max"][number] = mine[-1]
    return found
