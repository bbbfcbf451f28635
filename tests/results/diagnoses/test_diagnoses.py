"""Diagnoses of blocks that would take too long, or a server that is not here, to provoke."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.probe.recording.events import Outcome, UnitFlag
from harness.probe.recording.ids import WHOLE
from harness.results.block.children import Ended, children_record
from harness.results.block.ledger import BlockEnd
from harness.results.block.summary import digest
from harness.results.diagnoses import DIAGNOSES, Evidence, diagnosed
from harness.results.diagnoses.clues import clues_in
from harness.results.events.merge import merge
from harness.results.events.mix import Mix
from harness.results.events.routes import Routes, of_options
from harness.results.events.unit_shape import UnitShape
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.models.configuration import Configuration, Worker
from harness.scenario.models.measure import Measure
from harness.scenario.models.scenario import Cell
from harness.scenario.vendors.rabbitmq import RabbitmqBroker
from harness.scenario.vendors.redis import RedisBroker
from harness.scenario.vendors.sqs import SqsBroker
from harness.scenario.workloads.add import AddWorkload
from harness.scenario.workloads.group import GroupWorkload
from harness.scenario.workloads.own_tasks import OwnTaskWorkload
from harness.scenario.workloads.tracking import TrackingWorkload
from tests.results.events.histories import History, Record, Task, Unit, ident_of

ROOT = Path(__file__).parents[3]
MS = 1_000_000


def ran(ident: bytes, at: int, *, store_ms: int = 1) -> Task:
    """A task that was received at a time, ran for a millisecond and was stored."""
    end = at + 2 * MS
    return Task(ident, [at], [at + MS], [(end, False)], [end], [end + store_ms * MS])


def told(
    units: Sequence[Unit],
    workload: Any,
    worker: Worker,
    backend: str,
    *,
    broker: Any = None,
    settings: dict[str, Any] | None = None,
    others: Sequence[Record] = (),
    known: dict[str, Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """Code -> data of every diagnosis of a block with these units.

    Backends that this version does not have yet, or does not need to start, are a name only.
    `others` are further records of the event log, `known` are clues instead of those in it, and
    by how much the workers' memory grew, and the configuration's `queues` and `network`.
    """
    grouped = isinstance(workload, GroupWorkload)
    per_unit = workload.size if isinstance(workload, GroupWorkload) else 1
    named: Any = SimpleNamespace(service=backend)
    history = History(False, True, list(units), [], 0, 1, 0, per_unit, grouped)
    history.others = list(others)
    with tempfile.TemporaryDirectory() as folder:
        history.write(Path(folder))
        merged = merge(Path(folder), per_unit, grouped=grouped)
        known = dict(known or {})
        grown_bytes, queues = known.pop("grown_bytes", None), known.pop("queues", {})
        network = known.pop("network", None)
        clues = replace(clues_in(Path(folder)), **known)
    shape = UnitShape(
        sequential=False,
        grouped=grouped,
        watched=True,
        held=False,
        stores_results=True,
        tasks_per_unit=per_unit,
        mix=Mix.of(workload, 0),
        countdown_s=workload.options.countdown or 0.0,
        routes=Routes.of({}, [*of_options(workload.message_options)]),
    )
    cell = Cell.model_construct(
        name="x",
        configuration=Configuration.model_construct(
            name="c",
            broker=broker or RedisBroker(service="redis"),
            backend=named,
            network=network,
            settings=settings or {},
            worker=worker,
            queues=queues,
        ),
        workload=workload,
        load=ClosedLoad(load="closed"),
        measure=Measure(units=1),
    )
    digested = digest(merged, shape, BlockEnd())
    evidence = Evidence(cell, digested, shape, clues, grown_bytes)
    ended = Ended(evidence.span_ns)
    children = children_record(clues.children, merged, shape, evidence.slots, ended)
    found = diagnosed(replace(evidence, children=children))
    return {warning.code: warning.data for warning in found}


def adds(seen_after_ms: int, *, store_ms: int = 1) -> list[Unit]:
    """Four units, one after the other."""
    units = []
    for number in range(4):
        at = (number + 1) * 1000 * MS
        unit = Unit(number, UnitFlag.MEASURED, at, [ran(ident_of(number, 0), at + MS)])
        unit.tasks = [ran(ident_of(number, 0), at + MS, store_ms=store_ms)]
        unit.published, unit.seen = at + MS // 2, Outcome.OK
        unit.seen_at = at + 3 * MS + seen_after_ms * MS
        units.append(unit)
    return units


ADD = AddWorkload(workload="add")
DIAGNOSES_BY_CODE = {one.code: one for one in DIAGNOSES}


@pytest.mark.parametrize(
    ("backend", "pool", "told_so"),
    [
        ("sqlite", "threads", True),
        ("postgresql", "solo", True),
        ("mysql", "gevent", True),
        ("postgresql", "prefork", False),
        ("redis", "threads", False),
    ],
)
def test_databases_outside_prefork(backend: str, pool: Any, told_so: bool) -> None:
    found = told(adds(1, store_ms=13), ADD, Worker(pool=pool, concurrency=1), backend)
    assert ("nullpool_database" in found) is told_so
    if told_so:
        assert found["nullpool_database"] == {"pool": pool, "store_call_p50_s": 0.013}


@pytest.mark.parametrize(
    ("backend", "seen_after_ms", "told_so"),
    [("sqlite", 300, True), ("sqlite", 5, False), ("redis", 300, False), ("rpc", 300, False)],
)
def test_a_get_that_polls(backend: str, seen_after_ms: int, told_so: bool) -> None:
    found = told(adds(seen_after_ms), ADD, Worker(), backend)
    assert ("polled_get" in found) is told_so


@pytest.mark.parametrize(("wait", "told_so"), [("get", True), ("interval", False), ("busy", False)])
def test_a_caller_that_sleeps_an_interval_of_its_own(wait: Any, told_so: bool) -> None:
    workload = TrackingWorkload(workload="tracking", wait=wait)
    assert ("polled_get" in told(adds(300), workload, Worker(), "sqlite")) is told_so


def hoarded() -> list[Unit]:
    """Two tasks of a second on one worker, one after the other; the other worker has nothing."""
    second = 1000 * MS
    units = []
    for number in range(2):
        begin, end = number * second + 2 * MS, (number + 1) * second
        task = Task(ident_of(number, 0), [MS], [begin], [(end, False)], [end], [end + MS])
        unit = Unit(number, UnitFlag.MEASURED, 1, [task], published=2, seen=Outcome.OK)
        unit.seen_at = end + 2 * MS
        units.append(unit)
    return units


@pytest.mark.parametrize("multiplier", [None, 3])
def test_the_window_of_somebody_elses_app_is_not_known(multiplier: int | None) -> None:
    """Its own configuration may say another multiplier than Celery's default."""
    own = OwnTaskWorkload(workload="task", app="shop", task="shop.resize")
    settings = {} if multiplier is None else {"worker_prefetch_multiplier": multiplier}
    worker = Worker(count=2, concurrency=1)
    found = told(hoarded(), own, worker, "redis", settings=settings)["prefetch_hoarding"]
    assert found.get("window") == multiplier
    assert (
        DIAGNOSES_BY_CODE["prefetch_hoarding"]
        .detail(found)
        .endswith("of the time" if multiplier is None else "window 3")
    )
    found = told(hoarded(), ADD, worker, "redis", settings=settings)["prefetch_hoarding"]
    assert found["window"] == (multiplier or 4)
    unlimited = {"worker_prefetch_multiplier": 0}
    found = told(hoarded(), ADD, worker, "redis", settings=unlimited)["prefetch_hoarding"]
    assert "window" not in found


