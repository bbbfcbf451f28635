"""Moments of runs, made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.results.events.activity import Activity
from harness.results.record.environment import Server
from harness.results.record.run import RunRecord
from harness.runner.telling.events import (
    BlockEnded,
    BlockStarts,
    CopyPrepares,
    EnvironmentBuilds,
    Event,
    Goal,
    RunEnded,
    RunPlanned,
    ServersReady,
    StageBegins,
    Swept,
    Tick,
)
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure
from harness.scenario.models.scenario import Cell
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.scenario.workloads.add import AddWorkload
from tests.report.made import records
from tests.report.made.records import block, cell, run

SECOND = 1_000_000_000
CELL = Cell(
    name="redis/add/closed-8",
    configuration=Configuration(
        name="redis", broker=RedisBroker(service="redis"), backend=RedisBackend(service="redis")
    ),
    workload=AddWorkload(workload="add"),
    load=ClosedLoad(load="closed"),
    measure=Measure(units=10),
)
HOSTILE = "[bold]@all[/]\x1b[2J\x07/add/closed-8"
BUSY = Activity(
    published=1210,
    refused=1,
    started=1204,
    finished=1202,
    completed=1200,
    outcomes={"ok": 1197, "failed": 2, "timed out": 1},
    published_per_s=99.0,
    completed_per_s=812.4,
    p50_s=0.0082,
    p99_s=0.0121,
)
TICK = Tick(
    number=2,
    stage="measuring",
    stage_s=12.4,
    block_s=15.0,
    goal=Goal(seconds=60.0),
    share=0.207,
    stage_remaining_s=47.6,
    remaining_s=260.0,
    activity=BUSY,
    depth=14,
)


def record_of(*servers: Server, name: str = CELL.name) -> RunRecord:
    """A run with a cell per server, of which ten blocks are planned."""
    cells = [cell(name, servers={"broker": one}) for one in servers[:1]]
    cells += [cell("sqs/add/closed-8", servers={"broker": one}) for one in servers[1:]]
    return run(*cells, planned=5)


def story(name: str = CELL.name) -> list[tuple[float, Event]]:
    """A run from its begin to its end, with the seconds at which things happened."""
    record = record_of(records.VALKEY, records.MINISTACK, name=name)
    own = CELL.model_copy(update={"name": name})
    publishing = replace(TICK, stage="publishing", goal=Goal(units=5000), share=0.242)
    return [
        (0.0, Swept(["removed 3 keys of a killed run"])),
        (0.1, EnvironmentBuilds("celery 5.3.1")),
        (0.15, CopyPrepares("revision 3fa9", "make")),
        (0.2, RunPlanned(record, Path("results/r"))),
        (0.5, ServersReady(record)),
        (1.0, BlockStarts(2, 10, own, 20.0, 260.0)),
        (1.0, StageBegins(2, "starting")),
        (2.0, replace(TICK, stage="starting", goal=Goal(), share=None, activity=Activity())),
        (3.0, StageBegins(2, "publishing", Goal(units=5000))),
        (4.0, publishing),
        (5.0, StageBegins(2, "measuring", Goal(seconds=60.0), "at 200/s")),
        (17.4, replace(TICK, detail="at 200/s")),
        (70.0, BlockEnded(block(2, 0, duplicated=1), own)),
        (81.0, Tick(None, "between blocks", 11.0, 11.0)),
        (82.0, RunEnded(record, Path("results/r"))),
    ]
