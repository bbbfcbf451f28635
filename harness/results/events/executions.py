"""The executions of tasks that were begun, or received, more than once.

`merge` keeps the earliest stamp of each kind of each task, which is all there is to know of a task
that ran once. Of the others it takes every execution by itself: a retry, a run that was cut and
done again, a redelivery, a task in another one's place (`self.replace`). They are few, so this
table is sparse: it is read from the logs a second time, and only if there are such tasks.

An execution's end is a stamp of the process that began it, and its reception one of that process'
worker; of several within one process the first end belongs to the first start. Times are
CLOCK_MONOTONIC ns; MISSING: there is no such stamp.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from pathlib import Path

import numpy as np

from harness.probe.recording.events import RAISED, REPLACED, Kind
from harness.results.arrays import Numbers, Truths
from harness.results.events.earliest import NO_STAMP as MISSING
from harness.results.events.eventlog import Events, identity_of, logs_in
from harness.results.events.published import Published, placed

NO_PROCESS = -1


class Ending(IntEnum):
    """How one execution of a task ended, as far as its stamps say."""

    CUT = 0
    """No stamp says: it was cut short, or it still ran when the block ended."""
    RETURNED = 1
    RAISED = 2
    RETRIED = 3
    """The task asked to be run again (Retry), or was not to have a result (Ignore, Reject)."""
    REPLACED = 4
    """The task gave its place to another one, which has its id (`self.replace`)."""


@dataclass(frozen=True)
class Executions:
    """One entry per execution in every array, sorted by task and by when they were started."""

    task: Numbers
    """Index in `Merged.tasks`."""
    process: Numbers
    """Number of the process that ran it; NO_PROCESS where that was not read."""
    received_ns: Numbers
    """When its worker received the message of which it came."""
    started_ns: Numbers
    ended_ns: Numbers
    """When the function returned or raised; MISSING of one that was cut."""
    ending: Numbers
    """An `Ending`."""
    cpu_ns: Numbers
    """CPU time of the call; 0 where it is not known."""

    @classmethod
    def none(cls) -> Executions:
        """Of a block in which nothing was started."""
        return cls(*(np.empty(0, dtype=np.int64) for _ in fields(cls)))

    @classmethod
    def of_single_ones(
        cls,
        received_ns: Numbers,
        started_ns: Numbers,
        finished_ns: Numbers,
        raised: Truths,
        besides: Numbers,
    ) -> Executions:
        """The executions of tasks that were started once, by their stamps, but for the tasks
        `besides` (indices). Their CPU times are not among these."""
        once = started_ns != MISSING
        once[besides] = False
        task = np.flatnonzero(once)
        ending = np.where(raised[task], Ending.RAISED, Ending.RETURNED).astype(np.int64)
        ending[finished_ns[task] == MISSING] = Ending.CUT
        process = np.full(len(task), NO_PROCESS, dtype=np.int64)
        stamps = (received_ns[task], started_ns[task], finished_ns[task])
        return cls(task, process, *stamps, ending, np.zeros(len(task), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.task)

    @property
    def first(self) -> Truths:
        """Whether each execution is the first of its task."""
        first = np.ones(len(self), dtype=bool)
        first[1:] = self.task[1:] != self.task[:-1]
        return first

    @property
    def next(self) -> Numbers:
        """Index of the execution of the same task that follows each one; -1 for a task's last."""
        later = np.arange(1, len(self) + 1, dtype=np.int64)
        later[np.append(self.first[1:], True)[: len(self)]] = -1
        return later

    @property
    def unasked(self) -> Truths:
        """Whether nobody had asked for an execution: it is not its task's first, and the one before
        it did not ask for another."""
        asked = np.isin(self.ending[:-1], (Ending.RETRIED, Ending.REPLACED))
        unasked = ~self.first
        unasked[1:] &= ~asked
        return unasked

    @property
    def length_ns(self) -> Numbers:
        """How long each execution ran, in ns; 0 of those that were cut."""
        length: Numbers = np.where(self.ended_ns == MISSING, 0, self.ended_ns - self.started_ns)
        return length

    def chosen(self, which: Truths | Numbers) -> Executions:
        """The executions that a mask or indices choose."""
        return Executions(*(getattr(self, one.name)[which] for one in fields(self)))

    def with_more(self, others: Executions) -> Executions:
        """These and other executions in one table, sorted by task."""
        if not len(others):
            return self
        pairs = ((getattr(self, one.name), getattr(others, one.name)) for one in fields(self))
        both = Executions(*(np.concatenate(pair) for pair in pairs))
        return both.chosen(np.argsort(both.task, kind="stable"))

    def decisive(self) -> Executions:
        """The execution of each task that gave its result: the first to end of those that did not
        ask for another one. Tasks of which none did have no entry."""
        ended = self.chosen(np.isin(self.ending, (Ending.RETURNED, Ending.RAISED)))
        by_end = ended.chosen(np.lexsort((ended.started_ns, ended.ended_ns, ended.task)))
        return by_end.chosen(by_end.first)


