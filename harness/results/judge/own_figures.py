"""The tasks' own figures in a comparison: how long a function runs, and its CPU time.

They say at once which task has changed, where the whole only says that something has: of each task
where units run several, else of the cell. They are a family of verdicts of their own, held to a
fifth of the error of the whole's, so that twenty tasks do not make its verdicts harder to reach,
nor false ones likelier.

A change must be one that matters. `add` runs for microseconds: twice that is nothing to a worker
that spends half a millisecond on each task. And a function that waits is put to sleep and woken,
which is seen in its CPU time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from harness.figures.names import Asked, figure_named
from harness.results.judge.comparability import FEW, typical
from harness.results.judge.metrics import Metric
from harness.results.judge.pairs import Pair, sides_of
from harness.results.record.by_task import PartRecord
from harness.results.record.comparison import Comparison
from harness.results.record.run import BlockRecord

LEVEL_SHARE = 0.2
"""Of the error of a whole's figure."""
LEAST_S = 1e-4
"""A change of a function by less is none: a fifth of what Celery itself spends on a task."""
SEEN_OF_A_WAIT = 0.05
"""Of the time that a function only waits longer at most so much is taken for CPU time of going to
sleep and waking up. Measured: 0.4 % of 10 ms, 2 % of 1 ms."""
UNDECIDED = "neither a change nor its absence is shown"


def own_metrics(pairs: Sequence[Pair]) -> tuple[Metric, ...]:
    """Time and CPU time of the function: of each task where blocks of these pairs run several, else
    of the whole. Those that no block has are left out, as CPU times of greenlets. Where the sides
    have other groups of workers, the latency of each task, too: dividing them is about that."""
    labels = dict.fromkeys(one.task for pair in pairs for block in pair for one in block.by_task)
    tasks = tuple(labels) if len(labels) > 1 else ("",)
    asked = (*_OWN, *(_OF_DIVIDED if len(labels) > 1 and _divided(pairs) else ()))
    every = [_metric(name, statistic, task) for task in tasks for name, statistic in asked]
    blocks = [block for pair in pairs for block in pair]
    return tuple(one for one in every if any(one.figure(block) for block in blocks))


_RUN, _DISPATCH, _CPU = "phase.run", "phase.dispatch", "task_cpu"
_OWN = ((_RUN, "p50"), (_CPU, "mean"), (_DISPATCH, "p50"))
"""The median of the times, as a stall of the machine is in their mean; of CPU times the mean, which
no stall is in, and which adds up. Dispatch is shown, not judged: it is the wait for a slot, which
is the doing of all the other tasks."""


_OF_DIVIDED = (("latency.total", "p50"), ("latency.total", "p99"))
"""As of a whole: the tail of one block is a handful of samples, and shown only."""
_SHOWN = (_OWN[-1], _OF_DIVIDED[-1])


def _divided(pairs: Sequence[Pair]) -> bool:
    """Whether the two sides have different groups of workers."""
    return any(
        len({tuple(one.name for one in block.by_group) for block in pair}) > 1 for pair in pairs
    )


def _metric(name: str, statistic: str, task: str) -> Metric:
    figure = figure_named(name)
    assert figure is not None  # noqa: S101 - a row of the table
    judged = (name, statistic) not in _SHOWN
    return Metric(Asked(figure.of(task), statistic), judged=judged, own=True)


def sound_for(metric: Metric, pairs: Sequence[Pair]) -> tuple[tuple[Pair, ...], dict[str, int]]:
    """The pairs whose blocks have good units of the metric's task, and few others; why the rest is
    left out. All of them for a figure of the whole."""
    task = metric.asked.figure.task
    if not task:
        return tuple(pairs), {}
    reasons = [_unfit(one, task) or _unfit(other, task) for one, other in pairs]
    sound = tuple(pair for pair, reason in zip(pairs, reasons, strict=True) if not reason)
    return sound, dict(Counter(filter(None, reasons)))


def _unfit(block: BlockRecord, task: str) -> str:
    own = next((one for one in block.by_task if one.task == task), None)
    if own is None or not own.completed:
        return "without one good unit of the task"
    return "units of the task that went wrong" if _gone_wrong(own) else ""


def _gone_wrong(own: PartRecord) -> bool:
    wrong = own.outcomes.total - own.ended_as_meant + own.duplicated
    return wrong > FEW * own.outcomes.total


def least_change(metric: Metric, pairs: Sequence[Pair]) -> float:
    """The smallest change that is one, as a share of the base's value; 0 where there is none.

    Of CPU time it is also what going to sleep and waking up may cost, if the function waits longer.
    """
    base = _value(metric, pairs, 0)
    if base is None:
        return 0.0
    least_s = LEAST_S
    if metric.asked.figure.name == _CPU:
        run = _metric(_RUN, "mean", metric.asked.figure.task)
        before, after = _value(run, pairs, 0), _value(run, pairs, 1)
        if before is not None and after is not None:
            least_s = max(least_s, SEEN_OF_A_WAIT * (after - before))
    return least_s / base


def _value(metric: Metric, pairs: Sequence[Pair], side: int) -> float | None:
    return typical([metric.figure(block) for block in sides_of(pairs)[side]])


def margin_of(least: float, margin: float) -> float:
    """What is let pass, where a change by the share `least` of the base's value is none."""
    return max(margin, 1 - 1 / (1 + least))


def settled(one: Comparison, least: float) -> Comparison:
    """An own figure's verdict: a change by less than `least` is none, whichever way."""
    none = "no_change" if one.kind == "change" else "no_difference"
    gained_little = least >= 1 or one.low is None or one.low <= 1 / (1 - least)
    lost_little = one.kind != "change" and (one.high is None or one.high >= 1 / (1 + least))
    if (one.ahead and gained_little) or (one.behind and lost_little):
        return one.model_copy(update={"verdict": none})
    return one


def told(one: Comparison) -> Comparison:
    """An own figure that is undecided judges nothing: nobody asked of each task that it be shown
    not to have changed, and no pair is measured for it."""
    if not one.own or one.verdict != "inconclusive":
        return one
    return one.model_copy(update={"judged": False, "reason": one.reason or UNDECIDED})


def changed(one: Comparison) -> bool:
    """Whether an own figure is found to have changed."""
    return one.own and one.judged and (one.ahead or one.behind)


def changed_first(found: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons of two cells: tasks that have changed, the most first, and then the rest in
    its order."""
    first = sorted(filter(changed, found), key=lambda one: -abs(math.log(one.ratio or 1)))
    return [*first, *(one for one in found if not changed(one))]
