"""From a cell's faults to an engine that will do them to this block's processes and servers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.crew.workers import Workers
from harness.runner.faults.engine import Armed, Breaker, FaultEngine, FaultError
from harness.runner.faults.network import BlockNetwork, NetworkCut, NetworkSlowed
from harness.runner.faults.planned import planned
from harness.runner.faults.servers import BrokerFilled, ServerOutage
from harness.runner.faults.workers import PoolChildKill, WorkerKill, WorkerShutdown, WorkerStop
from harness.scenario.checks.faulty_loads import faults_of
from harness.scenario.models.faults import (
    Fault,
    FillBroker,
    KillBackend,
    KillBroker,
    KillPoolChild,
    KillWorker,
    NetworkFault,
    RestartBackend,
    RestartBroker,
    ShutdownWorker,
    SlowNetwork,
    StopWorker,
)
from harness.scenario.models.scenario import Cell
from harness.services.base import Service
from harness.services.hosting.outage import own_server


@dataclass(frozen=True)
class Targets:
    """What can be broken."""

    workers: Workers
    broker: Service
    backend: Service | None
    """The broker's again where both are one server."""
    network: BlockNetwork | None
    events: Path
    seed: int


def check(cell: Cell, broker: Service, backend: Service | None) -> None:
    """ServiceError if a fault of a cell is about a server that is not the harness' own. Before
    anything is measured: the command line decides who runs the servers."""
    for fault in faults_of(cell.load):
        if isinstance(fault, RestartBroker | KillBroker | FillBroker):
            own_server(broker)
        elif isinstance(fault, RestartBackend | KillBackend) and backend is not None:
            own_server(backend)


def arm(cell: Cell, targets: Targets) -> FaultEngine | None:
    """An engine for the faults of a cell, None if it has none. HarnessError if one of them cannot
    be done here."""
    faults = planned(faults_of(cell.load), targets.seed)
    if not faults:
        return None
    armed = [Armed(one, _breaker(one.fault, targets)) for one in faults]
    return FaultEngine(armed, targets.events)


def _breaker(fault: Fault, targets: Targets) -> Breaker:
    workers = targets.workers
    if isinstance(fault, KillWorker):
        return WorkerKill(fault, workers)
    if isinstance(fault, ShutdownWorker):
        return WorkerShutdown(fault, workers)
    if isinstance(fault, StopWorker):
        return WorkerStop(fault, workers)
    if isinstance(fault, KillPoolChild):
        return PoolChildKill(fault, workers, targets.events, targets.seed)
    return _server_breaker(fault, targets)


def _server_breaker(fault: Fault, targets: Targets) -> Breaker:
    workers, broker, backend = targets.workers, targets.broker, targets.backend
    if isinstance(fault, RestartBroker | KillBroker):
        kill = isinstance(fault, KillBroker)
        both = backend is broker
        return ServerOutage(fault, broker, workers, "broker", kill=kill, holds_results=both)
    if isinstance(fault, RestartBackend | KillBackend):
        if backend is None or backend is broker:
            raise FaultError(f"{fault.fault}: there is no server for results alone")
        kill = isinstance(fault, KillBackend)
        return ServerOutage(fault, backend, workers, "backend", kill=kill, holds_results=True)
    if isinstance(fault, FillBroker):
        return BrokerFilled(fault, broker, workers)
    if targets.network is not None and isinstance(fault, SlowNetwork):
        return NetworkSlowed(fault, targets.network, workers)
    if targets.network is not None and isinstance(fault, NetworkFault):
        return NetworkCut(fault, targets.network, workers)
    raise NotImplementedError(fault.fault)
