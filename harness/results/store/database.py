"""A store as a database: in memory, queried by SQL, and not to be written to."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.results.samples.reading import UnreadableFileError, readable_file
from harness.results.store.catalog import Catalog
from harness.results.store.views import (
    SAMPLES,
    TABLES,
    block_rows,
    cell_rows,
    group_rows,
    queue_rows,
    run_row,
    task_rows,
)
from harness.scenario.files.wording import listed, printable

if TYPE_CHECKING:
    import duckdb

_FETCHED_AT_A_TIME = 5_000
_EXPLAIN = "EXPLAIN (FORMAT json) "
_MAY_LIST = re.compile(r"\b(show|duckdb_\w+|information_schema)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """Rows of a query over the runs of a store."""

    columns: tuple[str, ...]
    """Each name once: a second `a` is called `a_1`."""
    rows: Iterator[tuple[Any, ...]]
    skipped: tuple[str, ...]
    """Samples that the answer lacks, and why."""


@dataclass(frozen=True)
class _Sample:
    """The Parquet file of one block, of units or of tasks."""

    run_id: str
    block: int
    path: Path
    """What it is."""
    link: Path
    """The same under a plain name: in a path DuckDB takes `*`, `?`, `[` and `{` for a pattern."""


@dataclass(frozen=True)
class _Samples:
    """The files of one table."""

    read: tuple[_Sample, ...]
    skipped: tuple[str, ...]
    """What is not there or cannot be read, and why."""


@contextlib.contextmanager
def answered(catalog: Catalog, query: str) -> Iterator[Answer]:
    """The answer to one SELECT over `TABLES`; its rows can be read inside the context.

    The samples are read only where the query asks for them, and nothing else of the disk can
    be reached. UsageError with DuckDB's words for a query that is wrong.
    """
    import duckdb  # noqa: PLC0415 - 100 ms that `harness --help` must not pay

    if _text(query) != query:
        raise UsageError("the query is not UTF-8 text")
    with (
        _own_folder() as folder,
        duckdb.connect(config={"temp_directory": f"{folder}/spill"}) as database,
        _as_usage_errors(query),
    ):
        database.execute("SET errors_as_json = true")
        database.execute("SET allow_persistent_secrets = false")  # those in the home folder
        _one_select(database, query)
        _fill(database, catalog)
        samples = {name: _samples(catalog, name, folder) for name in _mentioned(query)}
        _lock_down(database, [one for found in samples.values() for one in found.read])
        asked = {name: samples[name] for name in _asked_for(database, query) if name in samples}
        for name, found in asked.items():
            _view(database, name, found.read)
        _refuse_writing(database, query)
        database.execute(query)
        columns = _told_apart([column[0] for column in database.description or ()])
        skipped = tuple(sentence for found in asked.values() for sentence in found.skipped)
        yield Answer(columns, _rows(database), skipped)


@contextlib.contextmanager
def _own_folder() -> Iterator[str]:
    """For links and for what does not fit into memory. Removed at the end."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="harness-sql-")
    except OSError as error:
        raise UsageError(
            f"no temporary folder for the query: {error.strerror or error}; name one in TMPDIR"
        ) from error
    with folder as path:
        yield path


# --- what may run -------------------------------------------------------------------------------


@contextlib.contextmanager
def _as_usage_errors(query: str, *, before: int = 0) -> Iterator[None]:
    """`before`: so many characters of what DuckDB was given stand before the query."""
    import duckdb  # noqa: PLC0415 - see `answered`

    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        raise UsageError(
            f"the query failed{_worded(str(error), query, before)}; "
            "harness sql --help lists the tables and their columns"
        ) from error


def _worded(text: str, query: str, before: int) -> str:
    """DuckDB's message on one line, with the place in the query where it knows it."""
    if "'pytz'" in text:
        return ": a time with a zone cannot be shown: cast it, as in now()::timestamp"
    kind, _, rest = text.partition(": ")
    place = ""
    with contextlib.suppress(ValueError):
        told = json.loads(rest)
        rest = told["exception_message"]
        if "position" in told:
            place = _place(int(told["position"]) - before, query)
    first, *others = [line.strip() for line in rest.splitlines() if line.strip()] or [text]
    more = f" ({'; '.join(others)})" if others else ""
    return f"{place}: {kind}: {printable(first + more)}"


def _place(position: int, query: str) -> str:
    """` at line 1, column 8`, from DuckDB's number of bytes."""
    before = query.encode(errors="replace")[:position].decode(errors="ignore")
    return f" at line {before.count(chr(10)) + 1}, column {len(before.rpartition(chr(10))[2]) + 1}"


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
    with _as_usage_errors(query, before=len(_EXPLAIN)):
        plans = database.execute(_EXPLAIN + query).fetchall()
    if any("COPY" in name for _, plan in plans for name in _operators(json.loads(plan))):
        raise UsageError("harness sql changes nothing: COPY is not for it")


