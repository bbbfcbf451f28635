"""The tables that `harness sql` shows of a store, column by column.

`runs`, `cells`, `blocks`, `by_task`, `by_queue` and `by_group` come from the run records; `units`
and `tasks` are the Parquet samples, with the run and the block they belong to in front.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.figures.figure import Figure, Within
from harness.figures.of_units import PHASES
from harness.figures.table import FIGURES, OF_ONE_ONLY
from harness.results.judge.circumstances import project_of
from harness.results.judge.identity import series_key
from harness.results.record.distributions import Distribution
from harness.results.record.environment import Server
from harness.results.record.figures import distribution_of, many_of, value_of
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


def _type(figure: Figure) -> str:
    whole = figure.kind == "count" or figure.unit == "bytes"
    one = _DISTRIBUTION if figure.distribution else "BIGINT" if whole else "DOUBLE"
    return f"MAP(VARCHAR, {one})" if figure.many else one


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
    Column("latency_basis", "VARCHAR", "total latency ends when seen, or finished (backlog)"),
    Column("ok", "BIGINT", "units with this outcome"),
    Column("failed", "BIGINT", "units with this outcome, those that were meant to among them"),
    Column("sound", "BOOLEAN", "every unit ended as it was meant to, once"),
    Column("client_limited", "BOOLEAN", "the client was too slow for the load"),
    Column("warnings", "VARCHAR[]", "codes"),
    *(Column(figure.sql_column, _type(figure), figure.what) for figure in FIGURES),
)
"""Facts, and then every figure of the table."""
_WITHIN: Mapping[Within, tuple[Figure, ...]] = {
    within: tuple(one for one in (*FIGURES, *OF_ONE_ONLY) if one.path_within(within))
    for within in ("task", "queue", "group")
}
"""The figures that there are of each task, queue and group, too, or of these alone."""


def _columns_within(within: Within, *own: Column) -> tuple[Column, ...]:
    return (
        Column("run_id", "VARCHAR", ""),
        Column("block", "INTEGER", "join ... using (run_id, block)"),
        Column("cell", "INTEGER", ""),
        Column("cell_name", "VARCHAR", ""),
        *own,
        *(Column(_column(one, within), _type(one), one.what) for one in _WITHIN[within]),
    )


def _column(figure: Figure, within: Within) -> str:
    return figure.sql_column or figure.path_within(within)


_TEXTS = "VARCHAR[]"
BY_TASK = _columns_within(
    "task", Column("task", "VARCHAR", "one part of a mix, as reports call it")
)
BY_QUEUE = _columns_within(
    "queue",
    Column("queue", "VARCHAR", "where a block has several"),
    Column("groups", _TEXTS, "of workers that consume it"),
)
BY_GROUP = _columns_within(
    "group",
    Column("worker_group", "VARCHAR", "where a block has several"),
    Column("workers", "INTEGER", "processes, as planned"),
    Column("slots", "INTEGER", "tasks that all of them can run at once"),
    Column("queues", _TEXTS, "that they consume"),
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
    Column("task", "VARCHAR", "the part of a mix that it was of"),
    Column("queue", "VARCHAR", "where it went, if there are several"),
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
    "by_task": BY_TASK,
    "by_queue": BY_QUEUE,
    "by_group": BY_GROUP,
    "units": UNITS,
    "tasks": TASKS,
}
SAMPLES = ("units", "tasks")
"""Names of the TABLES that are read from Parquet, and only if a query asks for them."""


Row = dict[str, Any]
"""A row of a table, by the names of `TABLES`."""


def run_row(run: StoredRun) -> Row:
    """A run as its row of the view `runs`: column -> value."""
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


def cell_rows(run: StoredRun) -> Iterator[Row]:
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


def block_rows(run: StoredRun) -> Iterator[Row]:
    """The rows of `blocks` of one run."""
    for index, cell in enumerate(run.record.cells):
        for block in cell.blocks:
            yield {
                **{figure.sql_column: _figure(block, figure) for figure in FIGURES},
                **{name: getattr(block, name) for name in _PLAIN},
                "run_id": run.record.run_id,
                "block": block.number,
                "cell": index,
                "cell_name": cell.name,
                "started_at": block.started_at or None,
                "ok": block.outcomes.ok,
                "failed": block.outcomes.failed,
                "warnings": [warning.code for warning in block.warnings],
            }


def task_rows(run: StoredRun) -> Iterator[Row]:
    """The rows of `by_task` of one run."""
    for index, block in _blocks(run):
        for own in block.by_task:
            yield {**_row_within(run, index, block, "task", own.task), "task": own.task}


def queue_rows(run: StoredRun) -> Iterator[Row]:
    """The rows of `by_queue` of one run."""
    for index, block in _blocks(run):
        for own in block.by_queue:
            row = _row_within(run, index, block, "queue", own.name)
            yield {**row, "queue": own.name, "groups": own.groups}


def group_rows(run: StoredRun) -> Iterator[Row]:
    """The rows of `by_group` of one run."""
    for index, block in _blocks(run):
        for own in block.by_group:
            row = _row_within(run, index, block, "group", own.name)
            planned = {name: getattr(own, name) for name in ("workers", "slots", "queues")}
            yield {**row, "worker_group": own.name, **planned}


def _blocks(run: StoredRun) -> Iterator[tuple[int, BlockRecord]]:
    for index, cell in enumerate(run.record.cells):
        for block in cell.blocks:
            yield index, block


def _row_within(run: StoredRun, cell: int, block: BlockRecord, within: Within, one: str) -> Row:
    figures = {
        _column(figure, within): _figure(block, figure.of(one, within))
        for figure in _WITHIN[within]
    }
    return {
        **figures,
        "run_id": run.record.run_id,
        "block": block.number,
        "cell": cell,
        "cell_name": run.record.cells[cell].name,
    }


_PLAIN = ("repetition", "status", "error", "latency_basis", "sound", "client_limited")


def scenario_name(record: RunRecord) -> str:
    """Name of the scenario as it was when the run ran."""
    return str(record.scenario.get("name", ""))


def _figure(block: BlockRecord, figure: Figure) -> Any:
    """A figure as a value of JSON: a mapping where it is one of many, or a distribution."""
    if figure.many:
        return {name: _plain(one) for name, one in many_of(block, figure).items()}
    if figure.distribution:
        return _plain(distribution_of(block, figure))
    return value_of(block, figure)


def _plain(value: Distribution | float | None) -> Any:
    return value.model_dump() if isinstance(value, Distribution) else value


def _server(cell: CellRecord, role: str) -> str | None:
    server: Server | None = cell.servers.get(role)
    return f"{server.product} {server.version}" if server else None
