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

import numpy as np
import numpy.typing as npt

from harness.results.merge import MISSING, Merged, Times
from harness.results.record import PHASES


@dataclass(frozen=True)
class Phases:
    """Per measured unit, in ns; rows follow `Units`. Valid where `known`, else zero.

    Each is computed from the stamps at each access: of ten million units, all of them at once
    would take as much memory as the stamps.
    """

    known: npt.NDArray[np.bool_]
    """All stamps of the unit's path are there."""
    end_ns: Times
    """When the unit's last task finished."""
    _merged: Merged
    _sequential: bool
    _watched: bool

    @property
    def schedule_ns(self) -> Times:
        """Due to publish call."""
        units = self._merged.units
        return self._where_known(units.publish_ns - units.due_ns)

    @property
    def queue_ns(self) -> Times:
        """Origin (see `task_origins`) to received."""
        tasks = self._merged.tasks
        origin_ns = task_origins(self._merged, sequential=self._sequential)
        return self._along(tasks.received_ns, origin_ns)

    @property
    def dispatch_ns(self) -> Times:
        """Received to started."""
        tasks = self._merged.tasks
        return self._along(tasks.started_ns, tasks.received_ns)

    @property
    def run_ns(self) -> Times:
        """Started to finished."""
        tasks = self._merged.tasks
        return self._along(tasks.finished_ns, tasks.started_ns)

    @property
    def result_ns(self) -> Times:
        """Finished to seen; zero where nobody watched (backlog)."""
        return self._where_known(self._finish_ns - self.end_ns)

    @property
    def total_ns(self) -> Times:
        """Their sum."""
        return self._where_known(self._finish_ns - self._merged.units.due_ns)

    def by_name(self) -> Iterator[tuple[str, Times]]:
        """The phases with the names of `record.PHASES`, one at a time."""
        for name in PHASES:
            yield name, getattr(self, f"{name}_ns")

    @property
    def _finish_ns(self) -> Times:
        return self._merged.units.seen_ns if self._watched else self.end_ns

    def _where_known(self, times: Times) -> Times:
        times[~self.known] = 0
        return times

    def _along(self, last: Times, first: Times) -> Times:
        """The sum of `last - first` over the tasks that decided when the unit ended."""
        per_unit = self._merged.tasks.per_unit
        if per_unit == 1:
            return self._where_known(last - first.reshape(-1))
        spans = last.reshape(-1, per_unit) - (
            first if first.ndim == 2 else first.reshape(-1, per_unit)
        )
        if self._sequential:
            return self._where_known(spans.sum(axis=1))
        finished = self._merged.tasks.finished_ns.reshape(-1, per_unit)
        # Of several that finished last, the first.
        last_one = finished.argmax(axis=1)[:, np.newaxis]
        return self._where_known(np.take_along_axis(spans, last_one, axis=1)[:, 0])


def phases(merged: Merged, *, sequential: bool, watched: bool) -> Phases:
    """Phases of every unit. `sequential`: the unit's tasks follow each other (a chain);
    `watched`: the total ends when the result was seen, else when the last task finished."""
    units, tasks = merged.units, merged.tasks
    known = tasks.every(tasks.received_ns != MISSING)
    known = known & tasks.every(tasks.started_ns != MISSING)
    known &= tasks.every(tasks.finished_ns != MISSING)
    if watched:
        known &= units.seen_ns != MISSING
    finished_ns = tasks.finished_ns.reshape(-1, tasks.per_unit)
    alone = tasks.per_unit == 1
    return Phases(
        known=known,
        end_ns=finished_ns[:, -1] if sequential or alone else finished_ns.max(axis=1),
        _merged=merged,
        _sequential=sequential,
        _watched=watched,
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
