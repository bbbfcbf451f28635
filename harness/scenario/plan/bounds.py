"""How much a block may take at most: known before it starts, printed, and kept by the runner.

`measure.timeout` is how long one unit may take, from its ETA where it has one. A load is over when
its last unit was due and so much time has passed; what its tasks have set going beside it has as
long again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.scenario.checks.faulty_loads import faults_of
from harness.scenario.files.document import Location
from harness.scenario.loads.base import MOST_CLIENTS, MOST_UNITS, in_turn_s
from harness.scenario.loads.registry import Load
from harness.scenario.models.measure import Measure
from harness.scenario.models.scenario import Cell
from harness.scenario.workloads.registry import Workload

CHECK_S: Final = 30.0
"""Seconds in which results are looked for that nobody has seen when all is over."""


@dataclass(frozen=True)
class AtMost:
    """How long blocks may take, without the start and the end of their processes."""

    blocks: int
    """How many blocks it is the bound of."""
    block_s: float
    """Seconds of the longest block."""
    run_s: float
    """Seconds of all blocks together."""


def at_most(cells: Sequence[Cell], blocks: Sequence[int]) -> AtMost:
    """The bounds of a plan; `blocks` says how many blocks each of the cells has."""
    planned = [(block_bound_s(cell), n) for cell, n in zip(cells, blocks, strict=True) if n]
    longest_s = max((bound_s for bound_s, _ in planned), default=0.0)
    return AtMost(sum(blocks), longest_s, sum(bound_s * n for bound_s, n in planned))


def block_bound_s(cell: Cell) -> float:
    """Seconds from ready workers to the end of the last look for results, at most."""
    workload, load = cell.workload, cell.load
    measure = cell.measure.model_copy(update={"timeout": cell.unit_limit_s})
    bound_s = in_turn_s(measure.warmup, load.warmup_callers, measure) + load.lasts_s(measure)
    bound_s += 2 * measure.timeout + CHECK_S + workload.beyond_s(load, measure)
    # What is started again has to boot, and what it holds up comes to rest after it.
    return bound_s + len(faults_of(load)) * measure.startup_timeout


# --- how many units -----------------------------------------------------------------------------


def number_conflicts(
    workload: Workload, load: Load, measure: Measure
) -> Iterator[tuple[Location, str]]:
    """A plan of more units than a client has numbers for. What a search, or callers for a time,
    will come to is not known before: such a load ends with the last number, and says so."""
    if workload.fired_by_beat:
        return
    units = measure.warmup + load.planned_units(measure)
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
