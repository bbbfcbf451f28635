"""One part of a mix in the way of another: what slow tasks do to fast ones in the same slots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.results.arrays import Numbers, Times, Truths, level_at
from harness.results.block.by_group import group_of_executions
from harness.results.diagnoses.evidence import Data, Diagnosis, Evidence
from harness.results.events.executions import Executions
from harness.results.events.merged import MISSING
from harness.units import format_duration

_SLOWER = 5.0
"""By how many times a slow part's tasks run longer than those that wait for them, in the median."""
_FELT_S = 0.1
"""A unit that waited for so long behind the slow part waited because of it."""
_LONGEST_S = 0.3
_FEWEST_UNITS = 5
_LEAST_SHARE = 0.05
"""Of the units of the part that waits."""
_MOST_OF_IT = 0.5
"""Of their whole wait."""


@dataclass(frozen=True)
class _Ran:
    """Executions of a block's units of one task, with the part of each."""

    executions: Executions
    part: Numbers
    ended_ns: Times
    """The end of the block for those that were cut."""

    def of(self, part: int, where: Truths) -> tuple[Times, Times]:
        """When those of a part began and ended, of the ones that a mask chooses."""
        mine = where & (self.part == part)
        return self.executions.started_ns[mine], self.ended_ns[mine]


def _slow_part_holds_slots(evidence: Evidence) -> Data | None:
    """Of all pairs of parts the one in which most units waited."""
    mix, merged = evidence.shape.mix, evidence.merged
    if mix is None or len(mix.labels) < 2 or merged.tasks.per_unit > 1:
        return None
    executions = merged.executions()
    _, end_ns = evidence.span_ns
    ended_ns = np.where(executions.ended_ns == MISSING, end_ns, executions.ended_ns)
    ran = _Ran(executions, evidence.parts[executions.task], ended_ns)
    lengths_s = [_median_s(ran, part) for part in range(len(mix.labels))]
    found = [
        data
        for fast, fast_s in enumerate(lengths_s)
        for slow, slow_s in enumerate(lengths_s)
        if slow_s is not None and fast_s is not None and slow_s >= _SLOWER * fast_s
        if (data := _held(evidence, ran, slow, fast, slow_s)) is not None
    ]
    return max(found, key=lambda data: data["waiting_units"], default=None)


def _median_s(ran: _Ran, part: int) -> float | None:
    lengths = ran.executions.chosen(ran.part == part).length_ns
    lengths = lengths[lengths > 0]
    return float(np.median(lengths)) / 1e9 if len(lengths) else None


def _held(evidence: Evidence, ran: _Ran, slow: int, fast: int, slow_s: float) -> Data | None:
    """What the units of the fast part waited while tasks of the slow one were in every slot that
    may run them."""
    where, slots = _reach(evidence, ran, fast)
    began_ns, over_ns = ran.of(slow, where)
    mine = (evidence.parts == fast) & ~evidence.merged.units.publish_failed
    ready_ns = evidence.ready_ns[mine]
    started_ns = evidence.merged.tasks.started_ns[mine]
    taken_ns = np.where(started_ns == MISSING, evidence.span_ns[1], started_ns)
    late = taken_ns > ready_ns
    ready_ns, taken_ns = ready_ns[late], taken_ns[late]
    if not slots or len(began_ns) < slots or not len(ready_ns):
        return None
    moments = np.unique(np.concatenate([began_ns, over_ns, ready_ns, taken_ns]))
    full = level_at(moments, began_ns, over_ns) >= slots
    until_ns = np.concatenate([[0], np.cumsum(np.diff(moments) * full[:-1])])
    behind_ns = (
        until_ns[np.searchsorted(moments, taken_ns)] - until_ns[np.searchsorted(moments, ready_ns)]
    )
    share = float(behind_ns.sum()) / float((taken_ns - ready_ns).sum())
    waited = int((behind_ns >= _FELT_S * 1e9).sum())
    longest_s = float((taken_ns - ready_ns)[behind_ns > 0].max(initial=0)) / 1e9
    enough = max(_FEWEST_UNITS, _LEAST_SHARE * int(mine.sum()))
    if share < _MOST_OF_IT or waited < enough or longest_s < _LONGEST_S:
        return None
    return {
        "slow": evidence.label(slow),
        "slow_run_s": slow_s,
        "waiting": evidence.label(fast),
        "slots": slots,
        "waiting_units": waited,
        "longest_wait_s": longest_s,
        "share": share,
    }


def _reach(evidence: Evidence, ran: _Ran, part: int) -> tuple[Truths, int]:
    """Which executions ran where a part's tasks may run, and how many slots there are."""
    routes, merged = evidence.shape.routes, evidence.merged
    queue = routes.of_parts[part] if part < len(routes.of_parts) else ""
    consumers = routes.consumers(queue)
    if len(routes.groups) < 2 or routes.elsewhere or not consumers:
        return np.ones(len(ran.executions), dtype=np.bool_), evidence.slots
    places = [merged.groups.index(name) + 1 for name in consumers if name in merged.groups]
    where = np.isin(group_of_executions(ran.executions, merged), places)
    return where, sum(group.slots for group in routes.groups if group.name in consumers)


SLOW_PART_HOLDS_SLOTS = Diagnosis(
    code="slow_part_holds_slots",
    looks_at="a mix of tasks that run for unlike times: at least half of the wait of one part's "
    "units went by while tasks of another part, which run five times as long, were in every slot "
    "that consumes their queue",
    sentence="Short tasks waited because long ones of another part held every slot.",
    cause=(
        "A slot runs a task until it is over, and a worker takes what comes first: Celery does "
        "not interrupt a task for another one, and priorities order only what still waits "
        "(celery/worker/consumer/consumer.py, celery/concurrency/base.py)."
    ),
    advice=(
        "Give long tasks a queue of their own (task_routes) and a group of workers that consumes "
        "nothing else; or more slots than long tasks are under way at a time."
    ),
    find=_slow_part_holds_slots,
    detail=lambda data: (
        f"{data['waiting_units']} units of {data['waiting']} waited up to "
        f"{format_duration(data['longest_wait_s'])} for {data['slow']} "
        f"({format_duration(data['slow_run_s'])} each) in {data['slots']} slots, "
        f"{data['share']:.0%} of their wait"
    ),
)
