"""The tables that `harness sql` shows of a store, column by column.

`runs`, `cells` and `blocks` come from the run records; `units` and `tasks` are the Parquet
samples, with the run and the block they belong to in front.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.results.judge.circumstances import project_of
from harness.results.judge.identity import series_key
from harness.results.record.distributions import PHASES, Distribution
from harness.results.record.environment import Server
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.store.catalog import StoredRun
from harness.scenario.plan.value_words import digest


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: str
    """DuckDB's."""
    meaning: str


_DISTRIBUTION = "STRUCT({})".format(
    ", ".join(
        f"{name} {'BIGINT' if name == 'count' else 'DOUBLE'}" for name in Distribution.model_fields
    )
)
_PACKAGES = "MAP(VARCHAR, VARCHAR)"
_CALLS = ("publish_call", "store_call")
_LEDGER = ("ok", "failed", "wrong", "lost", "timed_out")


def _spread(name: str, meaning: str) -> Column:
    return Column(f"{name}_s", _DISTRIBUTION, meaning)


RUNS = (
    Column("run_id", "VARCHAR", "in every table: join ... using (run_id)"),
    Column("folder", "VARCHAR", "of the run"),
    Column("scenario", "VARCHAR", "its name"),
    Column("status", "VARCHAR", "running, complete, partial or failed"),
    Column("started_at", "TIMESTAMP", "UTC"),
    Column("ended_at", "TIMESTAMP", "UTC"),
    Column("seed", "BIGINT", "of the blocks' order"),
    Column("source", "VARCHAR", "the scenario file as it was given"),
    Column("hostname", "VARCHAR", ""),
    Column("cpu", "VARCHAR", ""),
    Column("cores", "INTEGER", "that the harness might use"),
    Column("memory_bytes", "BIGINT", ""),
    Column("kernel", "VARCHAR", ""),
    Column("python", "VARCHAR", ""),
    Column("harness", "VARCHAR", "version of the harness"),
    Column("packages", _PACKAGES, "packages['celery'] and so on"),
    Column("git_commit", "VARCHAR", "of the folder in which the harness was started"),
    Column("git_dirty", "BOOLEAN", "it had uncommitted changes"),
    Column("gates", "INTEGER", "evaluated"),
    Column("gates_failed", "INTEGER", ""),
    Column("warnings", "VARCHAR[]", "codes of the run's own warnings"),
)
CELLS = (
    Column("run_id", "VARCHAR", ""),
    Column("cell", "INTEGER", "join ... using (run_id, cell)"),
    Column("name", "VARCHAR", "<configuration>[<axes>]/<workload>/<load>"),
    Column("configuration", "VARCHAR", ""),
    Column("workload", "VARCHAR", ""),
    Column("load", "VARCHAR", ""),
    Column("broker", "VARCHAR", "product and version that ran"),
    Column("backend", "VARCHAR", "product and version that ran"),
    Column("emulated", "BOOLEAN", "a server of it is an emulator"),
    Column("packages", _PACKAGES, "of its clients and workers"),
    Column("project_commit", "VARCHAR", "of the project as they ran it"),
    Column("planned", "INTEGER", "blocks"),
    Column("axes", "JSON", "values of the matrix"),
    Column("series", "VARCHAR", "the same for the same cell in every run, whatever its name"),
    Column("definition", "JSON", "config, workload, load, measure as they were resolved"),
)
BLOCKS = (
    Column("run_id", "VARCHAR", ""),
    Column("block", "INTEGER", "place in the run's order, from 0"),
    Column("cell", "INTEGER", ""),
    Column("cell_name", "VARCHAR", ""),
    Column("repetition", "INTEGER", "blocks of one repetition are pairs"),
    Column("status", "VARCHAR", "complete, partial or failed"),
    Column("error", "VARCHAR", ""),
    Column("started_at", "TIMESTAMP", "UTC"),
    Column("window_s", "DOUBLE", "length of the measurement"),
    Column("units", "BIGINT", "published"),
    Column("tasks", "BIGINT", "of which they consist"),
    Column("throughput_per_s", "DOUBLE", "completed units"),
    Column("tasks_per_s", "DOUBLE", ""),
    Column("publish_rate_per_s", "DOUBLE", "of a backlog"),
    Column("latency_basis", "VARCHAR", "total latency ends when seen, or finished (backlog)"),
    _spread("latency", "of a unit: latency_s.p99, latency_s.count ..."),
    *(_spread(name, "phase of a unit") for name in PHASES),
    *(_spread(name, "beside the phases, not part of their sum") for name in _CALLS),
    _spread("hop", "of a chain"),
    _spread("member_spread", "of a group"),
    _spread("join", "of a group"),
    *(Column(name, "BIGINT", "units with this outcome") for name in _LEDGER),
    Column("failed_as_meant", "BIGINT", "of failed"),
    Column("duplicated", "BIGINT", "executions beyond a task's first"),
    Column("sound", "BOOLEAN", "every unit ended as it was meant to, once"),
    Column("worker_cpu_ms_per_task", "DOUBLE", ""),
    Column("client_cpu_ms_per_task", "DOUBLE", ""),
    Column("worker_peak_rss_bytes", "BIGINT", ""),
    Column("client_peak_rss_bytes", "BIGINT", ""),
    Column("broker_cpu_ms_per_task", "DOUBLE", "of a server that the harness started"),
    Column("backend_cpu_ms_per_task", "DOUBLE", "the same, where it is another server"),
    Column("broker_peak_rss_bytes", "BIGINT", ""),
    Column("backend_peak_rss_bytes", "BIGINT", ""),
    Column("dollars_per_million_tasks", "DOUBLE", "of requests to SQS"),
    Column("warnings", "VARCHAR[]", "codes"),
    Column("planned_per_s", "DOUBLE", "units due, of an open loop"),
    Column("sent_per_s", "DOUBLE", "of them, those sent in time"),
    Column("unsent", "BIGINT", "due, and never sent"),
    Column("client_limited", "BOOLEAN", "the client was too slow for the load"),
    Column("saturation_per_s", "DOUBLE", "the highest rate that kept its limits"),
    _spread("fan_out", "into a group in a chain"),
    _spread("join_delay", "of a chord, last header task stored to body started"),
    Column("calls_per_task", "DOUBLE", "above 1 for map, starmap, chunks"),
    _spread("learned_late", "of a caller that tracks its task, after the store call began"),
    _spread("started_late", "the same of the state STARTED"),
    Column("looks_per_unit", "DOUBLE", "how often a caller asked for the state"),
    Column("started_seen", "BIGINT", "units whose caller saw STARTED"),
    Column("unlock_looks_per_unit", "DOUBLE", "of chord_unlock, where a backend does not count"),
)
_SAMPLE = (
    Column("run_id", "VARCHAR", ""),
    Column("block", "INTEGER", "join ... using (run_id, block)"),
    Column("unit", "BIGINT", "number of the unit in its block"),
)
UNITS = (
    *_SAMPLE,
    Column("outcome", "VARCHAR", "ok, failed, wrong, lost or timed_out"),
    Column("as_meant", "BOOLEAN", "it failed, and was meant to"),
    Column("lost_at", "VARCHAR", "how far a lost unit got"),
    Column("tasks", "INTEGER", "of which it consists"),
    *(
        Column(f"{name}_ns", "BIGINT", "monotonic time")
        for name in ("due", "publish", "published", "seen")
    ),
    *(Column(f"{name}_ns", "BIGINT", "length of the phase") for name in PHASES),
    Column("total_ns", "BIGINT", "sum of the phases"),
    Column("load_phase", "INTEGER", "of an open loop, from 0"),
    Column("counted", "BOOLEAN", "it is in the block's figures"),
    Column("task", "VARCHAR", "the user's own task that it ran"),
)
TASKS = (
    *_SAMPLE,
    Column("position", "INTEGER", "in its unit"),
    Column("task_id", "UUID", ""),
    *(
        Column(f"{name}_ns", "BIGINT", "monotonic time")
        for name in ("received", "started", "finished", "storing", "stored")
    ),
    Column("raised", "BOOLEAN", ""),
    Column("executions", "INTEGER", ""),
    Column("retries", "INTEGER", "executions that asked for a further one"),
)
TABLES: Mapping[str, tuple[Column, ...]] = {
    "runs": RUNS,
    "cells": CELLS,
    "blocks": BLOCKS,
    "units": UNITS,
    "tasks": TASKS,
}
SAMPLES = ("units", "tasks")
"""Those of TABLES that are read from Parquet, and only if a query asks for them."""


