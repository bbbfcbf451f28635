"""The samples on disk, read back by DuckDB alone."""

from __future__ import annotations

import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from harness.probe.recording.events import Outcome, UnitFlag, id_bytes
from harness.probe.recording.ids import namer, new_tag
from harness.results.block.ledger import BlockEnd, Stage, settle
from harness.results.block.periodic import Fires
from harness.results.block.phases import phases
from harness.results.events.merge import merge
from harness.results.events.merged import MISSING, Merged
from harness.results.samples import writing as samples
from tests.results.events.histories import History, Task, Unit, histories
from tests.results.reference import verdicts

README = Path(__file__).parents[2] / "results" / "README.md"
UNIT_COLUMNS = {
    "unit": "BIGINT",
    "outcome": "VARCHAR",
    "as_meant": "BOOLEAN",
    "lost_at": "VARCHAR",
    "tasks": "INTEGER",
    "due_ns": "BIGINT",
    "publish_ns": "BIGINT",
    "published_ns": "BIGINT",
    "seen_ns": "BIGINT",
    "schedule_ns": "BIGINT",
    "queue_ns": "BIGINT",
    "dispatch_ns": "BIGINT",
    "retry_ns": "BIGINT",
    "run_ns": "BIGINT",
    "result_ns": "BIGINT",
    "total_ns": "BIGINT",
    "load_phase": "INTEGER",
    "counted": "BOOLEAN",
    "task": "VARCHAR",
}
FIRE_COLUMNS = {
    "unit": "BIGINT",
    "entry": "INTEGER",
    "measured": "BOOLEAN",
    "point_ns": "BIGINT",
    **dict.fromkeys(("due_ns", "tick_ns", "publish_ns", "published_ns"), "BIGINT"),
}
TIMELINE_COLUMNS = {
    "t_s": "DOUBLE",
    **dict.fromkeys(("due", "sent", "completed", "under_way", "waiting"), "BIGINT"),
    **dict.fromkeys(("p50_s", "p95_s", "p99_s", "max_s"), "DOUBLE"),
}
NO_PHASES = {"load_phase": None, "counted": True, "task": None}
"""Of units whose load has none, and that ran no task of the user's own."""
TASK_COLUMNS = {
    "unit": "BIGINT",
    "position": "INTEGER",
    "task_id": "UUID",
    "received_ns": "BIGINT",
    "started_ns": "BIGINT",
    "finished_ns": "BIGINT",
    "storing_ns": "BIGINT",
    "stored_ns": "BIGINT",
    "raised": "BOOLEAN",
    "executions": "INTEGER",
    "retries": "INTEGER",
}
PHASES = ("schedule_ns", "queue_ns", "dispatch_ns", "retry_ns", "run_ns", "result_ns")


TRACKING_COLUMNS = ("unit", "looks", "storing_started_ns", "started_seen_ns")


def write(history: History, folder: Path, end: BlockEnd) -> Merged:
    (folder / "events").mkdir()
    history.write(folder / "events")
    merged = merge(
        folder / "events", history.per_unit, grouped=history.grouped, members=history.members
    )
    ledger = settle(merged, end, stores_results=True, order=history.order)
    timing = phases(merged, watched=history.watched, order=history.order)
    samples.write(folder, merged, ledger, timing)
    return merged


def rows(path: Path) -> list[dict[str, Any]]:
    with duckdb.connect() as database:
        found = database.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def columns(path: Path) -> dict[str, str]:
    with duckdb.connect() as database:
        described = database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)])
        return {name: kind for name, kind, *_ in described.fetchall()}


@pytest.fixture
def block(tmp_path: Path) -> Path:
    """Three units: one of two tasks that went well, one never received, one unpublished."""
    tag = new_tag()
    name = namer(tag)
    ids = [name(unit, position) for unit in (7, 8, 9) for position in (0, 1)]
    (tmp_path / "ids").write_text("\n".join(ids))
    well = Unit(
        number=7,
        flag=UnitFlag.MEASURED,
        tag=tag,
        publish=100,
        due=90,
        published=120,
        seen=Outcome.OK,
        seen_at=200,
        tasks=[
            Task(id_bytes(ids[0]), [110], [115], [(130, False)], [131], [140]),
            Task(id_bytes(ids[1]), [111], [131], [(150, False)], [151], [160]),
        ],
    )
    never = Unit(8, UnitFlag.MEASURED, 101, [], tag, published=102)
    unpublished = Unit(9, UnitFlag.MEASURED, 103, [], tag, publish_failed=True)
    units = [never, unpublished, well]
    history = History(
        False, watched=True, units=units, strangers=[], release=0, files=2, seed=3, per_unit=2
    )
    write(history, tmp_path, BlockEnd())
    return tmp_path


def documented() -> list[tuple[str, str]]:
    """Column and type of every row of the tables of columns in `results/README.md`."""
    found = []
    for line in README.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[1] in {
            "BIGINT",
            "INTEGER",
            "DOUBLE",
            "VARCHAR",
            "BOOLEAN",
            "UUID",
        }:
            found += [(name.strip("` "), cells[1]) for name in cells[0].split(",")]
    return found


def test_columns_are_the_documented_ones(block: Path) -> None:
    """Units first, then tasks, in the order in which they stand in the files."""
    assert columns(block / "units.parquet") == UNIT_COLUMNS
    assert columns(block / "tasks.parquet") == TASK_COLUMNS
    # Only where a block has several queues: tests/results/block/test_queues_and_groups.py.
    named = [UNIT_COLUMNS, {"queue": "VARCHAR"}, TASK_COLUMNS, TIMELINE_COLUMNS]
    fires = list(FIRE_COLUMNS.items())
    # These are held against files in test_tracking and test_depth.
    tracking = [(name, "BIGINT") for name in TRACKING_COLUMNS]
    depth = [("time_ns", "BIGINT"), ("depth", "BIGINT"), ("queue", "VARCHAR")]
    assert documented() == [
        *(one for some in named for one in some.items()),
        *tracking,
        *fires,
        *depth,
    ]


