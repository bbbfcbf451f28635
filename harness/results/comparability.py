"""Whether blocks and figures can be compared at all, before anybody looks at a ratio.

Asked here by comparisons, gates and histories alike. A pair is sound if both blocks are whole,
their units ended as they were meant to but for a few, and their clients kept up. And a cost per
task holds at its rate: a process that idles more spends more on each task.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from harness.results.metrics import Metric
from harness.results.record import BlockRecord
from harness.units import format_number

FEW = 0.01
"""Share of a block's units that may go wrong before its figures are those of something else."""
ALIKE = 0.10
"""Relative difference between two rates that hardly moves a cost per task."""
BUSY = 0.08
"""The same of what is spent per second, where the rates are not alike."""


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


def unfit_pair(one: BlockRecord, other: BlockRecord) -> str:
    """The same of a pair: a block's reason is its pair's."""
    return unfit(one) or unfit(other)


def rate_of(block: BlockRecord) -> float | None:
    """Tasks per second, by which what a task costs is a cost per second."""
    return block.tasks_per_s or block.throughput_per_s


def unlike_rates(metric: Metric, base: Sequence[BlockRecord], head: Sequence[BlockRecord]) -> str:
    """Why a cost per task cannot be compared between these blocks; empty if it can be, or if the
    figure is none.

    Rates that are alike let it be compared. Where they differ, the direction decides: a process
    that waits more (a task that sleeps) spends *less* per second and more per task, for it falls
    asleep and wakes more often. So more per task is a finding only where no less is spent per
    second, as by a task that computes; less per task only where no more is.
    """
    if not metric.per_task:
        return ""
    rates = [_typical([rate_of(block) for block in side]) for side in (base, head)]
    costs = [_typical([metric.figure(block) for block in side]) for side in (base, head)]
    if any(cost is None for cost in costs):
        return ""  # and so there is no ratio, either
    if rates[0] is None or rates[1] is None:
        return "a cost per task depends on the rate, which is not known"
    assert costs[0] is not None and costs[1] is not None  # noqa: S101, PT018 - asked above
    faster = math.log(rates[1] / rates[0])
    dearer = math.log(costs[1] / costs[0])
    if abs(faster) <= math.log1p(ALIKE):
        return ""
    busier = faster + dearer
    if (dearer >= 0 and busier >= -BUSY) or (dearer < 0 and busier <= BUSY):
        return ""
    low, high = (f"{format_number(rate)}/s" for rate in rates)
    return f"depends on the rate, which was {low} and {high}"


def _typical(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and 0 < value < math.inf]
    return statistics.geometric_mean(known) if known else None
