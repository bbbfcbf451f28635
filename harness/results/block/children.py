"""What became of pool processes in a block, and what it cost that they were replaced."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from harness.probe.recording.events import ChildEnd
from harness.results.arrays import Numbers, Times
from harness.results.block.phases import task_origins
from harness.results.events.children import Child
from harness.results.events.merged import MISSING, Merged
from harness.results.events.unit_shape import UnitShape
from harness.results.record.children import ChildrenRecord
from harness.results.record.distributions import Distribution
from harness.stats.percentiles import describe

_SAID = {
    ChildEnd.MOST_TASKS: "max_tasks",
    ChildEnd.MOST_MEMORY: "max_memory",
    ChildEnd.TIME_LIMIT: "time_limit",
    ChildEnd.TERMINATED: "terminated",
    ChildEnd.SHRUNK: "shrunk",
}


@dataclass(frozen=True)
class Ended:
    """Who was ended on purpose, or fell, while a block was measured."""

    span_ns: tuple[int, int]
    """From the first unit's publication to the last that happened to one."""
    workers: Mapping[int, int] = field(default_factory=dict)
    """Id of each main process that ended within it -> when it was gone; MISSING where nobody
    knows."""
    by_fault: Collection[int] = field(default_factory=tuple)
    """Ids of single pool processes that faults killed."""


@dataclass(frozen=True)
class _Replaced:
    """A process and its successor in the same slot."""

    old: Child
    new: Child


def children_record(
    children: Sequence[Child], merged: Merged, shape: UnitShape, slots: int, ended: Ended
) -> ChildrenRecord | None:
    """Of all pool processes of a block, whose workers could run `slots` tasks at a time; None where
    there are none, as in other pools than prefork."""
    begin_ns, end_ns = ended.span_ns
    children = [_with_its_worker(one, ended) for one in children]
    there = [one for one in children if _born_ns(one) < end_ns and _died_ns(one) > begin_ns]
    if not there:
        return None
    pairs = [pair for pair in _replaced(children) if begin_ns < _died_ns(pair.old) < end_ns]
    successors = {id(pair.old) for pair in pairs}
    over = [one for one in there if _died_ns(one) < end_ns]
    why = Counter(_why(one, ended, replaced=id(one) in successors) for one in over)
    gaps_ns = _gaps_ns(pairs, merged, shape, ended.span_ns)
    later = [one for one in there if one.forked_ns >= begin_ns and one.ready_ns != MISSING]
    starts_ns = np.array([one.ready_ns - one.forked_ns for one in later], dtype=np.int64)
    peaks = [one.peak_rss_bytes for one in over if one.peak_rss_bytes]
    return ChildrenRecord(
        lived=len(there),
        most=_most(there),
        replaced=len(pairs),
        replaced_by_group=_by_group(pairs, merged),
        ended=dict(sorted(why.items())),
        gap_s=Distribution.model_validate(describe(gaps_ns)),
        lost_share=float(gaps_ns.sum()) / max((end_ns - begin_ns) * slots, 1),
        start_s=Distribution.model_validate(describe(starts_ns)),
        tasks_each=float(np.median([pair.old.tasks for pair in pairs])) if pairs else None,
        peak_rss_bytes=int(np.median(peaks)) if peaks else None,
    )


def _by_group(pairs: Sequence[_Replaced], merged: Merged) -> dict[str, int]:
    """Empty where workers are of one group, which none of them names."""
    places = (merged.group_of.get(pair.old.worker_pid, 0) for pair in pairs)
    return dict(Counter(merged.groups[place - 1] for place in places if place))


def _with_its_worker(child: Child, ended: Ended) -> Child:
    """Nobody sees the end of the processes of a worker that is killed."""
    at_ns = ended.workers.get(child.worker_pid)
    if at_ns is None or child.gone_ns != MISSING or child.leaves_ns != MISSING:
        return child
    if at_ns == MISSING:
        at_ns = max(child.last_ns, child.ready_ns, child.forked_ns)
    return replace(child, gone_ns=at_ns)


def _born_ns(child: Child) -> int:
    known = [at_ns for at_ns in (child.forked_ns, child.ready_ns) if at_ns != MISSING]
    return min(known, default=0)


def _died_ns(child: Child) -> int:
    """When it was over at the latest that is known; far off for one that nobody saw end."""
    if child.gone_ns != MISSING:
        return child.gone_ns
    return child.leaves_ns if child.leaves_ns != MISSING else np.iinfo(np.int64).max


