"""What a plan will take, and what it can tell apart: minutes, cores, slots, memory, effects.

Pure: the plan, what the machine has, and what its last runs say go in. Every number says where it
is from (`Known`); what nobody knows is assumed here, by the constants below.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from harness.results.outlook.asked import AskedOf, Machine, asked_of, cpu_time_s, run_time_s
from harness.results.outlook.keys import CellKeys, keys_of
from harness.results.outlook.last_runs import (
    Known,
    LastRuns,
    MeasuredCell,
    extent_of,
    pools_of,
    worker_processes,
)
from harness.results.outlook.sights import PlannedCell, Sight, looks, sights
from harness.scenario.checks.results_left import expiry_s
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.loads.saturate import SaturateLoad
from harness.scenario.loads.turns import waits_s
from harness.scenario.models.compare import Compare
from harness.scenario.models.configuration import Configuration, provided
from harness.scenario.models.scenario import Cell
from harness.scenario.plan.bounds import AtMost
from harness.scenario.plan.value_words import canonical
from harness.scenario.settings.planned import planned_slots
from harness.scenario.vendors.base import Endpoint, Provider
from harness.scenario.vendors.registry import VENDORS, which_server
from harness.stats.looks import confidence_of

# Assumed where no run of this machine knows better. Of `add` on Redis and RabbitMQ on two cores of
# an AMD EPYC, 2026-11.
OVERHEAD_S: Final = 1.4
"""Of a block: start, probe tasks, warm-up, drain, stop, record. On RabbitMQ half of it: a worker
on Redis ends when its last BRPOP does."""
ROUND_TRIP_S: Final = 0.003
"""What a caller waits for beside the task itself."""
WORKER_BYTES: Final = 55 * 1024**2
"""Of one worker process; shared pages count in each."""
CLIENT_BYTES: Final = 50 * 1024**2
SEARCH_STEPS: Final = 12
"""Rates that a search for saturation tries."""

_OVERHEAD: Final = attrgetter("overhead_s")


@dataclass(frozen=True)
class CellOutlook:
    """What one cell will take."""

    name: str
    blocks: int
    most_blocks: int
    """With all pairs that an inconclusive comparison may add."""
    overhead_s: Known
    """Of a block: all that is not measured."""
    measured_s: Known
    pause_s: float
    """In which nothing but the expiry of results is waited for."""
    asked: tuple[AskedOf, ...]
    """Empty for a load that takes what it gets."""
    processes: int
    """Of the workers; of twins those of both."""
    worker_bytes: Known
    """Of one of them."""
    clients: int
    """Of twins those of both."""
    client_bytes: Known
    """Of all clients."""
    own_code: bool = False
    """Its tasks are the user's: what they cost, only a run can tell."""

    @property
    def block_s(self) -> float:
        """Seconds of one block."""
        return self.overhead_s.value + self.measured_s.value + self.pause_s

    @property
    def memory_bytes(self) -> float:
        """Of workers and clients, while one of its blocks is measured."""
        return self.processes * self.worker_bytes.value + self.client_bytes.value


@dataclass(frozen=True)
class Outlook:
    """What a plan will take and can tell."""

    cells: tuple[CellOutlook, ...]
    at_most: AtMost
    machine: Machine
    servers_s: Known
    """Start of the servers."""
    server_bytes: Mapping[str, Known]
    """Service -> memory, of servers that the harness runs itself."""
    environments: int = 0
    """Python environments of other versions of Celery: built before, where they are missing, in
    time that is not counted here."""
    limit_s: float | None = None
    """Seconds after which no pairs are added."""
    pairs: tuple[int, ...] = ()
    """At how many pairs it is looked, as far as time is given for them; empty where nothing is
    compared."""
    by_ab: bool = False
    """Nothing stands beside these cells until `harness ab` brings the other side."""
    confidence: float = 0.95
    sights: tuple[Sight, ...] = ()
    """For the first and the last look; empty where pairs are too few for a verdict."""

    @property
    def blocks(self) -> int:
        """Blocks until the first look."""
        return sum(one.blocks for one in self.cells)

    @property
    def most_blocks(self) -> int:
        """Blocks until the last look."""
        return sum(one.most_blocks for one in self.cells)

    @property
    def expected_s(self) -> float:
        """Seconds of the run until the first look."""
        return self.servers_s.value + sum(one.blocks * one.block_s for one in self.cells)

    @property
    def most_s(self) -> float:
        """Seconds of the run until the last look, no later than the scenario allows."""
        every_s = self.servers_s.value + sum(one.most_blocks * one.block_s for one in self.cells)
        return every_s if self.limit_s is None else min(every_s, max(self.expected_s, self.limit_s))

    @property
    def asked(self) -> tuple[tuple[CellOutlook, AskedOf], ...]:
        """What loads ask for, with the cells: those that ask for the largest share first."""
        every = [(cell, one) for cell in self.cells for one in cell.asked]
        return tuple(
            sorted(every, key=lambda pair: -pair[1].sum.needed / max(pair[1].sum.there, 1))
        )

    @property
    def largest(self) -> CellOutlook | None:
        """The cell whose processes take the most memory."""
        return max(self.cells, key=lambda one: one.memory_bytes, default=None)

    @property
    def memory_bytes(self) -> float:
        """Of all that runs at once: servers, and the processes of the largest cell."""
        largest = self.largest
        servers = sum(one.value for one in self.server_bytes.values())
        return servers + (largest.memory_bytes if largest else 0.0)


