"""Blocks beside each other, on a real server: one that is begun while the one before it ends, and
twins; and when it may be so."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import duckdb
import psutil
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import monotonic_ns
from harness.environments.interpreter import OWN, Interpreter
from harness.errors import RecordError
from harness.processes import create_time, is_alive
from harness.results.block.load_phases import SentPhases, write_plan
from harness.results.events.merge import slice_begins
from harness.results.events.unit_shape import UnitShape
from harness.results.record.run import BlockRecord
from harness.results.store.run_folders import RunFolder
from harness.runner.ahead import BlockStart, Meanwhile, NextBlocks
from harness.runner.block import run_block
from harness.runner.job import BlockJob
from harness.runner.order import next_left
from harness.runner.sessions import open_loop
from harness.runner.sessions.closed import ClosedSession
from harness.runner.sessions.session import Measured
from harness.runner.slices import AtRate, OfTime, OfUnits, Slice, Slices, slices_of
from harness.runner.telling.interrupts import Interrupts
from harness.runner.twins import run_at_once
from harness.scenario.checks.twins import possible_twins, why_alone
from harness.scenario.loads.turns import AT_RATE_S, SLICE_S
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.scenario import Cell
from harness.scenario.plan.loader import load_plan
from harness.services.provide import Services, provide
from harness.workspace import Workspace, open_workspace
from tests.runner.running import ROOT
from tests.scenario.project import make_project

UNITS = 10
SLICES = 4
"""Of each of twins."""
GATE = "scenarios/speed-gate.yaml"
COUNTED = 80
"""Units of a load that is measured by them."""
PER_S = 20.0
PHASE = "{phase: steady, rate: 5, duration: 1s}"
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
            next_blocks.begin([this], [following], measured.worker_peak_rss_bytes)
            seen.append(Handover(measured, monotonic_ns(), own, alive() - own))

        return run_block(next_blocks.take([this])[0], services, interrupts, over), seen[0]

    servers = marked(place)
    with closing(RunFolder.create(tmp_path, "run")) as folder:
        with NextBlocks(services) as next_blocks:
            first, to_second = measure(job(0), job(1))
            left = alive()
            second, to_third = measure(job(1), job(2, nowhere))
            third = run_block(next_blocks.take([job(2, nowhere)])[0], services, interrupts)
            next_blocks.begin([job(2)], [job(3)], None)
            assert alive() == set()  # nobody knows what room it needs
            next_blocks.begin([job(2)], [job(3)], 1)
            assert len(alive()) >= 2
        assert alive() == set()
        assert not folder.block(3).exists()
        assert not job(3).spec.exists(), "it may be begun again"
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


def spans(folder: RunFolder, block: BlockRecord) -> list[tuple[int, int]]:
    """When each of a block's units was published, and when its result was seen."""
    path = folder.path / block.files["units"]
    query = "SELECT publish_ns, seen_ns FROM read_parquet(?) ORDER BY publish_ns"
    return duckdb.execute(query, [str(path)]).fetchall()


def turns(ours: Sequence[tuple[int, int]], theirs: Sequence[tuple[int, int]]) -> str:
    """Whose units follow whose: `ABBA`, a letter for each change of sides."""
    every = sorted([(*one, "A") for one in ours] + [(*one, "B") for one in theirs])
    for (_, seen_ns, side), (published_ns, _, other) in pairwise(every):
        assert side == other or seen_ns <= published_ns, "units of both were under way"
    return every[0][2] + "".join(
        after for (*_, before), (*_, after) in pairwise(every) if before != after
    )


def twins_of(
    cell: Cell, number: int, where: tuple[RunFolder, Workspace, dict[str, str]]
) -> list[BlockJob]:
    """Two blocks of a cell, as base and head."""
    return [
        BlockJob(n, 0, n % 2, cell, SHAPE, f"twin-{n}", *where, OWN) for n in (number, number + 1)
    ]


def check_twins(whole: Sequence[BlockRecord], units: Sequence[Sequence[tuple[int, int]]]) -> None:
    """That the figures of both are those of their own turns."""
    assert whole[0].slices == whole[1].slices >= 2, "fewer where the machine stood still"
    for block, own in zip(whole, units, strict=True):
        assert block.outcomes.ok == len(own) == block.units > 0
        assert block.window_s is not None
        assert block.window_s < (own[-1][1] - own[0][0]) / 1e9, "without the other's turns"
        assert block.worker_cpu_ms_per_task is not None
        assert block.broker_cpu_ms_per_task is not None
        assert (block.traffic, block.broker_peak_rss_bytes) == ({}, None)


