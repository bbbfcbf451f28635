"""Latency by priority and lateness of ETAs: of one block, of several, and without samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from harness.report.tables.messages import message_option_tables
from harness.report.view.cells import view_of
from harness.results.events.unit_shape import unit_shape
from harness.results.record.distributions import Distribution
from harness.results.record.run import BlockRecord, RunRecord
from harness.results.samples.pooled import pooled
from harness.stats.percentiles import describe
from tests.report.made.records import block, cell, run

MS = 1_000_000
COUNTDOWN_MS = 1000
FILES = {"units": "blocks/{:03d}/units.parquet", "tasks": "blocks/{:03d}/tasks.parquet"}


def measured(
    folder: Path, number: int, first: int, totals_ms: list[int], header: int = 1, later: int = 0
) -> BlockRecord:
    """A block on disk: unit n, of two priorities in turn, took so long and was as much too late,
    in each task of its header; the `later` tasks waited for those, not for an ETA."""
    place = folder / "blocks" / f"{number:03d}"
    place.mkdir(parents=True)
    late_ms = [total - COUNTDOWN_MS for total in totals_ms for _ in range(header)]
    with duckdb.connect() as database:
        for n, total in enumerate(totals_ms, first):
            database.execute(
                "CREATE TABLE IF NOT EXISTS units (unit BIGINT, outcome VARCHAR, as_meant BOOLEAN,"
                " publish_ns BIGINT, total_ns BIGINT);"
                "CREATE TABLE IF NOT EXISTS tasks (unit BIGINT, position INTEGER,"
                " started_ns BIGINT)"
            )
            database.execute("INSERT INTO units VALUES (?, 'ok', false, 5, ?)", [n, total * MS])
            for position in range(header + later):
                started_ms = total if position < header else total + 60_000
                row = [n, position, started_ms * MS + 5]
                database.execute("INSERT INTO tasks VALUES (?, ?, ?)", row)
        for table in ("units", "tasks"):
            database.execute(f"COPY {table} TO '{place / table}.parquet' (FORMAT parquet)")
    by_turn = [[t for n, t in enumerate(totals_ms, first) if n % 2 == turn] for turn in (0, 1)]
    return block(
        number,
        0,
        latency_s=described(totals_ms),
        priorities_s={name: described(by_turn[turn]) for turn, name in enumerate(("9", "0"))},
        lateness_s=described(late_ms),
        files={name: path.format(number) for name, path in FILES.items()},
    )


def described(times_ms: list[int]) -> Distribution:
    import numpy as np  # noqa: PLC0415 - for one line

    return Distribution.model_validate(describe(np.array(times_ms, np.int64) * MS))


def record(*blocks: BlockRecord, **fields: Any) -> RunRecord:
    options = {"priority": [9, 0], "countdown": COUNTDOWN_MS / 1000}
    workload = {"workload": "add", **fields, "options": options}
    return run(cell("redis/add/closed-8", *blocks, workload=workload), planned=len(blocks))


def rows(folder: Path, made: RunRecord) -> dict[str, Any]:
    """Title of a table -> label of a row -> its figures."""
    view = view_of(made, folder, pooled(folder, made))
    return {
        table.title: {row.label: row.cells for part in table.sections for row in part.rows}
        for table in message_option_tables(view)
    }


def test_one_block(tmp_path: Path) -> None:
    """Unit 0 and 2 bear the first priority, 1 and 3 the second."""
    made = record(measured(tmp_path, 0, 0, [2000, 1100, 4000, 1300]))
    assert rows(tmp_path, made) == {
        "By priority": {
            "priority 9": ("2", "2.00 s", "4.00 s", "4.00 s", "4.00 s"),
            "priority 0": ("2", "1.10 s", "1.30 s", "1.30 s", "1.30 s"),
        },
        "Lateness of ETAs": {
            "redis/add/closed-8": ("4", "300 ms", "3.00 s", "3.00 s", "3.00 s"),
        },
    }


def test_blocks_are_pooled_by_their_units_numbers(tmp_path: Path) -> None:
    """The second block begins with an odd unit, after its warm-up."""
    blocks = (measured(tmp_path, 0, 0, [2000, 1100]), measured(tmp_path, 1, 3, [1200, 3000, 1300]))
    found = rows(tmp_path, record(*blocks))
    assert found["By priority"] == {
        "priority 9": ("2", "2.00 s", "3.00 s", "3.00 s", "3.00 s"),
        "priority 0": ("3", "1.20 s", "1.30 s", "1.30 s", "1.30 s"),
    }
    assert found["Lateness of ETAs"]["redis/add/closed-8"][:2] == ("5", "300 ms")


@pytest.mark.parametrize(
    ("workload", "header", "later"),
    [
        ({"workload": "chain", "length": 3}, 1, 2),
        ({"workload": "group", "size": 3}, 3, 0),
        ({"workload": "chord", "size": 3}, 3, 1),
        ({"workload": "chord", "size": 1}, 1, 1),
        ({"workload": "nested", "size": 3}, 1, 4),
    ],
)
def test_lateness_is_pooled_over_the_tasks_that_have_an_eta(
    tmp_path: Path, workload: dict[str, Any], header: int, later: int
) -> None:
    """A chord's callback and a chain's second link wait for others: they have none."""
    totals = ([2000, 1100], [1300, 3000])
    blocks = [measured(tmp_path, n, 0, part, header, later) for n, part in enumerate(totals)]
    made = record(*blocks, **workload)
    found = rows(tmp_path, made)["Lateness of ETAs"]
    count = str(4 * header)
    assert {label: row[:2] for label, row in found.items()} == {
        "redis/add/closed-8": (count, "300 ms")
    }
    assert unit_shape(made.cells[0]).counted_down == header


@pytest.mark.parametrize("gone", ["units", "tasks"])
def test_without_samples_blocks_stand_one_by_one(tmp_path: Path, gone: str) -> None:
    """No percentile is averaged. What needs the units alone is pooled without the tasks."""
    blocks = (measured(tmp_path, 0, 0, [2000, 1100]), measured(tmp_path, 1, 0, [3000, 1300]))
    (tmp_path / "blocks" / "001" / f"{gone}.parquet").unlink()
    found = rows(tmp_path, record(*blocks))
    apart = [f"priority {priority}, block {number}" for number in (0, 1) for priority in (9, 0)]
    together = ["priority 9", "priority 0"]
    assert list(found["By priority"]) == (apart if gone == "units" else together)
    assert list(found["Lateness of ETAs"]) == [f"redis/add/closed-8, block {n}" for n in (0, 1)]


def test_runs_without_options_have_no_such_table(tmp_path: Path) -> None:
    made = run(cell("redis/add/closed-8", block(0, 0)))
    assert rows(tmp_path, made) == {}
