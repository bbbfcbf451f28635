"""What a run can find in its time: asked at the first look, at the noise of that very machine.

A scenario may name the slowdown that is to be found, and within which time. Blocks keep their
length, as what longer ones gain is about what they cost; how many of them fit follows from the
time that pairs took so far, and what so many see from the spread of their log ratios.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections.abc import Callable, Sequence

from harness.results.judge.compare import compare_run, comparison_plan, pair_ratios
from harness.results.record.comparison import Comparison, TargetFigure, TargetRecord
from harness.results.record.run import RunRecord
from harness.stats.looks import confidence_of
from harness.stats.paired import FEWEST_PAIRS, beyond, visible_effect

_MOST_PAIRS = 2000
"""Where even so many would not do, nobody says how long it takes."""


def target_of(record: RunRecord, elapsed_s: float) -> TargetRecord | None:
    """How the blocks so far, measured in `elapsed_s`, fit the scenario's target; None where it has
    none. Asked when the order is measured: every comparison has had its first look."""
    plan = comparison_plan(record)
    if plan is None or plan.effect is None or plan.minutes is None:
        return None
    report = compare_run(record)
    # Figures of one task have margins and errors of their own.
    judged = [one for one in report.judged if one.pairs >= FEWEST_PAIRS and not one.own]
    done = max((one.pairs + one.dropped for one in judged), default=0)
    if not done:
        return None
    pair_s = elapsed_s / done
    fitting = [size for size in plan.look_sizes if size * pair_s <= 60 * plan.minutes]
    within = max([done, *fitting])
    confidence = confidence_of(plan.look_sizes)
    return TargetRecord(
        effect=plan.effect,
        within_s=60 * plan.minutes,
        after_pairs=done,
        pair_s=pair_s,
        pairs=within,
        figures=tuple(_figure(record, one, within, plan.effect, confidence) for one in judged),
    )


def _figure(
    record: RunRecord, one: Comparison, within: int, effect: float, confidence: float
) -> TargetFigure:
    spread = statistics.stdev(map(math.log, pair_ratios(record, one)))

    def sees(pairs: int) -> float:
        return beyond(one.margin, visible_effect(spread, pairs, confidence))

    return TargetFigure(
        head=one.head,
        metric=one.metric,
        spread=spread,
        sees=sees(within),
        needs_pairs=_needed(one.pairs, sees, effect),
        verdict=one.verdict,
    )


def _needed(least: int, sees: Callable[[int], float], effect: float) -> int | None:
    """The smallest even number of pairs that sees the effect, from `least` on."""
    candidates: Sequence[int] = range(least + least % 2, _MOST_PAIRS, 2)
    place = bisect_left(candidates, True, key=lambda pairs: sees(pairs) <= effect)
    return candidates[place] if place < len(candidates) else None
