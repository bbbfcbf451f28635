"""Writes a block's samples as Parquet: one file of units, one of tasks.

The columns are documented in `results/README.md`. Absent times are NULL.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from harness.figures.of_units import PHASES
from harness.results.block.by_queue import QueuesOfUnits
from harness.results.block.ledger import Final, Ledger, Stage
from harness.results.block.load_phases import SentPhases, counted_units, phase_of_unit
from harness.results.block.periodic import Fires
from harness.results.block.phases import Phases
from harness.results.block.timeline import Timeline
from harness.results.events.merged import MISSING, NOT_TOLD, Merged, Tracked
from harness.results.events.mix import Mix
from harness.results.samples.reading import Columns

UNITS_FILE = "units.parquet"
TASKS_FILE = "tasks.parquet"
NO_PHASE = -1
TIMELINE_FILE = "timeline.parquet"
TRACKING_FILE = "tracking.parquet"
FIRES_FILE = "fires.parquet"


def write(
    folder: Path,
    merged: Merged,
    ledger: Ledger,
    phases: Phases,
    plan: SentPhases = (),
    mix: Mix | None = None,
    queues: QueuesOfUnits | None = None,
) -> None:
    """Write both files, each whole or not at all. OSError on a full disk. `plan`: the phases of
    an open-loop load; `mix`: which part each unit was of; `queues`: where each
    unit went, where there are several."""
    import duckdb  # noqa: PLC0415 - 100 ms that `harness --help` must not pay

    with duckdb.connect() as database:
        columns = dict(_unit_columns(merged, ledger, phases, plan))
        parts = np.int64(0) if mix is None else mix.parts(merged.units.unit)
        columns["part"] = np.broadcast_to(parts, len(merged.units.unit))
        query = _units([] if mix is None else list(mix.labels), queues)
        if queues is not None:
            columns["queue"] = queues.of_units
        _copy(database, folder / UNITS_FILE, query, columns)
        _copy(database, folder / TASKS_FILE, _TASKS, _task_columns(merged))


def write_timeline(folder: Path, timeline: Timeline) -> None:
    """Write the block second by second. OSError on a full disk."""
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


def write_tracking(folder: Path, merged: Merged, tracked: Tracked) -> None:
    """Write what callers saw who asked for the state of their units. OSError on a full disk."""
    import duckdb  # noqa: PLC0415 - see `write`

    columns = {
        "unit": merged.units.unit,
        "looks": tracked.looks,
        "storing_started": tracked.storing_started_ns,
        "started_seen": tracked.started_seen_ns,
    }
    query = f"""
        SELECT unit, nullif(looks, {NOT_TOLD}) AS looks,
          {_time("storing_started")}, {_time("started_seen")}
        FROM columns
    """  # noqa: S608 - made of constants
    with duckdb.connect() as database:
        _copy(database, folder / TRACKING_FILE, query, columns)


def write_fires(folder: Path, fires: Fires) -> None:
    """Write every fire of beat, warm-up included. OSError on a full disk."""
    import duckdb  # noqa: PLC0415 - see `write`

    columns = {name: getattr(fires, name) for name in ("unit", "entry", "measured")} | {
        name: getattr(fires, f"{name}_ns")
        for name in ("point", "due", "tick", "publish", "published")
    }
    with duckdb.connect() as database:
        _copy(database, folder / FIRES_FILE, _FIRES, columns)


def _copy(database: Any, path: Path, query: str, columns: Columns) -> None:
    partial = path.with_suffix(".partial")
    database.register("columns", dict(columns))
    target = str(partial).replace("'", "''")
    # V2 stores times as differences: two thirds of the time, and smaller files.
    options = "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V2"
    database.execute(f"COPY ({query}) TO '{target}' ({options})")
    database.unregister("columns")
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def _unit_columns(merged: Merged, ledger: Ledger, phases: Phases, plan: SentPhases) -> Columns:
    units = merged.units
    owner = phase_of_unit(merged, plan) if plan else np.int64(NO_PHASE)
    return {
        "unit": units.unit,
        "outcome": ledger.final,
        "as_meant": ledger.as_meant,
        "stage": ledger.stage,
        "due": units.due_ns,
        "publish": units.publish_ns,
        "published": units.published_ns,
        "seen": units.seen_ns,
        "tasks": np.broadcast_to(np.int32(merged.tasks.per_unit), len(units.unit)),
        "load_phase": np.broadcast_to(owner, len(units.unit)),
        "counted": counted_units(merged, plan) if plan else np.broadcast_to(True, len(units.unit)),
        "known": phases.known,
        **{f"moment_{number}": at_ns for number, at_ns in enumerate(phases.moments_ns)},
    }


def _task_columns(merged: Merged) -> Columns:
    units, tasks = merged.units, merged.tasks
    alone = tasks.per_unit == 1
    hi, lo = merged.task_ids()
    return {
        "unit": units.unit if alone else units.unit[tasks.row],
        "position": np.broadcast_to(np.int64(0), len(tasks)) if alone else tasks.position,
        "hi": hi,
        "lo": lo,
        "received": tasks.received_ns,
        "started": tasks.started_ns,
        "finished": tasks.finished_ns,
        "storing": tasks.storing_ns,
        "stored": tasks.stored_ns,
        "raised": tasks.raised,
        "executions": tasks.executions,
        "retries": tasks.retries,
    }


def _time(column: str) -> str:
    return f"nullif({column}, {MISSING}) AS {column}_ns"


def _between(first: int, last: int, name: str) -> str:
    """As `Phases` has it; here, because the columns would take more memory than the stamps."""
    return f"CASE WHEN known THEN moment_{last} - moment_{first} END AS {name}_ns"


def _names(column: str, names: list[str]) -> str:
    quoted = [name.replace("'", "''") for name in names]
    cases = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(quoted))
    return f"CASE {column} {cases} END" if cases else "NULL::VARCHAR"


_OUTCOME = _names("outcome", [final.name.lower() for final in Final])
_STAGE = _names("stage", [stage.name.lower() for stage in Stage])
_PAIRS = list(pairwise(range(len(PHASES) + 1)))


def _units(labels: list[str], queues: QueuesOfUnits | None) -> str:
    queue = "" if queues is None else f", {_names('queue', list(queues.names))} AS queue"
    return f"""
SELECT unit, {_OUTCOME} AS outcome, as_meant,
  CASE outcome WHEN {Final.LOST.value} THEN {_STAGE} END AS lost_at, tasks,
  {_time("due")}, {_time("publish")}, {_time("published")}, {_time("seen")},
  {", ".join(_between(*moments, name) for name, moments in zip(PHASES, _PAIRS, strict=True))},
  {_between(0, len(PHASES), "total")},
  nullif(load_phase, {NO_PHASE})::INTEGER AS load_phase, counted,
  {_names("part", labels)} AS task{queue}
FROM columns
"""  # noqa: S608 - made of constants


_FIRES = f"""
SELECT unit, entry::INTEGER AS entry, measured,
  {_time("point")}, {_time("due")}, {_time("tick")}, {_time("publish")}, {_time("published")}
FROM columns ORDER BY unit
"""  # noqa: S608 - made of constants
# By their digits, because DuckDB makes UUIDs of numbers only from 2.0 on. `lo` has all of its.
_TASKS = f"""
SELECT unit, position::INTEGER AS position, (lpad(hex(hi), 16, '0') || hex(lo))::UUID AS task_id,
  {_time("received")}, {_time("started")}, {_time("finished")},
  {_time("storing")}, {_time("stored")}, raised, executions, retries
FROM columns
"""  # noqa: S608 - made of constants
