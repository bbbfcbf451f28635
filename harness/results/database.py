"""A store as a database: in memory, queried by SQL, and not to be written to."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.results.catalog import Catalog
from harness.results.views import SAMPLES, TABLES, block_rows, cell_rows, run_row

if TYPE_CHECKING:
    import duckdb

_FETCHED_AT_A_TIME = 5_000
_PARQUET = b"PAR1"
_MAY_LIST = re.compile(r"\b(show|duckdb_\w+|information_schema)\b", re.IGNORECASE)
_KEYS = ("run_id", "block")


@dataclass(frozen=True)
class Answer:
    """What a query gave."""

    columns: tuple[str, ...]
    """Each name once: a second `a` is called `a_1`."""
    rows: Iterator[tuple[Any, ...]]
    skipped: tuple[str, ...]
    """Samples that the answer lacks, and why."""


@dataclass(frozen=True)
class _Sample:
    run_id: str
    block: int
    path: str


@contextlib.contextmanager
def answered(catalog: Catalog, query: str) -> Iterator[Answer]:
    """The answer to one SELECT over `TABLES`; its rows can be read inside the context.

    The samples are read only where the query asks for them, and nothing else of the disk can
    be reached. UsageError with DuckDB's words for a query that is wrong.
    """
    import duckdb  # noqa: PLC0415 - 100 ms that `harness --help` must not pay

    with (
        tempfile.TemporaryDirectory(prefix="harness-sql-") as spill,
        duckdb.connect(config={"temp_directory": spill}) as database,
        _as_usage_errors(),
    ):
        _one_select(database, query)
        _fill(database, catalog)
        asked = [name for name in SAMPLES if name in _asked_for(database, query)]
        skipped: list[str] = []
        samples = {name: list(_samples(catalog, name, skipped)) for name in asked}
        _lock_down(database, [one.path for found in samples.values() for one in found])
        for name, found in samples.items():
            _view(database, name, found)
        _refuse_writing(database, query)
        database.execute(query)
        columns = _told_apart([column[0] for column in database.description or ()])
        yield Answer(columns, _rows(database), tuple(skipped))


# --- what may run -------------------------------------------------------------------------------


@contextlib.contextmanager
def _as_usage_errors() -> Iterator[None]:
    import duckdb  # noqa: PLC0415 - see `answered`

    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        raise UsageError(
            f"the query failed: {error}\nharness sql --help lists the tables and their columns"
        ) from error


def _one_select(database: duckdb.DuckDBPyConnection, query: str) -> None:
    import duckdb  # noqa: PLC0415 - see `answered`

    kinds = [statement.type for statement in database.extract_statements(query)]
    if kinds != [duckdb.StatementType.SELECT]:
        raise UsageError(
            "harness sql answers one SELECT (or FROM, WITH, DESCRIBE, SUMMARIZE, SHOW TABLES) "
            "at a time, and changes nothing"
        )


def _refuse_writing(database: duckdb.DuckDBPyConnection, query: str) -> None:
    """DuckDB takes `WITH x AS (COPY ... TO 'file') SELECT ...` for a SELECT, and runs it."""
    plans = database.execute(f"EXPLAIN (FORMAT json) {query}").fetchall()
    if any("COPY" in name for _, plan in plans for name in _operators(json.loads(plan))):
        raise UsageError("harness sql changes nothing: COPY is not for it")


def _operators(plan: Any) -> Iterator[str]:
    for node in plan:
        yield str(node.get("name", ""))
        yield from _operators(node.get("children", ()))


def _lock_down(database: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> None:
    database.execute(f"SET allowed_paths = {_listed(paths)}")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")


# --- the tables ---------------------------------------------------------------------------------


def _fill(database: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    rows = {
        "runs": [run_row(run) for run in catalog.runs],
        "cells": [row for run in catalog.runs for row in cell_rows(run)],
        "blocks": [row for run in catalog.runs for row in block_rows(run)],
    }
    for name, found in rows.items():
        shape = json.dumps([{column.name: column.type for column in TABLES[name]}])
        database.execute(
            f"CREATE TABLE {name} AS SELECT unnest(from_json($rows::JSON, $shape), max_depth := 2)",
            {"rows": json.dumps(found), "shape": shape},
        )


def _asked_for(database: duckdb.DuckDBPyConnection, query: str) -> set[str]:
    """Names of tables in the query; too many rather than too few."""
    import duckdb  # noqa: PLC0415 - see `answered`

    words = {word.lower() for word in re.findall(r"\w+", query)}
    if _MAY_LIST.search(query):
        return set(SAMPLES)
    try:
        return {name.lower() for name in database.get_table_names(query)} & words
    except duckdb.Error:  # DESCRIBE is none of what DuckDB can say this of
        return words


def _samples(catalog: Catalog, name: str, skipped: list[str]) -> Iterator[_Sample]:
    """The files of one table; what is not there or no Parquet is told in `skipped`."""
    for run in catalog.runs:
        root = run.folder.resolve()
        for block in run.record.blocks:
            stored = block.files.get(name)
            if stored is None:
                skipped.append(f"{run.folder}: {block.status} block {block.number} has no {name}")
                continue
            path = (root / stored).resolve()
            fault = _fault(path, root)
            if fault:
                skipped.append(f"skipped {run.folder / stored}: {fault}")
            else:
                yield _Sample(run.record.run_id, block.number, str(path))


def _fault(path: Path, root: Path) -> str:
    if not path.is_relative_to(root):
        return "outside of its run's folder"
    try:
        with path.open("rb") as file:
            begin = file.read(4)
            file.seek(-4, 2)
            whole = begin == _PARQUET == file.read(4)
    except OSError as error:
        return str(error.strerror)
    return "" if whole else "not a Parquet file, or only part of one"


def _view(database: duckdb.DuckDBPyConnection, name: str, samples: Sequence[_Sample]) -> None:
    if not samples:
        columns = ", ".join(f"{column.name} {column.type}" for column in TABLES[name])
        database.execute(f"CREATE TABLE {name} ({columns})")
        return
    table = f"{name}_files"
    database.execute(f"CREATE TEMP TABLE {table} (run_id VARCHAR, block INTEGER, filename VARCHAR)")
    found = [{"run_id": one.run_id, "block": one.block, "filename": one.path} for one in samples]
    shape = json.dumps([{"run_id": "VARCHAR", "block": "INTEGER", "filename": "VARCHAR"}])
    database.execute(
        f"INSERT INTO {table} SELECT unnest(from_json($rows::JSON, $shape), max_depth := 2)",
        {"rows": json.dumps(found), "shape": shape},
    )
    paths = _listed([one.path for one in samples])
    # By name: an older run's files may lack a column that newer ones have.
    database.execute(
        f"CREATE TEMP VIEW {name} AS SELECT run_id, block, samples.* EXCLUDE (filename) "  # noqa: S608 - names of TABLES and quoted paths
        f"FROM read_parquet({paths}, filename = true, union_by_name = true) AS samples "
        f"JOIN {table} USING (filename)"
    )


def _listed(paths: Sequence[str]) -> str:
    quoted = ("'" + path.replace("'", "''") + "'" for path in paths)
    return f"[{', '.join(quoted)}]"


# --- the answer ---------------------------------------------------------------------------------


def _rows(database: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := database.fetchmany(_FETCHED_AT_A_TIME):
        yield from rows


def _told_apart(names: Sequence[str]) -> tuple[str, ...]:
    taken: list[str] = []
    for name in names:
        number, candidate = 0, name
        while candidate in taken or (number and candidate in names):
            number += 1
            candidate = f"{name}_{number}"
        taken.append(candidate)
    return tuple(taken)