def outlook(
    cells: Sequence[PlannedCell],
    at_most: AtMost,
    compare: Compare | None,
    runs: LastRuns,
    machine: Machine,
    provider: Provider | None = None,
    *,
    by_ab: bool = False,
) -> Outlook:
    """What these blocks will take and can tell apart. `provider`: who runs all servers, where the
    command line says so; `by_ab`: the other side of comparisons is still to come."""
    each = tuple(_cell(one, runs, machine) for one in cells)
    ends = [end for one in cells for end in _servers(provided(one.cell.configuration, provider))]
    servers_s = _servers_s(cells, ends, runs)
    limit_s = 60 * compare.minutes if compare and compare.minutes else None
    most = math.inf
    if limit_s is not None:
        round_s = sum(found.block_s for found, one in zip(each, cells, strict=True) if one.pairs)
        most = (limit_s - servers_s.value) / (round_s * (2 if by_ab else 1))
    pairs = looks(cells, compare, most)
    return Outlook(
        cells=each,
        at_most=at_most,
        machine=machine,
        servers_s=servers_s,
        server_bytes=_server_bytes(ends, runs),
        environments=_environments(cells),
        limit_s=limit_s,
        pairs=pairs,
        by_ab=by_ab,
        confidence=confidence_of(compare.look_sizes if compare else ()),
        sights=tuple(sights(cells, compare, pairs, runs)),
    )


# --- times --------------------------------------------------------------------------------------


def _cell(one: PlannedCell, runs: LastRuns, machine: Machine) -> CellOutlook:
    cell, keys = one.cell, keys_of(one.stored)
    pool = pools_of(cell.configuration.groups)
    workers = runs.of_cell(keys, lambda it: it.worker_bytes if it.pool == pool else None)
    clients = (
        runs.of_cell(keys, lambda it: it.client_bytes)
        or runs.usual(lambda it: it.client_bytes, lambda it: it.clients == cell.load.clients)
        or Known(CLIENT_BYTES * cell.load.clients)
    )
    sides = 2 if one.twin else 1
    return CellOutlook(
        name=cell.name,
        blocks=one.blocks,
        most_blocks=one.most_blocks,
        overhead_s=_overhead_s(one, keys, runs),
        measured_s=_measured_s(one, keys, runs, machine),
        pause_s=_pause_s(cell),
        asked=tuple(asked_of(cell, keys, runs, machine)),
        processes=sides * worker_processes(one.stored.config),
        worker_bytes=workers
        or runs.usual(lambda it: it.worker_bytes, lambda it: it.pool == pool)
        or Known(WORKER_BYTES),
        clients=sides * cell.load.clients,
        client_bytes=replace(clients, value=sides * clients.value),
        own_code=cell.workload.least_run_s is None,
    )