@pytest.mark.parametrize(("own", "told_so"), [(True, True), (False, False)])
def test_somebody_elses_tasks_may_acknowledge_late(own: bool, told_so: bool) -> None:
    """The configuration says nothing of it, and it shows in what ran twice."""
    workload = OwnTaskWorkload(workload="task", app="shop", task="shop.resize") if own else ADD
    units = hoarded()
    units[1].tasks[0].started.append(500 * MS)
    options = {"broker_transport_options": {"visibility_timeout": 0.5}}
    found = told(units, workload, Worker(), "redis", settings=options)
    assert ("late_ack_beyond_visibility" in found) is told_so


@pytest.mark.parametrize(
    ("backend", "members", "outcome", "told_so"),
    [
        ("rpc", 8193, Outcome.TIMED_OUT, True),
        ("rpc", 8193, Outcome.OK, False),
        ("redis", 8193, Outcome.TIMED_OUT, False),
        ("rpc", 8192, Outcome.TIMED_OUT, False),
    ],
)
def test_results_that_rpc_evicts(
    backend: str, members: int, outcome: Outcome, told_so: bool
) -> None:
    """Every member was stored, and the group never whole."""
    tasks = [ran(ident_of(0, place), (place + 2) * MS) for place in range(members)]
    unit = Unit(0, UnitFlag.MEASURED, MS, tasks, published=MS, position=WHOLE)
    unit.seen, unit.seen_at = outcome, 10**13
    group = GroupWorkload(workload="group", size=members, collect="join")
    found = told([unit], group, Worker(), backend, broker=RabbitmqBroker(service="rabbitmq"))
    assert ("rpc_eviction" in found) is told_so


def test_the_page_of_diagnoses_is_current() -> None:
    command = [sys.executable, "docs/render_diagnoses.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_diagnosis_says_all_of_it() -> None:
    """Among them where in whose source the cause is."""
    for one in DIAGNOSES:
        assert all((one.looks_at, one.sentence, one.cause, one.advice))
        assert ".py" in one.cause, one.code
    assert len({one.code for one in DIAGNOSES}) == len(DIAGNOSES)


@pytest.mark.parametrize(
    ("burst", "code", "settings"),
    [(4, "sqs_polling", {"window": 4}), (1, "sqs_empty_poll", {"wait_time_s": 0.0})],
)
def test_why_a_worker_slept_at_sqs(burst: int, code: str, settings: dict[str, Any]) -> None:
    """A full window of four each second, or one message, that came when the queue was empty."""
    units = []
    for number in range(5 * burst):
        at = (number // burst + 2) * 1000 * MS + number % burst * 3 * MS
        unit = Unit(number, UnitFlag.MEASURED, at - 800 * MS, [ran(ident_of(number, 0), at)])
        unit.published, unit.seen, unit.seen_at = at - 799 * MS, Outcome.OK, at + 4 * MS
        units.append(unit)
    found = told(
        units,
        ADD,
        Worker(pool="threads", concurrency=1),
        "redis",
        broker=SqsBroker(service="sqs"),
        settings={"broker_transport_options": {"polling_interval": 1, "wait_time_seconds": 0}},
    )
    assert found.keys() & {"sqs_polling", "sqs_empty_poll"} == {code}
    assert found[code].items() >= {"polling_interval_s": 1.0, **settings}.items()
