"""A block that is begun while the one before it ends: on a real server, and when it may be so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from harness.clock import monotonic_ns
from harness.environments import OWN, Interpreter
from harness.processes import create_time, is_alive
from harness.results.events.unit_shape import UnitShape
from harness.results.record.run import BlockRecord
from harness.results.store.run_folders import RunFolder
from harness.runner.ahead import NextBlock, may_meet
from harness.runner.block import run_block
from harness.runner.job import BlockJob
from harness.runner.order import next_left
from harness.runner.sessions.session import Measured
from harness.runner.telling.interrupts import Interrupts
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.scenario import Cell
from harness.scenario.plan.loader import load_plan
from harness.services.provide import Services, provide
from harness.workspace import Workspace, open_workspace
from tests.runner.running import ROOT

UNITS = 10
SHAPE = UnitShape(
    tasks_per_unit=1,
    sequential=False,
    grouped=False,
    watched=True,
    held=False,
    stores_results=True,
)


def cell_of(scenario: str, *sets: str) -> Cell:
    environ = {"HARNESS_REDIS_URL": "redis://nowhere", "HARNESS_RABBITMQ_URL": "amqp://nowhere"}
    return load_plan(ROOT / scenario, sets=sets, environ=environ).cells[0]


def add(*sets: str) -> Cell:
    return cell_of("scenarios/smoke.yaml", f"measure.units={UNITS}", *sets)


@pytest.fixture
def place(session_environ: dict[str, str]) -> Iterator[Workspace]:
    with open_workspace(session_environ) as opened:
        yield opened


@pytest.fixture
def services(
    place: Workspace, session_environ: dict[str, str], tmp_path: Path
) -> Iterator[Services]:
    with provide(
        [add().configuration],
        provider="local",
        workspace=place,
        log_dir=tmp_path,
        environ=session_environ,
        project_dir=ROOT,
    ) as services:
        yield services


@dataclass(frozen=True)
class Handover:
    """A block's end: what it had measured, when, its processes, and those of the next block."""

    measured: Measured
    at_ns: int
    own: set[tuple[int, float]]
    started: set[tuple[int, float]]


def marked(place: Workspace) -> set[tuple[int, float]]:
    """Living processes of the run, its server among them."""
    found = set()
    for process in psutil.process_iter():
        try:
            if place.marked({}).items() <= process.environ().items() and is_alive(process):
                found.add((process.pid, create_time(process.pid)))
        except (psutil.Error, OSError):
            continue
    return found


def test_a_block_is_begun_while_the_last_one_ends_and_measured_when_that_is_gone(
    place: Workspace, services: Services, session_environ: dict[str, str], tmp_path: Path
) -> None:
    """One whose start fails has failed when its turn comes, and not the one before it; one that is
    never measured leaves nothing behind."""
    interrupts = Interrupts()
    broker, _ = services.of(add().configuration)
    nowhere = Interpreter(tmp_path / "no-python")

    def job(number: int, interpreter: Interpreter = OWN) -> BlockJob:
        names = (0, add(), SHAPE, f"ahead-{number}", folder, place, session_environ)
        return BlockJob(number, number, *names, interpreter)

    def alive() -> set[tuple[int, float]]:
        return marked(place) - servers

    def measure(this: BlockJob, following: BlockJob) -> tuple[BlockRecord, Handover]:
        seen = []

        def over(measured: Measured) -> None:
            own = alive()
            next_block.begin(this.cell, following, measured.worker_peak_rss_bytes)
            seen.append(Handover(measured, monotonic_ns(), own, alive() - own))

        return run_block(next_block.take(this), services, interrupts, over), seen[0]

    servers = marked(place)
    with closing(RunFolder.create(tmp_path, "run")) as folder:
        with NextBlock(services) as next_block:
            first, to_second = measure(job(0), job(1))
            left = alive()
            second, to_third = measure(job(1), job(2, nowhere))
            third = run_block(next_block.take(job(2, nowhere)), services, interrupts)
            next_block.begin(add(), job(3), None)
            assert alive() == set()  # nobody knows what room it needs
            next_block.begin(add(), job(3), 1)
            assert len(alive()) >= 2
        assert alive() == set()
        assert not folder.block(3).exists()
    assert [one.status for one in (first, second, third)] == ["complete", "complete", "failed"]
    assert "cannot start" in third.error
    assert [one.outcomes.ok for one in (first, second)] == [UNITS] * 2
    assert len(to_second.own) == 4  # worker, two of its pool, client
    assert len(to_second.started) >= 2
    assert to_second.started <= left
    assert not to_second.own & left
    assert to_third.own >= to_second.started
    assert to_third.started == set()
    assert to_second.measured.over_ns < to_second.at_ns < to_third.measured.over_ns
    with redis.Redis.from_url(broker.target.url) as client:
        assert client.info("keyspace") == {}


@pytest.mark.parametrize("sets", [(), ("measure.results_left=count",)])
def test_blocks_that_keep_to_themselves_may_meet(sets: tuple[str, ...]) -> None:
    assert may_meet(add(*sets))


@pytest.mark.parametrize(
    ("scenario", "sets"),
    [
        ("scenarios/kill-workers.yaml", ()),
        ("scenarios/slow-network.yaml", ()),
        (
            "scenarios/smoke.yaml",
            ("measure.results_left=expire", "config.settings.result_expires=60"),
        ),
        ("examples/shop/scenarios/shop.yaml", ()),
    ],
    ids=["broken", "slowed", "expiring", "own tasks"],
)
def test_others_do_not_meet(scenario: str, sets: tuple[str, ...]) -> None:
    assert not may_meet(cell_of(scenario, *sets))


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"worker_state_db": "here"}, ()),
        ({"imports": ["mine"]}, ()),
        ({}, ("--pidfile=here.pid",)),
        ({}, ("-S", "here.db")),
    ],
)
def test_workers_that_may_want_one_file_or_port_do_not_meet(
    settings: dict[str, Any], options: tuple[str, ...]
) -> None:
    cell = add()
    worker = cell.configuration.worker.model_copy(update={"options": options})
    update = {"settings": settings, "worker": worker}
    changed: Configuration = cell.configuration.model_copy(update=update)
    assert not may_meet(cell.model_copy(update={"configuration": changed}))


def test_the_next_block_is_the_first_that_is_left() -> None:
    order = (0, 1, 1, 0, 2, 0)
    assert next_left(order, 0, set(), set()) == 1
    assert next_left(order, 0, {1, 2}, set()) == 3
    assert next_left(order, 0, {3}, {1}) == 4
    assert next_left(order, 3, {4, 5}, set()) is None
    assert next_left(order, 5, set(), set()) is None
