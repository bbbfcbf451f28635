"""Chords and callers that track their tasks, through the whole harness."""

from __future__ import annotations

import csv
import io

import duckdb
import pytest

from harness.figures.of_units import PHASES
from harness.results.record.run import BlockRecord
from tests.runner.running import LONG_PATIENCE_S, Ended, Site, make_site, outcomes_of

THREADS = {"pool": "threads", "concurrency": 2}
SIZE = 5


@pytest.fixture(scope="module")
def canvas(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Ended]:
    """Chords under every load, chunks, and callers that track; with threads, because prefork
    workers take two seconds to stop."""
    site = make_site(tmp_path_factory.mktemp("canvas"))
    site.configuration(worker=THREADS, settings={"task_track_started": True})
    closed = {"load": "closed", "in_flight": 2}
    loads = [closed, {"load": "rate", "rate": "20/s"}, {"load": "backlog"}]
    one = {"loads": [{"load": "closed", "in_flight": 1}], "measure": {"units": 15}}
    site.scenario(
        workloads=[
            {"workload": "chord", "size": SIZE, "loads": loads},
            {"workload": "chord", "size": SIZE, "follow_parents": False},
            {"workload": "canvas", "of": "chain", "depth": 3, "width": 2, "loads": loads[1:]},
            {"workload": "chunks", "size": 12, "chunk": 4, "collect": "join"},
            {"workload": "tracking", "wait": "busy", **one},
            {"workload": "tracking", "wait": "get", "n": "text", **one},
        ],
        loads=[closed],
        measure={"units": 20, "warmup": 2},
    )
    ended = site.run(patience_s=LONG_PATIENCE_S)
    assert ended.code == 0, ended.stderr
    assert list(site.temporary.iterdir()) == []
    return site, ended


def of(ended: Ended, workload: str) -> list[BlockRecord]:
    """Its blocks, in the order of the plan."""
    cells = [cell for cell in ended.record.cells if cell.workload["workload"] == workload]
    return [block for cell in cells for block in cell.blocks]


def test_a_chord_under_every_load(canvas: tuple[Site, Ended]) -> None:
    _, ended = canvas
    blocks = of(ended, "chord")
    assert len(blocks) == 4
    follows, *_, asks_once = (block.traffic["redis.command.get"] for block in blocks)
    # Each of the header's five results is asked for once at least, of six tasks.
    assert follows - asks_once > 0.5
    assert "chord_get_asks_parents" not in {warning.code for warning in blocks[-1].warnings}
    for block in blocks:
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
    shown = [row["join_delay_mean_s"] != "" for row in csv_of(*canvas, "chord")]
    assert shown == [True] * 4


def test_a_canvas_under_every_load(canvas: tuple[Site, Ended]) -> None:
    """A chain of two groups of chains of two: eight tasks, of which the last two bring results."""
    _, ended = canvas
    blocks = of(ended, "canvas")
    assert len(blocks) == 2
    for block in blocks:
        assert outcomes_of(block) == {"ok": 20}
        assert (block.units, block.tasks) == (20, 20 * 8)
        assert "foreign_tasks" not in {warning.code for warning in block.warnings}
        # Of each unit's tasks four have one before them, and two wait for the whole first group.
        hops, joins = block.canvas_s["hop"], block.canvas_s["join_delay"]
        assert (hops.count, joins.count) == (20 * 4, 20 * 2)
        for row in ended.rows(block, "units"):
            phases = [row[f"{name}_ns"] for name in PHASES]
            assert sum(phases) == row["total_ns"]
            assert min(phases) >= 0


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


def test_calls_of_chunks(canvas: tuple[Site, Ended]) -> None:
    """Twelve calls in three messages: figures per call are a quarter of those per message."""
    _, ended = canvas
    (block,) = of(ended, "chunks")
    assert (block.tasks, block.calls_per_task) == (60, 4.0)
    assert outcomes_of(block) == {"ok": 20}
    (row,) = csv_of(*canvas, "chunks")
    assert float(row["calls_per_task"]) == 4.0
    assert "By calls" in ended.stdout


def test_tracking(canvas: tuple[Site, Ended]) -> None:
    _, ended = canvas
    busy, waits = of(ended, "tracking")
    assert (outcomes_of(busy), outcomes_of(waits)) == ({"ok": 15}, {"failed": 15})
    assert waits.failed_as_meant == 15
    for block in (busy, waits):
        assert block.tracking_s["learned_late"].count == 15
        assert (block.tracking_s["learned_late"].min or 0) >= 0
    assert busy.looks_per_unit is not None
    assert busy.looks_per_unit > 1
    # Every look is a GET, and those of the workers come on top.
    assert busy.traffic["redis.command.get"] >= busy.looks_per_unit
    # A caller that stands still while a unit runs does not see it run.
    assert busy.started_seen is not None
    assert 1 <= busy.started_seen <= 15
    assert (waits.started_seen, waits.looks_per_unit) == (None, None)
    with duckdb.connect() as database:
        rows = database.read_parquet(str(ended.folder / busy.files["tracking"])).fetchall()
    assert sum(looks for _, looks, _, _ in rows) == pytest.approx(15 * busy.looks_per_unit)
    assert "How the caller learned (mean)" in ended.stdout


def csv_of(site: Site, ended: Ended, workload: str) -> list[dict[str, str]]:
    """Its blocks in the report as CSV, by the columns' names."""
    text = site.harness("report", str(ended.folder), "--format", "csv").stdout
    rows = csv.DictReader(io.StringIO(text))
    return [row for row in rows if row["workload"] == workload]