def run_row(run: StoredRun) -> dict[str, Any]:
    """One row of `runs`."""
    record, environment = run.record, run.record.environment
    return {
        **{name: getattr(record, name) for name in ("run_id", "status", "seed", "source")},
        "folder": str(run.folder),
        "scenario": scenario_name(record),
        "started_at": record.started_at or None,
        "ended_at": record.ended_at,
        **environment.model_dump(mode="json"),
        "gates": len(record.gates),
        "gates_failed": sum(gate.passed is False for gate in record.gates),
        "warnings": [warning.code for warning in record.warnings],
    }


def cell_rows(run: StoredRun) -> Iterator[dict[str, Any]]:
    """The rows of `cells` of one run."""
    for index, cell in enumerate(run.record.cells):
        definition = {name: getattr(cell, name) for name in ("config", "workload", "load")}
        yield {
            "run_id": run.record.run_id,
            "cell": index,
            "name": cell.name,
            "configuration": cell.config.get("name"),
            "workload": cell.workload.get("workload"),
            "load": cell.load.get("load"),
            "broker": _server(cell, "broker"),
            "backend": _server(cell, "backend"),
            "emulated": cell.emulated,
            "packages": cell.packages,
            "project_commit": project_of(run.record, cell)[0],
            "planned": run.record.order.count(index),
            "axes": cell.axes,
            "series": digest(series_key(cell)),
            "definition": definition | {"measure": cell.measure},
        }


def block_rows(run: StoredRun) -> Iterator[dict[str, Any]]:
    """The rows of `blocks` of one run."""
    for index, cell in enumerate(run.record.cells):
        for block in cell.blocks:
            yield {
                **_figures(block),
                "run_id": run.record.run_id,
                "block": block.number,
                "cell": index,
                "cell_name": cell.name,
            }


def scenario_name(record: RunRecord) -> str:
    """Of the scenario as it was when it ran."""
    return str(record.scenario.get("name", ""))


def _figures(block: BlockRecord) -> dict[str, Any]:
    spreads = {"latency": block.latency_s}
    for found in (block.phases_s, block.calls_s, block.canvas_s, block.tracking_s):
        spreads |= found
    plain = block.model_dump(mode="json", exclude={"outcomes", "warnings", "number"})
    known = {column.name for column in BLOCKS}
    return {
        **{name: value for name, value in plain.items() if name in known},
        "started_at": block.started_at or None,
        **{f"{name}_s": value.model_dump() for name, value in spreads.items()},
        **{name: getattr(block.outcomes, name) for name in _LEDGER},
        "sound": block.sound,
        "saturation_per_s": block.saturation.rate_per_s if block.saturation else None,
        "warnings": [warning.code for warning in block.warnings],
    }


def _server(cell: CellRecord, role: str) -> str | None:
    server: Server | None = cell.servers.get(role)
    return f"{server.product} {server.version}" if server else None
