"""What message options ask for, seen in a block's events: priorities and countdowns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from harness.results.arrays import Times
from harness.results.block.phases import Phases
from harness.results.events.merged import MISSING, Merged
from harness.results.events.unit_shape import UnitShape


def latencies_by_priority(
    merged: Merged, timing: Phases, usable: npt.NDArray[np.bool_], shape: UnitShape
) -> Iterator[tuple[str, Times]]:
    """Priority and the total latencies of its units, where they bear several in turn."""
    if not shape.priorities:
        return
    turn = merged.units.unit.astype(np.int64) % len(shape.priorities)
    total_ns = timing.total_ns
    for place, priority in enumerate(shape.priorities):
        yield str(priority), total_ns[usable & (turn == place)]


def lateness_ns(merged: Merged, usable: npt.NDArray[np.bool_], shape: UnitShape) -> Times:
    """Start less ETA of every task that was published with a countdown: of a chain its first
    link, of a group all members, of a chord its header. Empty without a countdown.

    Celery computes the ETA inside the publish call. The call's begin is taken, so lateness is
    over-estimated, by the length of the call at most, and never flattered.
    """
    if not shape.countdown_s:
        return np.empty(0, np.int64)
    countdowns_ns = shape.countdowns_ns(merged.units.unit)
    usable = usable & (countdowns_ns > 0)
    started_ns = merged.tasks.started_ns.reshape(-1, merged.tasks.per_unit)[usable]
    started_ns = started_ns[:, : shape.counted_down]
    eta_ns = merged.units.publish_ns[usable] + countdowns_ns[usable]
    late: Times = (started_ns - eta_ns[:, np.newaxis])[started_ns != MISSING]
    return late