def test_twins_are_measured_in_turns_and_leave_nothing_behind(
    place: Workspace,
    services: Services,
    session_environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both at once; then two that are interrupted, and two of which one cannot be measured."""
    interrupts, servers = Interrupts(), marked(place)
    timed = cell_of(GATE, f"measure.duration={SLICES * SLICE_S}s", "measure.warmup=5")
    broker, _ = services.of(timed.configuration)
    over: list[Measured] = []

    def jobs(number: int, head: Interpreter = OWN) -> list[BlockJob]:
        both = twins_of(timed, number, (folder, place, session_environ))
        return [both[0], replace(both[1], interpreter=head)]

    def measure(these: list[BlockJob], following: list[BlockJob]) -> list[BlockRecord]:
        def end(measured: Measured) -> None:
            over.append(measured)
            next_blocks.begin(these, following, measured.worker_peak_rss_bytes)

        return run_at_once(next_blocks.take(these), services, interrupts, end)

    with closing(RunFolder.create(tmp_path, "run")) as folder:
        with NextBlocks(services) as next_blocks:
            whole = measure(jobs(0), jobs(2))
            assert len(marked(place) - servers) >= 4, "the next two are begun"
            with monkeypatch.context() as patched:
                done: list[ClosedSession] = []
                put_on = ClosedSession.slice

                def interrupted(session: ClosedSession, one: Slice) -> None:
                    put_on(session, one)
                    done.append(session)
                    interrupts.requested = len(done) == 3

                patched.setattr(ClosedSession, "slice", interrupted)
                partial = measure(jobs(2), [])
            interrupts.requested = False
            nowhere = Interpreter(tmp_path / "no-python")
            failed = measure(jobs(4, nowhere), [])
            assert marked(place) == servers
            folder.block(7).write_text("no room for a folder", encoding="utf-8")
            next_blocks.begin(jobs(4), jobs(6), 1)
            assert len(marked(place) - servers) >= 2, "one of the two is begun"
            with pytest.raises(RecordError):
                measure(jobs(6), [])
            assert marked(place) == servers
            assert not folder.block(6).exists()
        first, second = (spans(folder, block) for block in whole)
        assert len(turns(first, second)) == whole[0].slices + 1  # AB BA AB: neighbours are one
        assert not folder.block(4).exists()
        assert folder.block(5).exists()
    assert [one.status for one in (*whole, *partial, *failed)] == [
        *("complete", "complete", "partial", "partial", "failed")
    ]
    assert [one.slices for one in partial] == [0, 2], "one turn is no slices"
    assert len(over) == 1, "what was interrupted, or failed, is no time to begin others"
    check_twins(whole, (first, second))
    assert [one.number for one in failed] == [5]
    assert "cannot start" in failed[0].error
    with redis.Redis.from_url(broker.target.url) as client:
        assert client.info("keyspace") == {}


def test_twins_by_units_and_at_a_rate(
    place: Workspace,
    services: Services,
    session_environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is in flight at a slice's end belongs to its slice. Whoever is killed in a slice leaves
    one phase of all slices so far."""
    plans: list[SentPhases] = []

    def keep(folder: Path, plan: SentPhases) -> None:
        plans.append(plan)
        write_plan(folder, plan)

    monkeypatch.setattr(open_loop, "write_plan", keep)
    loads = f"loads=[{{load: rate, rate: {PER_S}}}]"
    counted = cell_of(GATE, "measure.duration=null", f"measure.units={COUNTED}", "measure.warmup=5")
    rated = cell_of(GATE, f"measure.duration={2 * AT_RATE_S}s", "measure.warmup=5", loads)
    with closing(RunFolder.create(tmp_path, "run")) as folder, NextBlocks(services) as blocks:
        measured = []
        for number, cell in ((0, counted), (2, rated)):
            starts = blocks.take(twins_of(cell, number, (folder, place, session_environ)))
            measured.append(run_at_once(starts, services, Interrupts(), lambda _: None))
        for both in measured:
            units = [spans(folder, block) for block in both]
            check_twins(both, units)
            turns(*units)
    by_units, at_rate = measured
    assert [one.units for one in by_units] == [COUNTED, COUNTED]
    assert [one.slices for one in at_rate] == [2, 2]
    for block in at_rate:
        [phase] = block.load_phases
        assert (phase.phase, phase.duration_s) == ("steady", 2 * AT_RATE_S), "slices are one phase"
        assert phase.planned == block.units == 2 * AT_RATE_S * PER_S
    assert {len(plan) for plan in plans} == {1}
    assert {len(phase.slices) for [phase] in plans} == {1, 2}


@pytest.mark.parametrize("sets", [(), ("measure.results_left=count",)])
def test_blocks_that_keep_to_themselves_may_meet(sets: tuple[str, ...]) -> None:
    assert not why_alone(add(*sets))


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
    assert why_alone(cell_of(scenario, *sets))


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
    assert why_alone(cell.model_copy(update={"configuration": changed}))


def test_twins_of_own_code_are_begun_while_their_like_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two of it have just been up at once. Not beside blocks of other cells, nor any more where
    that has failed: then these are tried once more with nobody beside them."""
    shop = cell_of("examples/shop/scenarios/shop.yaml")
    nowhere = cast("tuple[RunFolder, Workspace, dict[str, str]]", (None, None, {}))
    first, second = (twins_of(shop, number, nowhere) for number in (0, 2))
    monkeypatch.setattr(BlockStart, "ahead", lambda start: setattr(start, "begun_ahead", True))

    def ahead(after: Sequence[BlockJob], jobs: Sequence[BlockJob]) -> list[bool]:
        blocks.begin(after, jobs, 1)
        starts.append(blocks.take(jobs))
        return [start.begun_ahead for start in starts[-1]]

    starts: list[list[BlockStart]] = []
    blocks = NextBlocks(cast(Services, None))
    assert ahead(first, second) == [True, True]
    assert ahead(first[:1], second[:1]) == [False], "one after the other they were not seen"
    others = [replace(job, cell_index=job.cell_index + 2) for job in second]
    assert ahead(first, others) == [False, False], "other code, or another configuration of it"
    assert not blocks.may_try_again(starts[-1])
    assert ahead(first, second) == [True, True]
    assert blocks.may_try_again(starts[-1])
    assert ahead(first, second) == [False, False]


def test_the_next_block_is_the_first_that_is_left() -> None:
    order = (0, 1, 1, 0, 2, 0)
    assert next_left(order, 0, set(), set()) == 1
    assert next_left(order, 0, {1, 2}, set()) == 3
    assert next_left(order, 0, {3}, {1}) == 4
    assert next_left(order, 3, {4, 5}, set()) is None
    assert next_left(order, 5, set(), set()) is None


@pytest.mark.parametrize(
    ("lines", "twins"),
    [
        ((), [(0, 1)]),
        (("compare: {}",), []),  # of alternatives a broker's memory and commands are asked for
        (("compare: {design: twins}",), [(0, 1)]),
        (("compare: {kind: change, design: blocks}",), []),
        (("loads: [{load: rate, rate: 50}]",), [(0, 1)]),
        (("loads: [closed, {load: rate, rate: 50}]",), [(0, 2), (1, 3)]),
        ((f"loads: [{{load: rate, phases: [{PHASE}]}}]", "measure: {warmup: 1}"), []),
        (("loads: [backlog]", "measure: {units: 50}"), []),
        (("measure: {units: 50}",), [(0, 1)]),
        (("matrix: {worker.concurrency: [1, 2, 3]}",), []),  # one base of two heads
        (("matrix: {settings.imports: [[json], [math]]}",), [(0, 1)]),  # tried, see below
        (("matrix: {settings.worker_state_db: [here, there]}",), []),
    ],
)
def test_which_sides_are_twins(
    tmp_path: Path, lines: tuple[str, ...], twins: list[tuple[int, int]]
) -> None:
    project = make_project(tmp_path)
    two_sides = ("matrix: {worker.concurrency: [1, 2]}", "compare: {kind: change}")
    for line in ("measure: {duration: 1s}", *two_sides, *reversed(lines)):
        project.change(line)
    assert list(possible_twins(project.plan())) == twins


def test_twins_that_cannot_be_are_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    for line in ("measure: {duration: 1s}", "compare: {design: twins}"):
        project.change(line)
    project.change("matrix: {worker.concurrency: [1, 2, 3]}")
    [several] = project.problems()
    assert several.endswith("twins are two, and one cell here is compared with several others")
    project.change("matrix: {worker.concurrency: [1, 2]}")
    project.change("loads: [backlog]")
    project.change("measure: {units: 50}")
    [backlog] = project.problems()
    assert "cannot be measured as twins: load backlog cannot be put on in slices" in backlog
    project.change("loads: [closed]")
    project.change("measure: {duration: 1s}")
    project.change("matrix: {settings.worker_state_db: [here, there]}")
    own = project.problems()
    assert own
    assert all("names a file that two cannot share" in one for one in own)


def cut(slices: Slices, *took_s: float) -> list[float | int | None]:
    """What a load is divided into, where the slices take so long; the last of these times on."""
    found: list[float | int | None] = []
    times = [*took_s]
    while (one := slices.next()) is not None:
        found.append(one.seconds or one.units)
        slices.took(times.pop(0) if len(times) > 1 else times[0])
    return found


def test_loads_are_cut_into_slices() -> None:
    """Short ones; longer where units take too long for them. Together they are the load."""
    assert cut(OfTime(1.0, 0.25), 0.3) == [0.25] * 4
    assert cut(OfTime(1.1, 0.25), 0.3) == [0.25, 0.25, 0.25, pytest.approx(0.35)]
    assert cut(OfTime(2.0, 0.25), 1.0, 1.0) == [0.25, 0.5, 0.5, 0.5, 0.25]
    assert cut(OfUnits(100, 8, 0.25), 0.25) == [25] * 4
    assert cut(OfUnits(1000, 8, 0.25), 0.05, 0.25) == [32, 128, 128, 128, 128, 128, 128, 128, 72]
    assert cut(OfUnits(50, 8, 0.25), 2.5, 0.6) == [12, 8, 8, 8, 8, 6], (
        "no fewer than there are callers"
    )
    assert cut(OfUnits(0, 8, 0.25), 1.0) == []
    assert cut(OfUnits(100, 8, 2.0), 0.1) == [25, 50, 25], "half at most"
    assert cut(AtRate(2.0, 100.0, 0.5), 0.6) == [0.5] * 4
    assert cut(AtRate(1.0, 3.0, 0.5), 0.6) == pytest.approx([1 / 3] * 3), "whole units"
    assert cut(AtRate(2.0, 0.2, 0.5), 6.0) == [5.0], "one at least"


@pytest.mark.parametrize(
    ("sets", "unit_s", "each_s"),
    [
        (("measure.duration=4s",), None, 0.25),
        (("measure.duration=4s",), 0.02, 0.25),
        (("measure.duration=4s",), 0.2, 1.0),
        (("measure.duration=4s",), 3.0, 2.0),  # two turns of each side
        (("measure.duration=0.3s",), 3.0, 0.25),
        (("measure.duration=null", "measure.units=100"), 0.2, 1.0),
        (("measure.duration=4s", "loads=[{load: rate, rate: 20}]"), 0.05, 0.5),
        (("measure.duration=4s", "loads=[{load: rate, rate: 20}]"), 0.2, 1.0),
        (("measure.duration=4s", "loads=[{load: rate, rate: 20}]"), 9.0, 2.0),
    ],
)
def test_slices_last_for_several_units(
    sets: tuple[str, ...], unit_s: float | None, each_s: float
) -> None:
    """As the warm-up found them; within bounds, and no shorter than for one that takes nothing."""
    assert slices_of(cell_of(GATE, *sets), unit_s).each_s == pytest.approx(each_s)


@given(st.integers(1, 3000), st.floats(0.5, 500.0), st.floats(0.01, 5.0))
def test_slices_add_up(units: int, per_s: float, took_s: float) -> None:
    """However long each takes."""
    counted = [one or 0 for one in cut(OfUnits(units, 4, 0.25), took_s)]
    assert sum(counted) == units
    rated = [one or 0.0 for one in cut(AtRate(units / per_s, per_s, 0.5), took_s)]
    assert sum(rated) == pytest.approx(units / per_s)
    assert all(one * per_s == pytest.approx(round(one * per_s)) for one in rated)


def test_slices_begin_where_nothing_was_under_way() -> None:
    """Of two clients; one that was broken off has no end."""
    assert slice_begins([10, 12, 30, 31], [20, 21, 40, 41]) == (10, 30)
    assert slice_begins([10], []) == (10,)
    assert slice_begins([10, 30], [20]) == (10, 30)
    assert slice_begins([10, 12], [20]) == (10,)
    assert slice_begins([], []) == ()


def test_what_is_done_meanwhile_is_done_once_and_waited_for() -> None:
    """Nobody's trouble there: whoever needs it later learns why it cannot be done."""
    done: list[str] = []

    def work() -> None:
        done.append(threading.current_thread().name)
        raise ImportError("not installed")

    meanwhile = Meanwhile(work)
    meanwhile.wait()
    assert done == []
    meanwhile.begin()
    meanwhile.begin()
    meanwhile.wait()
    assert done == ["meanwhile"]


def test_the_report_is_loaded_before_it_is_shown() -> None:
    """What draws its images only where some are wanted."""
    program = (
        "import sys; from harness.cli.ending import load_report; load_report(files={}); "
        "print(*sorted({{'duckdb', 'rich', 'jinja2', 'vl_convert'}} & set(sys.modules)))"
    )
    for files, drawing in ((True, ["vl_convert"]), (False, [])):
        said = subprocess.run(
            [sys.executable, "-c", program.format(files)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.split() == ["duckdb", "jinja2", "rich", *drawing]