def _replaced(children: Sequence[Child]) -> Iterator[_Replaced]:
    """Each process with the one after it in its slot. A pool that shrank and grew again has
    replaced nothing."""
    slots: dict[tuple[int, int], list[Child]] = defaultdict(list)
    for child in children:
        if child.slot >= 0:
            slots[child.worker_pid, child.slot].append(child)
    for in_turn in slots.values():
        for old, new in pairwise(in_turn):
            if old.gone != ChildEnd.SHRUNK:
                yield _Replaced(old, new)


def _why(child: Child, ended: Ended, *, replaced: bool) -> str:
    """The first that is known of: its own word, its worker's, and who killed it."""
    if child.pid in ended.by_fault:  # also where its worker ended before it had noticed
        return "fault"
    if child.worker_pid in ended.workers and not replaced:
        return "worker"
    for said in (child.leaving, child.gone):
        if said in _SAID:
            return _SAID[said]
    return "exited" if child.leaving == ChildEnd.CLOSED else "killed"


def _most(children: Sequence[Child]) -> int:
    births = [(_born_ns(one), 1) for one in children]
    deaths = [(_died_ns(one), -1) for one in children]
    steps = sorted([*births, *deaths])
    return int(np.cumsum([step for _, step in steps]).max())


def _gaps_ns(
    pairs: Sequence[_Replaced], merged: Merged, shape: UnitShape, span_ns: tuple[int, int]
) -> Times:
    """Of each pair the time within the gap in which tasks waited."""
    if not pairs:
        return np.empty(0, dtype=np.int64)
    left = np.array([_left_ns(pair.old) for pair in pairs], dtype=np.int64)
    first = np.array([pair.new.first_ns for pair in pairs], dtype=np.int64)
    left = np.clip(left, *span_ns)
    right = np.clip(np.where(first == MISSING, span_ns[1], first), left, span_ns[1])
    waited = _Waited.of(merged, shape)
    return waited.until(right) - waited.until(left)


def _left_ns(child: Child) -> int:
    """When a process had run what it ran: one that was cut off until it was found gone."""
    if child.cut and child.gone_ns != MISSING:
        return child.gone_ns
    known = (child.last_ns, child.ready_ns, child.forked_ns)
    return next((at_ns for at_ns in known if at_ns != MISSING), 0)


@dataclass(frozen=True)
class _Waited:
    """For how long, up to any moment, at least one task had waited to be begun."""

    moments_ns: Times
    sums_ns: Numbers
    """Up to each moment of `moments_ns`."""
    waiting: Numbers
    """How many wait from each of these moments on."""

    @classmethod
    def of(cls, merged: Merged, shape: UnitShape) -> _Waited:
        """Of all tasks of a block: each waits from when it could run to its first start."""
        tasks, units = merged.tasks, merged.units
        origins = task_origins(merged, shape.order)
        ready = (units.publish_ns + shape.countdowns_ns(units.unit))[:, np.newaxis]
        ready = np.maximum(ready, merged.release_ns) if shape.held else ready
        known = np.where(origins == MISSING, MISSING, np.maximum(origins, ready))
        known = np.broadcast_to(known, (len(units.unit), tasks.per_unit)).reshape(-1)
        ready_ns = known[known != MISSING]
        started = tasks.started_ns[(known != MISSING) & (tasks.started_ns != MISSING)]
        moments = np.concatenate([ready_ns, started])
        steps = np.repeat([1, -1], [len(ready_ns), len(started)])
        order = np.argsort(moments, kind="stable")
        moments, waiting = moments[order], np.cumsum(steps[order])
        lengths = np.diff(moments) * (waiting[:-1] > 0)
        return cls(moments, np.concatenate([[0], np.cumsum(lengths)])[: len(moments)], waiting)

    def until(self, times_ns: Times) -> Times:
        """Nanoseconds, up to each of some times, in which something waited."""
        if not len(self.moments_ns):
            return np.zeros_like(times_ns)
        at = np.searchsorted(self.moments_ns, times_ns, side="right") - 1
        since = np.where(self.waiting[at] > 0, times_ns - self.moments_ns[at], 0)
        found: Times = np.where(at < 0, 0, self.sums_ns[at] + since)
        return found
