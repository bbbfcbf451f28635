"""A block's samples as arrays, read from the files that `harness run` left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.results.events.merge import MISSING
from harness.results.record.run import BlockRecord, RunRecord
from harness.selftest.accomplices.log import LOG_FILE

Columns = Mapping[str, npt.NDArray[Any]]
"""By name; times in CLOCK_MONOTONIC ns, durations in ns, MISSING where there is none."""


@dataclass(frozen=True)
class Taken:
    """One measured block and all that is known of it from other sources."""

    broker: str
    record: RunRecord
    folder: Path
    """Of the run."""
    block: BlockRecord
    units: Columns
    """Columns of units.parquet, in order of `unit`."""
    tasks: Columns
    """Columns of tasks.parquet, in order of `unit` and `position`."""
    confessed: tuple[dict[str, Any], ...] = ()
    """What the workers' accomplice wrote down."""
    planted: Any = None
    """What was done to the block while it ran."""


def taken(broker: str, record: RunRecord, folder: Path, planted: Any) -> Taken:
    """Read the one block of a run."""
    (block,) = record.blocks
    return Taken(
        broker=broker,
        record=record,
        folder=folder,
        block=block,
        units=_read(folder / block.files["units"]),
        tasks=_read(folder / block.files["tasks"]),
        confessed=_confessions(folder / Path(block.files["units"]).parent / LOG_FILE),
        planted=planted,
    )


def _read(path: Path) -> Columns:
    import duckdb  # noqa: PLC0415 - takes 100 ms

    query = "SELECT * FROM read_parquet($path)"
    with duckdb.connect() as database:
        columns = database.execute(query, {"path": str(path)}).fetchnumpy()
    return {name: _filled(values) for name, values in columns.items()}


def _filled(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if values.dtype == np.int64:
        return np.asarray(np.ma.filled(values, MISSING))
    return np.asarray(np.ma.getdata(values))


def _confessions(path: Path) -> tuple[dict[str, Any], ...]:
    if not path.exists():
        return ()
    return tuple(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