def _operators(plan: Any) -> Iterator[str]:
    for node in plan:
        yield str(node.get("name", ""))
        yield from _operators(node.get("children", ()))


def _lock_down(database: duckdb.DuckDBPyConnection, samples: Iterable[_Sample]) -> None:
    """Only these files from here on. DuckDB opens what a query names even to plan it."""
    # Both names: newer versions of DuckDB follow a link before they look.
    paths = [str(path) for one in samples for path in (one.link, one.path)]
    database.execute(f"SET allowed_paths = {_listed(paths)}")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")


# --- the tables ---------------------------------------------------------------------------------


def _fill(database: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    rows = {
        "runs": [run_row(run) for run in catalog.runs],
        "cells": [row for run in catalog.runs for row in cell_rows(run)],
        "blocks": [row for run in catalog.runs for row in block_rows(run)],
        "by_task": [row for run in catalog.runs for row in task_rows(run)],
        "by_queue": [row for run in catalog.runs for row in queue_rows(run)],
        "by_group": [row for run in catalog.runs for row in group_rows(run)],
    }
    for name, found in rows.items():
        shape = {column.name: column.type for column in TABLES[name]}
        _load(database, name, shape, _text(found))


def _text(value: Any) -> Any:
    """Half a surrogate pair, as in a folder's name that is no UTF-8, is no text for DuckDB."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_text(key): _text(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_text(part) for part in value]
    return value


def _mentioned(query: str) -> list[str]:
    """Tables of samples that the query may ask for: their names are in it, as whatever."""
    words = {word.lower() for word in re.findall(r"\w+", query)}
    return [name for name in SAMPLES if name in words or _MAY_LIST.search(query)]


def _asked_for(database: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    """Those that it does ask for; too many rather than too few. `tasks` is a column, too."""
    import duckdb  # noqa: PLC0415 - see `answered`

    mentioned = _mentioned(query)
    if _MAY_LIST.search(query):
        return mentioned
    try:
        tables = {name.lower() for name in database.get_table_names(query)}
    except duckdb.Error:  # DESCRIBE is none of what DuckDB can say this of
        return mentioned
    return [name for name in mentioned if name in tables]


def _samples(catalog: Catalog, name: str, folder: str) -> _Samples:
    links = Path(folder, name)
    links.mkdir()
    read: list[_Sample] = []
    faults: dict[tuple[Path, str], list[int]] = {}
    for run in catalog.runs:
        for block in run.record.blocks:
            try:
                path = readable_file(run.folder, block, name)
            except UnreadableFileError as fault:
                faults.setdefault((run.folder, str(fault)), []).append(block.number)
                continue
            link = links / f"{len(read)}.parquet"
            link.symlink_to(path)
            read.append(_Sample(run.record.run_id, block.number, path, link))
    skipped = (
        f"skipped the {name} of {run}, {_blocks(numbers)}: {fault}"
        for (run, fault), numbers in faults.items()
    )
    return _Samples(tuple(read), tuple(skipped))


def _blocks(numbers: Sequence[int]) -> str:
    return f"block {numbers[0]}" if len(numbers) == 1 else f"blocks {listed(map(str, numbers))}"


def _view(database: duckdb.DuckDBPyConnection, name: str, samples: Sequence[_Sample]) -> None:
    if not samples:
        columns = ", ".join(f"{column.name} {column.type}" for column in TABLES[name])
        database.execute(f"CREATE TABLE {name} ({columns})")
        return
    found = [
        {"run_id": _text(one.run_id), "block": one.block, "filename": str(one.link)}
        for one in samples
    ]
    shape = {"run_id": "VARCHAR", "block": "INTEGER", "filename": "VARCHAR"}
    database.execute("CREATE SCHEMA IF NOT EXISTS files")  # SHOW TABLES does not list it
    _load(database, f"files.{name}", shape, found)
    paths = _listed(str(one.link) for one in samples)
    # By name: an older run's files may lack a column that newer ones have.
    files = f"read_parquet({paths}, union_by_name = true)"
    described = database.execute(f"DESCRIBE SELECT * FROM {files}")  # noqa: S608 - quoted paths
    there = {row[0] for row in described.fetchall()}
    # And all of them may be older than a column.
    own = {"run_id", "block"}
    columns = ", ".join(
        column.name if column.name in there | own else f"NULL::{column.type} AS {column.name}"
        for column in TABLES[name]
    )
    database.execute(
        f"CREATE VIEW {name} AS SELECT {columns} "  # noqa: S608 - names of TABLES and quoted paths
        f"FROM read_parquet({paths}, filename = true, union_by_name = true) AS samples "
        f"JOIN files.{name} USING (filename)"
    )


def _load(
    database: duckdb.DuckDBPyConnection,
    table: str,
    shape: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    database.execute(
        f"CREATE TABLE {table} AS SELECT unnest(from_json($rows::JSON, $shape), max_depth := 2)",
        {"rows": json.dumps(rows), "shape": json.dumps([shape])},
    )


def _listed(paths: Iterable[str]) -> str:
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
