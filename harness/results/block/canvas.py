"""What stands beside the phases of units of several tasks: hops, spreads, joins."""

from __future__ import annotations

from collections.abc import Iterator
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
    if shape.tasks_per_unit == 1 and not shape.grouped:
        return {}
    found: dict[str, list[Times]] = {}
    for name, times in _between_steps(merged, usable, shape):
        found.setdefault(name, []).append(times.ravel())
    if shape.grouped and shape.watched:
        found["join"] = [timing.result_ns[usable]]
    return {
        name: Distribution.model_validate(describe(np.concatenate(found[name])))
        for name in NAMES
        if name in found
    }


NAMES = ("hop", "member_spread", "join", "fan_out", "join_delay")
"""In the order of reports."""


def _between_steps(
    merged: Merged, usable: npt.NDArray[np.bool_], shape: UnitShape
) -> Iterator[tuple[str, Times]]:
    """What lies between tasks and those that they wait for: from one to one a hop, from one to
    several a fan-out, from several a join delay, and the spread of those before it."""
    started_ns, finished_ns, stored_ns = _chosen(merged, usable)
    steps, strands = shape.order.of_each(shape.tasks_per_unit)
    ends = list(accumulate(steps))
    for step, parts in enumerate(strands[1:], start=1):
        before, mine = (slice(ends[at] - steps[at], ends[at]) for at in (step - 1, step))
        starts_ns = started_ns[:, mine].reshape(-1, parts, steps[step] // parts)
        finishes_ns = finished_ns[:, before].reshape(-1, parts, steps[step - 1] // parts)
        if steps[step - 1] == parts:
            yield "fan_out" if steps[step] > parts else "hop", starts_ns - finishes_ns
            continue
        yield "member_spread", _spread(finishes_ns)
        stores_ns = stored_ns[:, before].reshape(finishes_ns.shape)
        known = (stores_ns != MISSING).all(axis=2)
        last_stored_ns = stores_ns.max(axis=2)[known]
        yield "join_delay", starts_ns[known] - last_stored_ns[:, np.newaxis]
    if shape.grouped:
        yield "member_spread", _spread(finished_ns[:, ends[-1] - steps[-1] :])


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
    spread: Times = finished_ns.max(axis=-1) - finished_ns.min(axis=-1)
    return spread
