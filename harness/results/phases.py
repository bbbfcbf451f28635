"""Phases of units: where the time goes between the moment a unit is due and its result.

A unit's phases follow the path that decided when it ended:

- a single task: its own stamps;
- a chain: the sum over its links. A link after the first has no publish call of the client's;
  its queue phase begins when the link before it finished;
- a group: its member that finished last.

So schedule + queue + dispatch + run + result is the total, for every unit and to the nanosecond.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.results.merge import MISSING, Merged, Times


@dataclass(frozen=True)
class Phases:
    """Per measured unit, in ns; rows follow `Units`. Valid where `known`."""

    known: npt.NDArray[np.bool_]
    """All stamps of the unit's path are there."""
    schedule_ns: Times
    queue_ns: Times
    dispatch_ns: Times
    run_ns: Times
    result_ns: Times
    """Zero where nobody watched (backlog)."""
    total_ns: Times
    end_ns: Times
    """When the unit's last task finished."""

    def by_name(self) -> dict[str, Times]:
        """The phases by the names of `record.PHASES`."""
        return {
            "schedule": self.schedule_ns,
            "queue": self.queue_ns,
            "dispatch": self.dispatch_ns,
            "run": self.run_ns,
            "result": self.result_ns,
        }


def phases(merged: Merged, *, sequential: bool, watched: bool) -> Phases:
    """Phases of every unit. `sequential`: the unit's tasks follow each other (a chain);
    `watched`: the total ends when the result was seen, else when the last task finished."""
    units, tasks = merged.units, merged.tasks
    count = len(units.unit)
    origin = task_origins(merged, sequential=sequential)
    stamped = np.ones(count, dtype=bool)
    for stamps in (origin, tasks.received_ns, tasks.started_ns, tasks.finished_ns):
        stamped[tasks.row[stamps == MISSING]] = False
    end_ns = np.full(count, MISSING, dtype=np.int64)
    if sequential:
        path = np.ones(len(tasks.row), dtype=bool)
        end_ns[tasks.row] = tasks.finished_ns  # in order of position: the last link's stays
    else:
        np.maximum.at(end_ns, tasks.row, tasks.finished_ns)
        path = _last_finished(merged, end_ns)

    def along(first: Times, last: Times) -> Times:
        total = np.zeros(count, dtype=np.int64)
        usable = path & stamped[tasks.row]
        np.add.at(total, tasks.row[usable], (last - first)[usable])
        return total

    known = stamped & ((units.seen_ns != MISSING) | (not watched))
    finish_ns = units.seen_ns if watched else end_ns
    return Phases(
        known=known,
        schedule_ns=np.where(known, units.publish_ns - units.due_ns, 0),
        queue_ns=np.where(known, along(origin, tasks.received_ns), 0),
        dispatch_ns=np.where(known, along(tasks.received_ns, tasks.started_ns), 0),
        run_ns=np.where(known, along(tasks.started_ns, tasks.finished_ns), 0),
        result_ns=np.where(known, finish_ns - end_ns, 0),
        total_ns=np.where(known, finish_ns - units.due_ns, 0),
        end_ns=end_ns,
    )


def task_origins(merged: Merged, *, sequential: bool) -> Times:
    """When each task could be received at the earliest: its unit's publish call, or, for a
    later link of a chain, the end of the link before it."""
    units, tasks = merged.units, merged.tasks
    origin = units.publish_ns[tasks.row]
    if sequential and len(origin):
        before = np.concatenate([[MISSING], tasks.finished_ns[:-1]])
        origin = np.where(tasks.position == 0, origin, before)
    return origin


def _last_finished(merged: Merged, end_ns: Times) -> npt.NDArray[np.bool_]:
    """Marks one task per unit, the one that finished last."""
    tasks = merged.tasks
    candidates = np.flatnonzero(tasks.finished_ns == end_ns[tasks.row])
    _, first = np.unique(tasks.row[candidates], return_index=True)
    path = np.zeros(len(tasks.row), dtype=bool)
    path[candidates[first]] = True
    return path