def read_executions(folder: Path, published: Published, wanted: Truths) -> Executions:
    """Every execution of some tasks. `wanted`: per task."""
    if not wanted.any():
        return Executions.none()
    parts = [part for path in logs_in(folder) for part in _stamps(path, published, wanted)]
    rows = np.concatenate([np.empty((0, 7), dtype=np.int64), *parts])
    received = rows[rows[:, _KIND] == Kind.RECEIVED]
    started = rows[rows[:, _KIND] == Kind.STARTED]
    ended = rows[np.isin(rows[:, _KIND], (Kind.FINISHED, Kind.RETRIED))]
    started = started[np.lexsort(started[:, [_PROCESS, _TIME, _PLACE]].T)]
    reception = _matched(started, received, _WORKER)
    end = _matched(started, ended, _PROCESS)
    return Executions(
        task=started[:, _PLACE].copy(),
        process=started[:, _PROCESS].copy(),
        received_ns=_taken(received[:, _TIME], reception, MISSING),
        started_ns=started[:, _TIME].copy(),
        ended_ns=_taken(ended[:, _TIME], end, MISSING),
        ending=_taken(_endings(ended), end, Ending.CUT),
        cpu_ns=_taken(ended[:, _CPU], end, 0),
    )


_PLACE, _TIME, _KIND, _FLAGS, _PROCESS, _WORKER, _CPU = range(7)
_KINDS = (Kind.RECEIVED, Kind.STARTED, Kind.FINISHED, Kind.RETRIED)


def _stamps(path: Path, published: Published, wanted: Truths) -> Iterator[Numbers]:
    """What one log says of these tasks: rows of the seven columns above."""
    process = int(path.stem.split("-")[1])
    identity = identity_of(path)
    child = identity.get("role") == "child"
    worker = int(identity.get("ppid", process)) if child else process
    for kind, events, places in placed(path, _KINDS, published):
        mine = places >= 0
        mine[mine] = wanted[places[mine]]
        if not mine.any():
            continue
        rows = np.empty((int(mine.sum()), 7), dtype=np.int64)
        rows[:, _PLACE], rows[:, _TIME] = places[mine], events["time_ns"][mine]
        rows[:, _KIND], rows[:, _FLAGS] = kind, events["flags"][mine]
        rows[:, _PROCESS], rows[:, _WORKER] = process, worker
        rows[:, _CPU] = cpu_times(events[mine])
        yield rows


def cpu_times(ends: Events) -> Numbers:
    """CPU times in ns of events FINISHED or RETRIED, where `probe.recording.events.cpu_fields` put
    them; of other kinds they mean nothing."""
    upper: Numbers = ends["position"].astype(np.int64) << 32
    return upper | ends["unit"].astype(np.int64)


def _endings(ended: Numbers) -> Numbers:
    raised = (ended[:, _FLAGS] & RAISED) != 0
    endings = np.where(raised, Ending.RAISED, Ending.RETURNED).astype(np.int64)
    asked = ended[:, _KIND] == Kind.RETRIED
    endings[asked] = Ending.RETRIED
    endings[asked & (ended[:, _FLAGS] == REPLACED)] = Ending.REPLACED
    return endings


def _matched(ours: Numbers, theirs: Numbers, owner: int) -> Numbers:
    """For each of our rows the index of the one of theirs that is of the same task and the same
    owner, and the n-th of these as ours is; -1: there is none."""
    if not len(ours) or not len(theirs):
        return np.full(len(ours), -1, dtype=np.int64)
    owners = np.unique(np.concatenate([ours[:, owner], theirs[:, owner]]))
    ranks = [_ranks(rows, owner) for rows in (ours, theirs)]
    most = max(int(rank.max()) for rank in ranks) + 1
    our_keys, their_keys = (
        (rows[:, _PLACE] * len(owners) + np.searchsorted(owners, rows[:, owner])) * most + rank
        for rows, rank in zip((ours, theirs), ranks, strict=True)
    )
    order = np.argsort(their_keys)
    at = np.searchsorted(their_keys, our_keys, sorter=order)
    index = order[np.minimum(at, len(order) - 1)]
    found: Numbers = np.where(their_keys[index] == our_keys, index, -1)
    return found


def _ranks(rows: Numbers, owner: int) -> Numbers:
    """The number, from 0, of each row among those of its task and owner, by time."""
    order = np.lexsort((rows[:, _TIME], rows[:, owner], rows[:, _PLACE]))
    place, owners = rows[order, _PLACE], rows[order, owner]
    begins = np.ones(len(rows), dtype=bool)
    begins[1:] = (place[1:] != place[:-1]) | (owners[1:] != owners[:-1])
    at = np.arange(len(rows), dtype=np.int64)
    ranks = np.empty(len(rows), dtype=np.int64)
    ranks[order] = at - np.maximum.accumulate(np.where(begins, at, 0))
    return ranks


def _taken(values: Numbers, index: Numbers, absent: int) -> Numbers:
    found = np.full(len(index), absent, dtype=np.int64)
    found[index >= 0] = values[index[index >= 0]]
    return found


def end_by_storing(
    decided: Truths, started_ns: Numbers, finished_ns: Numbers, storing_ns: Numbers
) -> None:
    """A failure, and a task that was revoked, is over when its storing begins, at the latest: that
    is what the unit came to, whatever runs on. At a hard time limit the worker's main process
    stores it and then kills the child, whose stamp of the end is that of its death; a revoked task
    may run to its end meanwhile. A storing before the start is of something else, and stamps that
    contradict each other stay. `decided`: per task."""
    rows = np.flatnonzero(decided)
    if not len(rows):
        return
    started, finished, storing = (one[rows] for one in (started_ns, finished_ns, storing_ns))
    late = (storing != MISSING) & (storing < finished) & (storing >= started)
    if late.any():
        finished_ns[rows[late]] = storing[late]
