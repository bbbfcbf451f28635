"""Reads what `writing` and its like left beside a block's record: its Parquet files, by SQL.

The only place that opens them for reports, exports and checks; `harness sql`, which joins those of
all runs, asks `readable_file` which of them can be read. There is one answer to a file that is
missing, damaged or lacks a column that is asked for: None, for all blocks that were asked for
together, because half of the samples would be another distribution. What it would have shown is
then left out, or called missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.results.events.merged import MISSING
from harness.results.record.run import BlockRecord

if TYPE_CHECKING:
    import duckdb

Columns = Mapping[str, npt.NDArray[Any]]
"""Name of a column -> its values. Nothing (NULL) is MISSING among whole numbers, NaN among others,
False among truths."""
COMPLETED = "(outcome = 'ok' OR as_meant)"
"""SQL: units that ended as they were meant to."""
_PARQUET = b"PAR1"
_OF_PATTERNS = re.compile(r"([*?\[])")
_NOTHING: Mapping[str, Any] = {"i": MISSING, "u": MISSING, "f": np.nan, "b": False}


class UnreadableFileError(Exception):
    """Why a block's file cannot be read, in a few words."""


def readable_file(folder: Path, block: BlockRecord, name: str) -> Path:
    """One of `block.files`, below the run's `folder`, if DuckDB can read it.

    Raises:
        UnreadableFileError: the record names none, it is not there, it lies outside of the folder,
            or it is no whole Parquet file.
    """
    stored = block.files.get(name)
    if stored is None:
        raise UnreadableFileError("the record names none")
    try:
        root = folder.resolve()
        path = (root / stored).resolve()
        if not path.is_relative_to(root):
            raise UnreadableFileError("outside of its run's folder")
        if "\\" in str(path) or str(path) != str(path).encode(errors="replace").decode():
            raise UnreadableFileError("DuckDB opens no path with a backslash or that is not UTF-8")
        if not path.is_file():
            raise UnreadableFileError("no such file")
        with path.open("rb") as file:
            begin = file.read(len(_PARQUET))
            file.seek(max(0, path.stat().st_size - len(_PARQUET)))
            if not begin == _PARQUET == file.read():
                raise UnreadableFileError("not a Parquet file, or only part of one")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UnreadableFileError(getattr(error, "strerror", None) or str(error)) from error
    return path


class SampleReader:
    """The files of one run's folder. One connection for all that is asked: it costs 10 ms, and
    DuckDB itself 100 ms that a caller who asks for nothing does not pay.

    Example:
        >>> with SampleReader(folder) as reader:
        ...     query = "SELECT total_ns FROM read_parquet($units) WHERE total_ns IS NOT NULL"
        ...     columns = reader.columns(query, [block], "units")
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._database: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> SampleReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Once is enough, and so is never: nothing but memory is held."""
        if self._database is not None:
            self._database.close()

    def columns(
        self, query: str, blocks: Sequence[BlockRecord], *files: str, **values: Any
    ) -> Columns | None:
        """The answer to a query over the files of some blocks together.

        Args:
            query: SQL; `read_parquet($units)` stands for the blocks' files `units`, `$name` for
                one of `values`.
            blocks: of the run.
            files: the names of the files in `BlockRecord.files` that the query asks for.
            values: further parameters of the query.

        Returns:
            Columns of equal length, or None if any of the files cannot be read.
        """
        import duckdb  # noqa: PLC0415 - see the class

        try:
            paths = {
                name: [_no_pattern(readable_file(self._folder, block, name)) for block in blocks]
                for name in files
            }
            if self._database is None:
                self._database = duckdb.connect()
            found = self._database.execute(query, paths | values).fetchnumpy()
        except (UnreadableFileError, duckdb.Error):
            return None
        return {name: _filled(column) for name, column in found.items()}


def _no_pattern(path: Path) -> str:
    """The path for `read_parquet`, which takes `*`, `?` and `[` for a pattern: a run in `a*b` would
    be given the samples of one in `axb`, too."""
    return _OF_PATTERNS.sub(r"[\1]", str(path))


def counted_units(blocks: Sequence[BlockRecord]) -> str:
    """SQL: completed units, of an open loop those of counted phases. Records of older versions
    have no column for that, and no such loads."""
    counted = any(block.load_phases for block in blocks)
    return f"{COMPLETED} AND counted" if counted else COMPLETED


def _filled(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    nothing = _NOTHING.get(column.dtype.kind)
    if nothing is None or not np.ma.is_masked(column):
        return np.asarray(np.ma.getdata(column))
    if column.dtype.kind in "iu":  # narrower ones have no room for MISSING
        column = column.astype(np.int64)
    return np.asarray(np.ma.filled(column, nothing))
