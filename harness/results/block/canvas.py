"""What stands beside the phases of units of several tasks: hops, spreads, joins."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import numpy.typing as npt

from harness.results.arrays import Times
from harness.results.block.phases import Phases
from harness.results.events.merged import MISSING, Merged
from harness.results.events.unit_shape import UnitShape
from harness.results.record.distributions import Distribution
from harness.stats.percentiles import describe


def canvas(
    merged: Merged, timing: Phases, usable: npt.NDArray[np.bool_], shape: UnitShape
) -> dict[str, Distribution]:
    """Distributions of the times between the tasks of a unit, by name as in `BlockRecord.canvas_s`,
    over the units that are `usable`."""
    if shape.steps:
        found = _of_steps(merged, usable, shape)
    elif shape.sequential:
        started_ns, finished_ns = _chosen(merged, usable)[:2]
        found = {"hop": (started_ns[:, 1:] - finished_ns[:, :-1]).ravel()}
    elif shape.grouped:
        _, finished_ns, _ = _chosen(merged, usable)
        found = {"member_spread": _spread(finished_ns)}
        if shape.watched:
            found["join"] = timing.result_ns[usable]
    else:
        found = {}
    return {name: Distribution.model_validate(describe(times)) for name, times in found.items()}


def _of_steps(merged: Merged, usable: npt.NDArray[np.bool_], shape: UnitShape) -> dict[str, Times]:
    """Of a chord, and of a group in a chain: the step of several tasks, into it and out of it."""
    started_ns, finished_ns, stored_ns = _chosen(merged, usable)
    ends = list(accumulate(shape.steps))
    widest = shape.steps.index(max(shape.steps))
    members = slice(ends[widest] - shape.steps[widest], ends[widest])
    found = {"member_spread": _spread(finished_ns[:, members])}
    if widest:
        before = finished_ns[:, members.start - 1, np.newaxis]
        found["fan_out"] = (started_ns[:, members] - before).ravel()
    if members.stop < started_ns.shape[1]:
        known = (stored_ns[:, members] != MISSING).all(axis=1)
        last_stored_ns = stored_ns[known, members].max(axis=1)
        found["join_delay"] = started_ns[known, members.stop] - last_stored_ns
    return found


def _chosen(merged: Merged, usable: npt.NDArray[np.bool_]) -> tuple[Times, Times, Times]:
    """Started, finished and stored, each of shape (usable units, tasks per unit)."""
    tasks = merged.tasks
    started_ns, finished_ns, stored_ns = (
        stamps.reshape(-1, tasks.per_unit)[usable]
        for stamps in (tasks.started_ns, tasks.finished_ns, tasks.stored_ns)
    )
    return started_ns, finished_ns, stored_ns


def _spread(finished_ns: Times) -> Times:
    """Nanoseconds from the first to the last end of tasks that ran side by side."""
    spread: Times = finished_ns.max(axis=1) - finished_ns.min(axis=1)
    return spread
