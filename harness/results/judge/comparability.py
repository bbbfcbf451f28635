"""Whether blocks and figures can be compared at all, before anybody looks at a ratio.

Asked here by comparisons, gates and histories alike. A pair is sound if both blocks are whole,
their units ended as they were meant to but for a few, and their clients kept up. And a cost per
task holds at its rate: a process that idles more spends more on each task.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from harness.results.costs.capacity import overloaded
from harness.results.judge.metrics import Metric
from harness.results.record.run import BlockRecord, CellRecord
from harness.units import format_number

FEW = 0.01
"""Share of a block's units that may go wrong before its figures are those of something else."""
MARGIN = 0.05
"""What a verdict calls a change, where nobody says otherwise."""
SPEED = ("saturation", "throughput")
"""Figures of how fast a side can go."""
STILL_HELD, MUCH_LONGER = 0.2, 5.0
GIVES_WAY = 0.5
"""Of a rate's change (of its logarithm) at most so much is seen in the cost of a task that only
waits longer. Measured on tasks that sleep 0 to 20 ms, at 66 to 700 a second: 0.30 on Redis, 0.32 on
RabbitMQ; of single sleeps against none up to 0.43."""


def unfit(block: BlockRecord) -> str:
    """Why no verdict can rest on a block, in words; empty if one can."""
    if block.status != "complete":
        return "not complete"
    if not block.completed:
        return "without one good unit"
    if block.fallen_workers or block.silent_workers:
        return "a worker was missing"
    if block.client_limited:
        return "client too slow"
    wrong = block.outcomes.total - block.completed + block.duplicated
    return "units that went wrong" if wrong > FEW * block.outcomes.total else ""


def unfit_pair(one: BlockRecord, other: BlockRecord, lasts_s: float | None = None) -> str:
    """Why no verdict can rest on a pair of blocks: the reason that `unfit` gives one of the two;
    empty if one can. `lasts_s`: how long a rate lasts that both have to hold."""
    reason = unfit(one) or unfit(other)
    if not reason and bool(one.slices) != bool(other.slices):
        reason = "only one of them a twin"  # a slice ends with callers that wait
    if reason or lasts_s is None:
        return reason
    return "rate not held" if any(rate_not_held(block, lasts_s) for block in (one, other)) else ""


def rate_not_held(block: BlockRecord, lasts_s: float) -> bool:
    """Whether units at a given rate came faster than they were done: some phase was not kept up
    with, and when the last unit was due, the rest took more than a fifth of the load's time, and
    much longer than a unit needs. A burst that is done a moment later is held."""
    if block.load_phases and overloaded(block.load_phases) is None:
        return False
    late_s = (block.window_s or 0.0) - lasts_s
    return late_s > STILL_HELD * lasts_s and late_s > MUCH_LONGER * (block.latency_s.min or 0.0)


def told_elsewhere(metric: Metric, cell: CellRecord) -> str:
    """Why `harness ab` judges a figure of a cell at its other load, in words; empty if here. Both
    loads tell what a task's function takes: it hardly depends on the rate, which may not be held.
    """
    told = cell.equal_rate
    if metric.own or told is None or not told.at_rate:
        return ""
    if cell.at_equal_rate or metric.name in SPEED:
        return ""
    return "told at equal rates"


def rate_of(block: BlockRecord) -> float | None:
    """Tasks per second, by which what a task costs is a cost per second."""
    return block.tasks_per_s or block.throughput_per_s


def unlike_rates(
    metric: Metric,
    base: Sequence[BlockRecord],
    head: Sequence[BlockRecord],
    margin: float = MARGIN,
) -> str:
    """Why a cost per task cannot be compared between these blocks; empty if it can be, or if the
    figure is none.

    Rates that are alike let it be compared. Where they differ, the direction decides: a process
    that waits more (a task that sleeps) spends *less* per second and more per task, for it falls
    asleep and wakes more often. So more per task is a finding only where no less is spent per
    second, as by a task that computes; less per task only where no more is.

    Alike are rates that alone move a cost by less than `margin`: they differ by up to
    `margin / GIVES_WAY`. And no less per second is less by up to `margin`: a task that only waits
    costs more than that margin only where it spends less still, as `GIVES_WAY` is one half.
    """
    if not metric.per_task:
        return ""
    rates = [typical([rate_of(block) for block in side]) for side in (base, head)]
    costs = [typical([metric.figure(block) for block in side]) for side in (base, head)]
    if any(cost is None for cost in costs):
        return ""  # and so there is no ratio, either
    if rates[0] is None or rates[1] is None:
        return "a cost per task depends on the rate, which is not known"
    assert costs[0] is not None and costs[1] is not None  # noqa: S101, PT018 - asked above
    faster = math.log(rates[1] / rates[0])
    dearer = math.log(costs[1] / costs[0])
    least = -math.log1p(-margin)
    if abs(faster) * GIVES_WAY <= least:
        return ""
    busier = faster + dearer
    allowed = least * (1 - GIVES_WAY) / GIVES_WAY
    if (dearer >= 0 and busier >= -allowed) or (dearer < 0 and busier <= allowed):
        return ""
    low, high = (f"{format_number(rate)}/s" for rate in rates)
    return f"depends on the rate, which was {low} and {high}"


def typical(values: Sequence[float | None]) -> float | None:
    """The geometric mean of what is known; None where nothing is."""
    known = [value for value in values if value is not None and 0 < value < math.inf]
    return statistics.geometric_mean(known) if known else None
