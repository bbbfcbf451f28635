"""Phases of units: where the time goes between the moment a unit is due and its result.

A unit's phases follow the path that decided when it ended:

- a single task: its own stamps;
- a chain: the sum over its links. A link after the first has no publish call of the client's;
  its queue phase begins when the link before it finished;
- a group: its member that finished last;
- a chord, and whatever else has several steps: the sum over the steps, through the task of each
  that finished last;
- of those whose tasks wait for some of the step before only, such as chains side by side: backwards
  from the task that finished last, each time through the one that finished last of those that it
  had waited for.

So schedule + queue + dispatch + retry + run + result is the total, for every unit and to the
nanosecond.

Of a task that ran more than once, `run` is the execution that gave the result, and no other. Queue
is up to its first reception, dispatch that of its first execution, and `retry` everything that lies
between: executions that were cut, or that asked to be run again, and all waiting for the next one,
a countdown and another worker's reception included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import numpy.typing as npt

from harness.figures.of_units import PHASES
from harness.results.arrays import Times
from harness.results.events.merged import MISSING, Merged
from harness.scenario.workloads.base import SIDE_BY_SIDE, Steps, Strands, TaskOrder


@dataclass(frozen=True)
class Phases:
    """Per measured unit, in ns; rows follow `Units`. Valid where `known`, else zero.

    A phase is the time between two of the unit's moments, computed at each access: of ten
    million units, all phases at once would take half as much memory as all stamps.
    """

    known: npt.NDArray[np.bool_]
    """All stamps of the unit's path are there."""
    moments_ns: tuple[Times, ...]
    """Due, publish call, received, first started, started, finished, over: seven per unit. Those of
    a single task that ran once, or of a group's last member, are stamps. A chain or a chord is
    received and started several times: its queue phases are put together, then its dispatch
    phases, so that `received` and `started` are moments that never were. What is between them is
    right."""

    @property
    def end_ns(self) -> Times:
        """When the unit's last task finished."""
        return self.moments_ns[-2]

    @property
    def schedule_ns(self) -> Times:
        """From the moment that a unit was due to the begin of its publish call."""
        return self._between(0, 1)

    @property
    def queue_ns(self) -> Times:
        """Publish call, or the end of the step before, to received."""
        return self._between(1, 2)

    @property
    def dispatch_ns(self) -> Times:
        """Received to started, for the first time."""
        return self._between(2, 3)

    @property
    def retry_ns(self) -> Times:
        """Lost between the first execution's start and that of the one that gave the result."""
        return self._between(3, 4)

    @property
    def run_ns(self) -> Times:
        """Started to finished, of the execution that gave the result."""
        return self._between(4, 5)

    @property
    def result_ns(self) -> Times:
        """Finished to seen; zero where nobody watched (backlog)."""
        return self._between(5, 6)

    @property
    def total_ns(self) -> Times:
        """Total latency of each unit: the sum of all its phases."""
        return self._between(0, 6)

    def by_name(self) -> Iterator[tuple[str, Times]]:
        """The phases with the names of `figures.PHASES`, one at a time."""
        for name, (first, last) in zip(PHASES, pairwise(range(len(self.moments_ns))), strict=True):
            yield name, self._between(first, last)

    def _between(self, first: int, last: int) -> Times:
        times = self.moments_ns[last] - self.moments_ns[first]
        times[~self.known] = 0
        return times


def phases(merged: Merged, *, watched: bool, order: TaskOrder = SIDE_BY_SIDE) -> Phases:
    """Phases of every unit, whose tasks wait for each other as `order` says. `watched`: the total
    ends when the result was seen, else when the last task finished."""
    units, tasks = merged.units, merged.tasks
    known = tasks.every(tasks.received_ns != MISSING)
    known = known & tasks.every(tasks.started_ns != MISSING)
    known &= tasks.every(tasks.finished_ns != MISSING)
    if watched:
        known &= units.seen_ns != MISSING
    if tasks.per_unit == 1:
        path: tuple[Times, ...] = _stamps(merged)
    else:
        path = _along_the_steps(merged, *order.of_each(tasks.per_unit))
    over_ns = units.seen_ns if watched else path[-1]
    return Phases(known, (units.due_ns, units.publish_ns, *path, over_ns))


