"""Phases of units: where the time goes between the moment a unit is due and its result.

A unit's phases follow the path that decided when it ended:

- a single task: its own stamps;
- a chain: the sum over its links. A link after the first has no publish call of the client's;
  its queue phase begins when the link before it finished;
- a group: its member that finished last.

So schedule + queue + dispatch + run + result is the total, for every unit and to the nanosecond.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from harness.results.merge import MISSING, Merged, Tasks, Times
from harness.results.record import PHASES


@dataclass(frozen=True)
class Phases:
    """Per measured unit, in ns; rows follow `Units`. Valid where `known`, else zero.

    A phase is the time between two of the unit's moments, computed at each access: of ten
    million units, all phases at once would take half as much memory as all stamps.
    """

    known: npt.NDArray[np.bool_]
    """All stamps of the unit's path are there."""
    moments_ns: tuple[Times, ...]
    """Due, publish call, received, started, finished, over: six per unit. Those of a single
    task, or of a group's last member, are stamps. A chain is received and started several
    times: its queue phases are put together, then its dispatch phases, so that `received` and
    `started` are moments that never were. What is between them is right."""

    @property
    def end_ns(self) -> Times:
        """When the unit's last task finished."""
        return self.moments_ns[-2]

    @property
    def schedule_ns(self) -> Times:
        """Due to publish call."""
        return self._between(0, 1)

    @property
    def queue_ns(self) -> Times:
        """Publish call, or the end of the link before, to received."""
        return self._between(1, 2)

    @property
    def dispatch_ns(self) -> Times:
        """Received to started."""
        return self._between(2, 3)

    @property
    def run_ns(self) -> Times:
        """Started to finished."""
        return self._between(3, 4)

    @property
    def result_ns(self) -> Times:
        """Finished to seen; zero where nobody watched (backlog)."""
        return self._between(4, 5)

    @property
    def total_ns(self) -> Times:
        """Their sum."""
        return self._between(0, 5)

    def by_name(self) -> Iterator[tuple[str, Times]]:
        """The phases with the names of `record.PHASES`, one at a time."""
        for name, (first, last) in zip(PHASES, pairwise(range(len(self.moments_ns))), strict=True):
            yield name, self._between(first, last)

    def _between(self, first: int, last: int) -> Times:
        times = self.moments_ns[last] - self.moments_ns[first]
        times[~self.known] = 0
        return times


def phases(merged: Merged, *, sequential: bool, watched: bool) -> Phases:
    """Phases of every unit. `sequential`: the unit's tasks follow each other (a chain);
    `watched`: the total ends when the result was seen, else when the last task finished."""
    units, tasks = merged.units, merged.tasks
    known = tasks.every(tasks.received_ns != MISSING)
    known = known & tasks.every(tasks.started_ns != MISSING)
    known &= tasks.every(tasks.finished_ns != MISSING)
    if watched:
        known &= units.seen_ns != MISSING
    if tasks.per_unit == 1:
        path = (tasks.received_ns, tasks.started_ns, tasks.finished_ns)
    else:
        path = _along_the_chain(merged) if sequential else _of_last_finished(tasks)
    over_ns = units.seen_ns if watched else path[-1]
    return Phases(known, (units.due_ns, units.publish_ns, *path, over_ns))


def _along_the_chain(merged: Merged) -> tuple[Times, Times, Times]:
    tasks = merged.tasks
    received_ns, started_ns, finished_ns = _stamps(tasks)
    queue_ns = (received_ns - task_origins(merged, sequential=True)).sum(axis=1)
    dispatch_ns = (started_ns - received_ns).sum(axis=1)
    received = merged.units.publish_ns + queue_ns
    # The origin of a link is the end of the one before: the sum of all is the last one's end.
    return received, received + dispatch_ns, finished_ns[:, -1].copy()


def _of_last_finished(tasks: Tasks) -> tuple[Times, Times, Times]:
    """Of several that finished last, the first one's stamps."""
    last_one = tasks.finished_ns.reshape(-1, tasks.per_unit).argmax(axis=1)[:, np.newaxis]
    received, started, finished = (
        np.take_along_axis(stamps, last_one, axis=1)[:, 0] for stamps in _stamps(tasks)
    )
    return received, started, finished


def _stamps(tasks: Tasks) -> tuple[Times, Times, Times]:
    """Each of shape (units, tasks per unit)."""
    shape = (-1, tasks.per_unit)
    return (
        tasks.received_ns.reshape(shape),
        tasks.started_ns.reshape(shape),
        tasks.finished_ns.reshape(shape),
    )


def task_origins(merged: Merged, *, sequential: bool) -> Times:
    """When each task could be received at the earliest: its unit's publish call, or, for a
    later link of a chain, the end of the link before it. Shape (units, tasks per unit), or
    (units, 1) where all tasks of a unit have the same origin."""
    units, tasks = merged.units, merged.tasks
    published_ns = units.publish_ns[:, np.newaxis]
    if not sequential or tasks.per_unit == 1:
        return published_ns
    finished_ns = tasks.finished_ns.reshape(-1, tasks.per_unit)
    return np.concatenate([published_ns, finished_ns[:, :-1]], axis=1)