def test_fires_read_back_to_the_nanosecond(tmp_path: Path) -> None:
    """A second fire belongs to no moment of the plan, and its call never returned."""
    numbers: dict[str, list[Any]] = {
        "unit": [4, 5],
        "entry": [0, 2],
        "due_ns": [10, 20],
        "tick_ns": [11, 21],
    }
    numbers |= {"publish_ns": [12, 22], "published_ns": [13, MISSING], "point_ns": [9, MISSING]}
    arrays = {name: np.array(values, dtype=np.int64) for name, values in numbers.items()}
    samples.write_fires(tmp_path, Fires(**arrays, measured=np.array([True, False])))
    assert columns(tmp_path / "fires.parquet") == FIRE_COLUMNS
    known = {name: [None if at == MISSING else at for at in of] for name, of in numbers.items()}
    known["measured"] = [True, False]
    pairs = zip(*known.values(), strict=True)
    expected = [dict(zip(known, values, strict=True)) for values in pairs]
    assert rows(tmp_path / "fires.parquet") == expected


def test_units_read_back_to_the_nanosecond(block: Path) -> None:
    never_timed = dict.fromkeys((*PHASES, "total_ns"), None)
    well, never, unpublished = rows(block / "units.parquet")
    assert well == {
        "unit": 7,
        "outcome": "ok",
        "as_meant": False,
        "lost_at": None,
        "tasks": 2,
        "due_ns": 90,
        "publish_ns": 100,
        "published_ns": 120,
        "seen_ns": 200,
        "schedule_ns": 10,
        "queue_ns": 11,
        "dispatch_ns": 20,
        "retry_ns": 0,
        "run_ns": 19,
        "result_ns": 50,
        "total_ns": 110,
        **NO_PHASES,
    }
    assert never == {
        "unit": 8,
        "outcome": "lost",
        "as_meant": False,
        "lost_at": "never_received",
        "tasks": 2,
        "due_ns": 101,
        "publish_ns": 101,
        "published_ns": 102,
        "seen_ns": None,
        **never_timed,
        **NO_PHASES,
    }
    assert unpublished == {
        "unit": 9,
        "outcome": "failed",
        "as_meant": False,
        "lost_at": None,
        "tasks": 2,
        "due_ns": 103,
        "publish_ns": 103,
        "published_ns": None,
        "seen_ns": None,
        **never_timed,
        **NO_PHASES,
    }


def test_task_ids_are_celerys(block: Path) -> None:
    ids = [uuid.UUID(line) for line in (block / "ids").read_text().splitlines()]
    tasks = rows(block / "tasks.parquet")
    assert [task["task_id"] for task in tasks] == ids
    assert [(task["unit"], task["position"]) for task in tasks] == [
        (unit, position) for unit in (7, 8, 9) for position in (0, 1)
    ]
    assert tasks[2] == {
        "unit": 8,
        "position": 0,
        "task_id": ids[2],
        "raised": False,
        "executions": 0,
        "retries": 0,
        **dict.fromkeys(
            ("received_ns", "started_ns", "finished_ns", "storing_ns", "stored_ns"), None
        ),
    }


def test_an_empty_block_has_empty_files_with_all_columns(tmp_path: Path) -> None:
    history = History(False, watched=True, units=[], strangers=[], release=0, files=1, seed=1)
    write(history, tmp_path, BlockEnd())
    assert rows(tmp_path / "units.parquet") == rows(tmp_path / "tasks.parquet") == []
    assert columns(tmp_path / "units.parquet") == UNIT_COLUMNS
    assert columns(tmp_path / "tasks.parquet") == TASK_COLUMNS


def test_a_folder_with_a_quote_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "it's; -- here"
    folder.mkdir()
    history = History(False, watched=True, units=[], strangers=[], release=0, files=1, seed=1)
    write(history, folder, BlockEnd())
    assert rows(folder / "units.parquet") == []
    assert list(folder.glob("*.partial")) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories())
def test_any_history_reads_back(history: History) -> None:
    with TemporaryDirectory() as name:
        merged = write(history, Path(name), BlockEnd(waiting=1))
        units, tasks = rows(Path(name) / "units.parquet"), rows(Path(name) / "tasks.parquet")
    expected = verdicts(history, BlockEnd(waiting=1), stores_results=True)
    assert [row["unit"] for row in units] == [verdict.unit.number for verdict in expected]
    for row, verdict in zip(units, expected, strict=True):
        assert row["outcome"] == verdict.outcome
        assert row["as_meant"] == verdict.as_meant
        assert row["lost_at"] == verdict.lost_at
        assert row["tasks"] == len(verdict.tasks)
        assert row["total_ns"] == verdict.total
        if verdict.phases is not None:
            assert sum(row[name] for name in PHASES) == verdict.total
    idents = [task["task_id"].bytes for task in tasks]
    assert idents == [task.ident for verdict in expected for task in verdict.tasks]
    received = [MISSING if row["received_ns"] is None else row["received_ns"] for row in tasks]
    assert received == merged.tasks.received_ns.tolist()


def test_every_stage_has_a_name() -> None:
    assert [stage.name.lower() for stage in Stage] == [
        *("never_received", "refused_by_worker", "received_not_started", "started_not_finished"),
        *("finished_not_stored", "stored_not_seen"),
    ]