def _along_the_steps(merged: Merged, steps: Steps, strands: Strands) -> tuple[Times, ...]:
    """Through the task of each step that decided when its unit ended."""
    stamps = [stamp.reshape(-1, merged.tasks.per_unit) for stamp in _stamps(merged)]
    origin_ns = merged.units.publish_ns
    path = [np.zeros_like(origin_ns) for _ in stamps[:-1]]
    for task in _decisive(stamps[-1], steps, strands):
        moments = (origin_ns, *(_of_one_task(stamp, task) for stamp in stamps))
        for phase, (begin_ns, end_ns) in enumerate(islice(pairwise(moments), len(path))):
            path[phase] += end_ns - begin_ns
        origin_ns = moments[-1]
    at_ns = merged.units.publish_ns
    ends = [at_ns := at_ns + phase_ns for phase_ns in path]
    return (*ends, origin_ns.copy())


def _decisive(
    finished_ns: Times, steps: Steps, strands: Strands
) -> Iterator[int | npt.NDArray[np.intp]]:
    """Step by step the position of the task that decided when the next one's began: of those that
    it waited for the one that finished last, of several such the first. One for all units, or one
    for each."""
    chosen: list[int | npt.NDArray[np.intp]] = []
    rows = np.arange(len(finished_ns))
    parts, part = 1, np.intp(0)
    for columns, size, own_parts in reversed([*zip(_columns(steps), steps, strands, strict=True)]):
        if size == 1:
            chosen.append(columns.start)
            parts, part = 1, np.intp(0)
            continue
        each = size // parts
        waited_for = finished_ns[:, columns].reshape(-1, parts, each)[rows, part]
        place = part * each + waited_for.argmax(axis=1)
        chosen.append(columns.start + place)
        parts, part = own_parts, place // (size // own_parts)
    return reversed(chosen)


def _of_one_task(stamps: Times, task: int | npt.NDArray[np.intp]) -> Times:
    if isinstance(task, int):
        return stamps[:, task]
    return np.take_along_axis(stamps, task[:, np.newaxis], axis=1)[:, 0]


def _columns(steps: Steps) -> Iterator[slice]:
    """The positions of each step's tasks."""
    begin = 0
    for size in steps:
        yield slice(begin, begin + size)
        begin += size


def _stamps(merged: Merged) -> tuple[Times, Times, Times, Times]:
    """Of each task: received, first started, started for the execution that gave the result,
    finished. Where the first execution came of a later reception than the first, it is moved to as
    long after the first one as it was after its own."""
    tasks, repeats = merged.tasks, merged.repeats
    first_ns = started_ns = tasks.started_ns
    if len(repeats):
        first_ns, started_ns = first_ns.copy(), started_ns.copy()
        first, decisive = repeats.chosen(repeats.first), repeats.decisive()
        received = first.chosen(first.received_ns != MISSING)
        first_ns[received.task] -= received.received_ns - tasks.received_ns[received.task]
        started_ns[decisive.task] = decisive.started_ns
    return tasks.received_ns, first_ns, started_ns, tasks.finished_ns


def task_origins(merged: Merged, order: TaskOrder = SIDE_BY_SIDE) -> Times:
    """When each task could be received at the earliest: its unit's publish call, or, for a task
    of a later step, the moment when all tasks that it waits for had finished; MISSING if they
    did not. Shape (units, tasks per unit), or (units, 1) where all tasks have the same origin."""
    units, tasks = merged.units, merged.tasks
    published_ns = units.publish_ns[:, np.newaxis]
    steps, strands = order.of_each(tasks.per_unit)
    if len(steps) == 1:
        return published_ns
    finished_ns = tasks.finished_ns.reshape(-1, tasks.per_unit)
    origins = [np.broadcast_to(published_ns, (len(published_ns), steps[0]))]
    for before, size, parts in zip(_columns(steps), steps[1:], strands[1:], strict=False):
        each = (before.stop - before.start) // parts
        waited_for = finished_ns[:, before].reshape(-1, parts, each)
        over_ns = waited_for.max(axis=2)
        over_ns[(waited_for == MISSING).any(axis=2)] = MISSING
        origins.append(np.repeat(over_ns, size // parts, axis=1))
    return np.concatenate(origins, axis=1)
