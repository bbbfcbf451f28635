"""From a cell's faults to an engine that will do them to this block's processes and servers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.runner.faults.engine import Armed, Breaker, FaultEngine
from harness.runner.faults.planned import planned
from harness.runner.faults.workers import PoolChildKill, WorkerKill, WorkerShutdown, WorkerStop
from harness.scenario.fault_models import (
    Fault,
    KillPoolChild,
    KillWorker,
    ShutdownWorker,
    StopWorker,
)
from harness.scenario.faulty_loads import faults_of
from harness.scenario.models import Cell
from harness.workers.process import Workers


@dataclass(frozen=True)
class Targets:
    """What can be broken."""

    workers: Workers
    events: Path
    seed: int


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
    raise NotImplementedError(fault.fault)
