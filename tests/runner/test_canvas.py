"""Chords and callers that track their tasks, through the whole harness."""

from __future__ import annotations

import csv
import io

import duckdb
import pytest

from harness.figures.of_units import PHASES
from tests.runner.running import Ended, Site, outcomes_of

THREADS = {"pool": "threads", "concurrency": 2}
SIZE = 5


@pytest.fixture
def quick(site: Site) -> Site:
    """Threads, because prefork workers take two seconds to stop."""
    site.configuration(worker=THREADS, settings={"task_track_started": True})
    return site


def test_a_chord_under_every_load(quick: Site) -> None:
    loads = [
        {"load": "closed", "in_flight": 2, "measure": {"units": 20}},
        {"load": "rate", "rate": "20/s", "measure": {"units": 20}},
        {"load": "backlog", "measure": {"units": 20}},
    ]
    alone = {"workload": "chord", "size": SIZE, "follow_parents": False, "loads": loads[:1]}
    quick.scenario(
        workloads=[{"workload": "chord", "size": SIZE}, alone], loads=loads, measure={"warmup": 2}
    )
    ended = quick.run()
    assert ended.code == 0, ended.stderr
    follows, *_, asks_once = (
        cell.blocks[0].traffic["redis.command.get"] for cell in ended.record.cells
    )
    # Each of the header's five results is asked for once at least, of six tasks.
    assert follows - asks_once > 0.5
    told = {warning.code for warning in ended.record.cells[-1].blocks[0].warnings}
    assert "chord_get_asks_parents" not in told
    for cell in ended.record.cells:
        (block,) = cell.blocks
        assert outcomes_of(block) == {"ok": 20}
        assert (block.units, block.tasks) == (20, 20 * (SIZE + 1))
        assert block.latency_s.count == block.canvas_s["join_delay"].count == 20
        assert block.unlock_looks_per_unit is None
        assert "foreign_tasks" not in {warning.code for warning in block.warnings}
        assert_join_delay(ended, block.number)
        for row in ended.rows(block, "units"):
            phases = [row[f"{name}_ns"] for name in PHASES]
            assert sum(phases) == row["total_ns"]
            assert min(phases) >= 0
    assert "join delay: last header task stored to the chord's body started;" in ended.words
    (shown,) = {row["join_delay_mean_s"] != "" for row in csv_of(quick, ended)}
    assert shown


def assert_join_delay(ended: Ended, number: int) -> None:
    """Worked out from the samples of each unit."""
    block = ended.record.blocks[number]
    tasks: dict[int, dict[int, dict[str, int]]] = {}
    for row in ended.rows(block, "tasks"):
        tasks.setdefault(row["unit"], {})[row["position"]] = row
    delays = [
        unit[SIZE]["started_ns"] - max(unit[place]["stored_ns"] for place in range(SIZE))
        for unit in tasks.values()
    ]
    found = block.canvas_s["join_delay"]
    assert found.mean == pytest.approx(sum(delays) / len(delays) / 1e9)
    assert found.max == pytest.approx(max(delays) / 1e9)


def test_calls_of_chunks(quick: Site) -> None:
    """Twelve calls in three messages: figures per call are a quarter of those per message."""
    quick.scenario(
        workloads=[{"workload": "chunks", "size": 12, "chunk": 4, "collect": "join"}],
        loads=[{"load": "closed", "in_flight": 2}],
        measure={"units": 20, "warmup": 2},
    )
    ended = quick.run()
    assert ended.code == 0, ended.stderr
    block = ended.block
    assert (block.tasks, block.calls_per_task) == (60, 4.0)
    assert outcomes_of(block) == {"ok": 20}
    (row,) = csv_of(quick, ended)
    assert float(row["calls_per_task"]) == 4.0
    assert "By calls" in ended.stdout


def test_tracking(quick: Site) -> None:
    quick.scenario(
        workloads=[
            {"workload": "tracking", "wait": "busy"},
            {"workload": "tracking", "wait": "get", "n": "text"},
        ],
        loads=[{"load": "closed", "in_flight": 1}],
        measure={"units": 15, "warmup": 2},
    )
    ended = quick.run()
    assert ended.code == 0, ended.stderr
    busy, waits = (cell.blocks[0] for cell in ended.record.cells)
    assert (outcomes_of(busy), outcomes_of(waits)) == ({"ok": 15}, {"failed": 15})
    assert waits.failed_as_meant == 15
    for block in (busy, waits):
        assert block.tracking_s["learned_late"].count == 15
        assert (block.tracking_s["learned_late"].min or 0) >= 0
    assert busy.looks_per_unit is not None
    assert busy.looks_per_unit > 1
    # Every look is a GET, and those of the workers come on top.
    assert busy.traffic["redis.command.get"] >= busy.looks_per_unit
    assert (busy.started_seen, waits.started_seen, waits.looks_per_unit) == (15, None, None)
    with duckdb.connect() as database:
        rows = database.read_parquet(str(ended.folder / busy.files["tracking"])).fetchall()
    assert sum(looks for _, looks, _, _ in rows) == pytest.approx(15 * busy.looks_per_unit)
    assert "How the caller learned (mean)" in ended.stdout


def csv_of(site: Site, ended: Ended) -> list[dict[str, str]]:
    """The report as CSV, by its columns' names."""
    with site.start("report", str(ended.folder), "--format", "csv") as running:
        text = running.ended().stdout
    return list(csv.DictReader(io.StringIO(text)))
