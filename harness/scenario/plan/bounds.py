"""How much a block may take at most: known before it starts, printed, and kept by the runner.

`measure.timeout` is how long one unit may take. A load is over when its last unit was due and so
much time has passed; what its tasks have set going beside it has as long again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.probe.loads.pacer import phases_of
from harness.scenario.files.document import Location
from harness.scenario.files.known import in_full
from harness.scenario.loads.backlog import BacklogLoad
from harness.scenario.loads.base import MOST_CLIENTS
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.loads.rate import RateLoad
from harness.scenario.loads.registry import Load
from harness.scenario.loads.saturate import SaturateLoad
from harness.scenario.loads.schedule import ScheduleLoad
from harness.scenario.models.measure import Measure
from harness.scenario.models.scenario import Cell
from harness.scenario.workloads.own_tasks import OwnTaskWorkload
from harness.scenario.workloads.periodic import PeriodicWorkload
from harness.scenario.workloads.registry import Workload

CHECK_S: Final = 30.0
"""For results that nobody has seen when all is over."""
_PUBLISH_S = 0.05
"""For publishing one unit of a backlog: confirmed, over a slow network."""
_WARMUP_CALLERS = 8
"""As many as wait for warm-up units where the load has no callers of its own."""
_BACKLOG_UNIT_S = 0.2
MOST_UNITS: Final = 16_000_000
"""Of one client in a block. It has numbers for 16,777,216 (`probe.recording.ids`): probe tasks take
some, and random arrivals may be more than their rate says."""


def default_timeout_s(units: int | None) -> float:
    """Of a backlog, whose last unit waits for all before it: 30 s, and 0.2 s for each unit."""
    return 30.0 + _BACKLOG_UNIT_S * (units or 0)


@dataclass(frozen=True)
class AtMost:
    """How long blocks may take, without the start and the end of their processes."""

    blocks: int
    block_s: float
    """The longest of them."""
    run_s: float
    """All together."""


def at_most(cells: Sequence[Cell], blocks: Sequence[int]) -> AtMost:
    """Of a plan with so many blocks of each cell."""
    planned = [(block_bound_s(cell), n) for cell, n in zip(cells, blocks, strict=True) if n]
    longest_s = max((bound_s for bound_s, _ in planned), default=0.0)
    return AtMost(sum(blocks), longest_s, sum(bound_s * n for bound_s, n in planned))


def block_bound_s(cell: Cell) -> float:
    """Seconds from ready workers to the end of the last look for results, at most."""
    measure = cell.measure
    bound_s = _warm_up_s(cell) + _load_s(cell) + 2 * measure.timeout + CHECK_S
    if isinstance(cell.workload, OwnTaskWorkload):  # its side tasks
        bound_s += (2 + _others(cell.workload, measure.warmup, cell)) * measure.timeout
    # What is started again has to boot, and what it holds up comes to rest after it.
    faults = cell.load.faults if isinstance(cell.load, RateLoad) else None
    return bound_s + len(faults or ()) * measure.startup_timeout


def _warm_up_s(cell: Cell) -> float:
    callers = cell.load.in_flight if isinstance(cell.load, ClosedLoad) else _WARMUP_CALLERS
    return _in_turn_s(cell.measure.warmup, callers, cell.measure)


def _others(workload: OwnTaskWorkload, warmup: int, cell: Cell) -> int:
    """Tasks that the first client's warm-up may leave out, and that it then calls once."""
    weights = [part.weight for part in workload.parts]
    own = math.ceil(warmup / cell.load.clients)
    left = sum(weights) // math.gcd(*weights) - own
    return max(0, min(len(weights) - (own > 0), left))


def _in_turn_s(units: int, callers: int, measure: Measure) -> float:
    """Of units that callers wait for, each as long as it may take."""
    return math.ceil(units / callers) * measure.timeout


def _load_s(cell: Cell) -> float:
    load, measure = cell.load, cell.measure
    units, duration_s = measure.units or 0, measure.duration or 0.0
    if isinstance(load, ClosedLoad):
        return duration_s or _in_turn_s(units, load.in_flight, measure)
    if isinstance(load, BacklogLoad):
        return units * _PUBLISH_S
    if isinstance(load, RateLoad):
        if load.phases is not None:
            return sum(phase.duration for phase in load.phases)
        return duration_s or units / (load.rate or 1.0)
    if isinstance(load, SaturateLoad):
        return load.time + load.step
    assert isinstance(load, ScheduleLoad)  # noqa: S101 - there are no others
    every = cell.workload.every if isinstance(cell.workload, PeriodicWorkload) else None
    return duration_s + 2 * (every or 60.0)


# --- how many units -----------------------------------------------------------------------------


def number_conflicts(
    workload: Workload, load: Load, measure: Measure
) -> Iterator[tuple[Location, str]]:
    """A plan of more units than a client has numbers for. What a search, or callers for a time,
    will come to is not known before: such a load ends with the last number, and says so."""
    if isinstance(workload, PeriodicWorkload):
        fires = workload.entries * (measure.duration or 0.0) / (workload.every or 60.0)
        if fires > MOST_UNITS:
            message = f"{fires:,.0f} fires in a block: beat has numbers for {MOST_UNITS:,}"
            yield ("workload", "workload"), f"{message}, so measure for less long"
        return
    units = measure.warmup + _planned_units(load, measure)
    if units <= MOST_UNITS * load.clients:
        return
    needed = math.ceil(units / MOST_UNITS)
    advice = f"give the load clients: {needed}, or measure for less long"
    if needed > MOST_CLIENTS:
        advice = f"measure for less long ({MOST_CLIENTS} clients is the most there may be)"
    who = "its client has" if load.clients == 1 else f"each of its {load.clients} clients has"
    yield (
        ("load", "load"),
        f"{units:,.0f} units in a block, and {who} numbers for {MOST_UNITS:,}: {advice}",
    )


def _planned_units(load: Load, measure: Measure) -> float:
    if isinstance(load, RateLoad):
        if load.phases is not None:
            return sum(
                one.integral for one in phases_of(in_full(one).model_dump() for one in load.phases)
            )
        if measure.duration is not None:
            return (load.rate or 0.0) * measure.duration
    return 0 if isinstance(load, SaturateLoad) else measure.units or 0
