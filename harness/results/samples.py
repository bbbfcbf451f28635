"""Writes a block's samples as Parquet: one file of units, one of tasks.

The columns are documented in `results/README.md`. Absent times are NULL.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from harness.results.ledger import Final, Ledger, Stage
from harness.results.merge import MISSING, Merged
from harness.results.phases import Phases
from harness.results.timeline import Timeline

UNITS_FILE = "units.parquet"
TASKS_FILE = "tasks.parquet"
TIMELINE_FILE = "timeline.parquet"


def write(folder: Path, merged: Merged, ledger: Ledger, phases: Phases) -> None:
    """Write both files, each whole or not at all. OSError on a full disk."""
    import duckdb  # noqa: PLC0415 - 100 ms that `harness --help` must not pay

    with duckdb.connect() as database:
        _copy(database, folder / UNITS_FILE, _UNITS, _unit_columns(merged, ledger, phases))
        _copy(database, folder / TASKS_FILE, _TASKS, _task_columns(merged))


def write_timeline(folder: Path, timeline: Timeline | None) -> None:
    """Write the block second by second, if there is anything. OSError on a full disk."""
    if timeline is None:
        return
    import duckdb  # noqa: PLC0415 - see `write`

    columns = timeline.columns()
    shown = ", ".join(
        f"CASE WHEN isnan({name}) THEN NULL ELSE {name} END AS {name}"
        if name.endswith("_s") and name != "t_s"
        else name
        for name in columns
    )
    with duckdb.connect() as database:
        query = f"SELECT {shown} FROM columns ORDER BY t_s"  # noqa: S608 - names of our own
        _copy(database, folder / TIMELINE_FILE, query, columns)


def _copy(database: Any, path: Path, query: str, columns: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    database.register("columns", columns)
    target = str(partial).replace("'", "''")
    database.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    database.unregister("columns")
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def _unit_columns(merged: Merged, ledger: Ledger, phases: Phases) -> dict[str, Any]:
    units = merged.units
    return {
        "unit": units.unit,
        "outcome": ledger.final.astype(np.int32),
        "as_meant": ledger.as_meant,
        "stage": ledger.stage.astype(np.int32),
        "due": units.due_ns,
        "publish": units.publish_ns,
        "published": units.published_ns,
        "seen": units.seen_ns,
        "tasks": np.bincount(merged.tasks.row, minlength=len(units.unit)).astype(np.int32),
        "known": phases.known,
        "total": phases.total_ns,
        **{f"phase_{name}": times for name, times in phases.by_name().items()},
    }


def _task_columns(merged: Merged) -> dict[str, Any]:
    tasks = merged.tasks
    return {
        "unit": merged.units.unit[tasks.row],
        "position": tasks.position.astype(np.int32),
        "hi": tasks.hi,
        "lo": tasks.lo,
        "received": tasks.received_ns,
        "started": tasks.started_ns,
        "finished": tasks.finished_ns,
        "storing": tasks.storing_ns,
        "stored": tasks.stored_ns,
        "raised": tasks.raised,
        "executions": tasks.executions.astype(np.int32),
    }


def _time(column: str) -> str:
    return f"nullif({column}, {MISSING}) AS {column}_ns"


def _known(column: str, name: str) -> str:
    return f"CASE WHEN known THEN {column} END AS {name}_ns"


def _names(column: str, names: list[str]) -> str:
    cases = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(names))
    return f"CASE {column} {cases} END"


_OUTCOME = _names("outcome", [final.name.lower() for final in Final])
_STAGE = _names("stage", [stage.name.lower() for stage in Stage])
_UNITS = f"""
SELECT unit, {_OUTCOME} AS outcome, as_meant,
  CASE outcome WHEN {Final.LOST.value} THEN {_STAGE} END AS lost_at, tasks,
  {_time("due")}, {_time("publish")}, {_time("published")}, {_time("seen")},
  {_known("phase_schedule", "schedule")}, {_known("phase_queue", "queue")},
  {_known("phase_dispatch", "dispatch")}, {_known("phase_run", "run")},
  {_known("phase_result", "result")}, {_known("total", "total")}
FROM columns ORDER BY unit
"""  # noqa: S608 - made of constants
_TASKS = f"""
SELECT unit, position, format('{{:016x}}{{:016x}}', hi, lo)::UUID AS task_id,
  {_time("received")}, {_time("started")}, {_time("finished")},
  {_time("storing")}, {_time("stored")}, raised, executions
FROM columns ORDER BY unit, position
"""  # noqa: S608 - made of constants
