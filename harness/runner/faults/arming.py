"""From a cell's faults to an engine that will do them to this block's processes and servers."""

from __future__ import annotations

from collections.abc import Mapping

from harness.runner.faults import network, servers, workers
from harness.runner.faults.engine import Armed, FaultEngine
from harness.runner.faults.planned import planned
from harness.runner.faults.targets import MakesBreaker, Targets
from harness.scenario.checks.faulty_loads import faults_of
from harness.scenario.models.faults import FaultBase
from harness.scenario.models.scenario import Cell
from harness.services.base import Service
from harness.services.hosting.outage import own_server

BREAKERS: Mapping[type[FaultBase], MakesBreaker] = {
    **workers.BREAKERS,
    **servers.BREAKERS,
    **network.BREAKERS,
}
"""Model of a kind of fault -> how it is done."""


def check(cell: Cell, broker: Service, backend: Service | None) -> None:
    """ServiceError if a fault of a cell is about a server that is not the harness' own. Before
    anything is measured: the command line decides who runs the servers."""
    for fault in faults_of(cell.load):
        if fault.kind.place == "broker":
            own_server(broker)
        elif fault.kind.place == "backend" and backend is not None:
            own_server(backend)


def arm(cell: Cell, targets: Targets) -> FaultEngine | None:
    """An engine for the faults of a cell, None if it has none. HarnessError if one of them cannot
    be done here."""
    faults = planned(faults_of(cell.load), targets.seed)
    if not faults:
        return None
    armed = [Armed(one, BREAKERS[type(one.fault)](one.fault, targets)) for one in faults]
    return FaultEngine(armed, targets.events, targets.main)
