"""A mix of `add`, `work` and `heavy_task` on Redis: one run, read by everything that reads runs.

Nothing here depends on how fast the machine is: units, parts, outcomes and sums are known before.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from harness.probe.workloads.drawing import table
from harness.results.record.run import BlockRecord
from tests.runner.running import Ended, Site, make_site, outcomes_of

PARTS = [
    {"workload": "add", "weight": 3},
    {"workload": "work", "cpu": "1ms", "sleep": {"exponential": {"mean": "1ms"}}, "weight": 2,
     "payload_bytes": {"uniform": {"from": 10, "to": 2000}}, "result_bytes": 300, "memory": "1MiB"},
    {"workload": "heavy_task", "n": "text", "name": "fails"},
]  # fmt: skip
LABELS = ("add", "work", "fails")
WEIGHTS = [3, 2, 1]
UNITS = 60
EACH = {"add": 30, "work": 20, "fails": 10}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Ended]:
    """Under every load, and seen in every way."""
    site = make_site(tmp_path_factory.mktemp("mixed"))
    site.configuration(worker={"pool": "threads", "concurrency": 2})
    site.scenario(
        workloads=[{"workload": "mix", "parts": PARTS}],
        loads=[
            {"load": "closed", "in_flight": 2},
            {"load": "rate", "rate": "30/s", "publish": "batch", "measure": {"duration": "2s"}},
            {"load": "backlog"},
        ],
        measure={"units": UNITS, "warmup": 1, "blocks": 1},
        gates=["lost(part=work) == 0", "ok(task=add) == 30"],
    )
    ended = site.run()
    assert ended.code == 0, ended.stderr
    return site, ended


def blocks(mixed: tuple[Site, Ended]) -> list[BlockRecord]:
    return [block for cell in mixed[1].record.cells for block in cell.blocks]


def test_every_result_is_what_its_part_makes_of_the_unit(mixed: tuple[Site, Ended]) -> None:
    for block in blocks(mixed):
        assert outcomes_of(block) == {"ok": 50, "failed": 10}
        assert (block.failed_as_meant, block.duplicated) == (10, 0)
        assert {part.task: part.units for part in block.by_task} == EACH
        assert {part.task: part.ended_as_meant for part in block.by_task} == EACH
        assert not {"foreign_tasks", "side_tasks"} & {one.code for one in block.warnings}


def test_parts_add_up_to_the_block(mixed: tuple[Site, Ended]) -> None:
    for block in blocks(mixed):
        whole = block.latency_s.count
        assert sum(part.latency_s.count for part in block.by_task) == whole == UNITS
        means = sum((part.latency_s.mean or 0.0) * part.units for part in block.by_task) / whole
        assert block.latency_s.mean == pytest.approx(means, rel=1e-6)


def test_samples_say_which_part_each_unit_was_of(mixed: tuple[Site, Ended]) -> None:
    """By the run's seed and the unit's number; all blocks measured the same units."""
    ended, numbers = mixed[1], []
    slots = table(WEIGHTS, ended.record.seed)
    for block in blocks(mixed):
        rows = ended.rows(block, "units")
        assert all(row["task"] == LABELS[slots[row["unit"] % len(slots)]] for row in rows)
        assert Counter(row["task"] for row in rows) == EACH
        numbers.append(sorted(row["unit"] for row in rows))
    assert numbers[0] == numbers[1] == numbers[2]


def test_work_uses_the_cpu_time_that_it_was_told_to(mixed: tuple[Site, Ended]) -> None:
    """The clock that it goes by stops while another thread has the core."""
    for block in blocks(mixed):
        [work] = [part for part in block.by_task if part.task == "work"]
        assert work.cpu_s.count == 20
        assert work.cpu_s.min is not None
        assert work.cpu_s.min >= 0.001
        assert work.run_s.min is not None
        assert work.run_s.min >= 0.001


def test_cells_and_reports_name_the_parts(mixed: tuple[Site, Ended]) -> None:
    _, ended = mixed
    assert ended.record.cells[0].name.endswith("/mix-add+work+fails/closed-2")
    assert "By task" in ended.words
    assert "ok(task=add) == 30" in ended.words
    assert "10 failed as meant" in ended.words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("json", '"fails"'),
        ("md", "| `fails` |"),
        ("junit", "part work: 20 ok, "),
        ("openmetrics", 'figure="lost",part="work"'),
        ("csv", "latency_p99_s(part=fails)"),
    ],
)
def test_formats_have_the_parts(mixed: tuple[Site, Ended], name: str, words: str) -> None:
    site, ended = mixed
    told = site.harness("report", str(ended.folder), "--format", name)
    assert told.code == 0, told.stderr
    assert words in told.stdout


def test_sql_has_a_row_for_each_part(mixed: tuple[Site, Ended]) -> None:
    site, _ = mixed
    query = "select task, sum(units)::int as units from by_task group by 1 order by 1"
    told = site.harness("sql", query, "--format", "json")
    rows: list[dict[str, Any]] = json.loads(told.stdout)
    assert {row["task"]: row["units"] for row in rows} == {n: 3 * u for n, u in EACH.items()}


def test_a_history_is_asked_for_a_part(mixed: tuple[Site, Ended]) -> None:
    site, _ = mixed
    told = site.harness("history", "s", "--metric", "p50(phase.run, part=work)")
    assert told.code == 0, told.stderr
    assert "mix-add+work+fails/closed-2" in told.stdout
    unknown = site.harness("history", "s", "--metric", "p50(phase.run, part=wrok)")
    assert 'did you mean "work"?' in unknown.stderr