def _overhead_s(one: PlannedCell, keys: CellKeys, runs: LastRuns) -> Known:
    config = one.cell.configuration
    services = (config.broker.service, config.backend.service)

    def alike(it: MeasuredCell) -> bool:
        return it.twin == one.twin and not it.faulted

    like_this = runs.of_cell(
        keys, lambda it: it.overhead_s if it.twin == one.twin else None, loosest=2
    )
    if like_this is not None:
        return like_this
    of_others = (
        runs.usual(_OVERHEAD, lambda it: it.services == services and alike(it))
        or runs.of_cell(keys, _OVERHEAD, loosest=2)
        or runs.usual(_OVERHEAD, lambda it: it.services == services and not it.faulted)
        or runs.usual(_OVERHEAD, lambda it: not it.faulted)
        or Known(OVERHEAD_S)
    )
    run = run_time_s(one.cell, keys, runs) if one.twin else None
    unit_s = len(one.cell.workload.steps) * (run.value if run else 0.0)
    waits = waits_s(one.cell.load, one.cell.measure, unit_s)
    return replace(of_others, value=of_others.value + waits)


def _measured_s(one: PlannedCell, keys: CellKeys, runs: LastRuns, machine: Machine) -> Known:
    load, measure = one.cell.load, one.cell.measure
    length_s = load.length_s(measure) or measure.duration
    if length_s is not None and not isinstance(load, SaturateLoad):
        return Known(length_s, planned=True)
    extent = extent_of(one.stored)
    before = runs.of_cell(keys, lambda it: it.window_s if it.extent == extent else None, loosest=1)
    if before is not None:
        return before
    if isinstance(load, SaturateLoad):
        return Known(min(load.time, SEARCH_STEPS * load.step))
    rate = runs.of_cell(keys, lambda it: it.per_s or None, loosest=1)
    rate = rate or _guessed_per_s(one.cell, keys, runs, machine)
    return Known((measure.units or 0) / rate.value, rate.runs)


def _guessed_per_s(cell: Cell, keys: CellKeys, runs: LastRuns, machine: Machine) -> Known:
    """Units per second of a load that takes what it gets: as many as cores, slots and callers let
    through."""
    steps = cell.workload.steps
    cpu, run = cpu_time_s(cell, keys, runs, None), run_time_s(cell, keys, runs)
    run_s = run.value if run else 0.0
    limits = [machine.cores / (cpu.value * sum(steps))]
    if run_s:
        limits.append(planned_slots(cell.configuration) / (run_s * sum(steps)))
    if isinstance(cell.load, ClosedLoad):
        limits.append(cell.load.in_flight / (len(steps) * (run_s + ROUND_TRIP_S)))
    return Known(min(limits), tuple(dict.fromkeys([*cpu.runs, *(run.runs if run else ())])))


def _pause_s(cell: Cell) -> float:
    asked = cell.measure.results_left == "expire"
    return (expiry_s(cell.configuration) or 0.0) if asked else 0.0


def _servers_s(
    cells: Sequence[PlannedCell], ends: Sequence[tuple[Endpoint, Provider]], runs: LastRuns
) -> Known:
    """They boot at the same time."""
    services = frozenset(
        service
        for one in cells
        for service in (
            one.cell.configuration.broker.service,
            one.cell.configuration.backend.service,
        )
    )
    assumed = [VENDORS[end.service].own_server.start_s for end, _ in ends]
    return runs.servers_start_s(services) or Known(max(assumed, default=0.0))


def _environments(cells: Sequence[PlannedCell]) -> int:
    versions = (one.stored.config["celery"] for one in cells)
    return len({canonical(one) for one in versions if one and not one.get("python")})


# --- cores, slots, memory -----------------------------------------------------------------------


def _servers(configuration: Configuration) -> Iterator[tuple[Endpoint, Provider]]:
    """Servers that the harness runs itself."""
    for end in (configuration.broker, configuration.backend):
        if isinstance(end, Endpoint) and end.provider != "external":
            yield end, end.provider or "local"


def _server_bytes(ends: Sequence[tuple[Endpoint, Provider]], runs: LastRuns) -> dict[str, Known]:
    apart = {which_server(end.model_dump(mode="json"), who): end.service for end, who in ends}
    found: dict[str, Known] = {}
    for service, count in Counter(apart.values()).items():
        each = runs.usual(_of_server(service)) or Known(VENDORS[service].own_server.memory_bytes)
        found[service] = Known(count * each.value, each.runs)
    return found


def _of_server(service: str) -> Callable[[MeasuredCell], float | None]:
    return lambda one: one.server_bytes.get(service)
