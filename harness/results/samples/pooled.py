"""Pools the raw samples of a cell's blocks.

Percentiles of several blocks come from all their samples together: a mean of percentiles is
no percentile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.figures.figure import Samples
from harness.results.record.distributions import Distribution
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.samples.pooled_messages import pooled_lateness, pooled_priorities
from harness.stats.percentiles import describe

if TYPE_CHECKING:
    import duckdb

COMPLETED = "(outcome = 'ok' OR as_meant) AND"
"""SQL: units that ended as they were meant to."""


@dataclass(frozen=True)
class PooledCell:
    """The samples of several blocks of one cell as one distribution."""

    blocks: tuple[int, ...]
    """Numbers of the blocks in it."""
    latency_s: Distribution
    priorities_s: Mapping[str, Distribution] = field(default_factory=dict)
    """By priority, where units bear several."""
    lateness_s: Distribution | None = None
    """Of tasks with a countdown."""


def measured_blocks(cell: CellRecord) -> tuple[BlockRecord, ...]:
    """Blocks whose figures count: a failed one's were measured on something broken."""
    return tuple(block for block in cell.blocks if block.status != "failed")


def pooled(folder: Path, record: RunRecord) -> dict[int, PooledCell]:
    """By index of the cell, for cells of several measured blocks.

    A cell is left out if samples of any of its blocks are missing, cannot be read, or are not
    as many as the record says: half of the samples would be another distribution.
    """
    several = {
        index: blocks
        for index, cell in enumerate(record.cells)
        if len(blocks := measured_blocks(cell)) > 1
    }
    if not several:
        return {}
    import duckdb  # noqa: PLC0415 - 100 ms that a run of single blocks need not pay

    with duckdb.connect() as database:
        found = {
            index: _pool(database, folder, record.cells[index], blocks)
            for index, blocks in several.items()
        }
    return {index: cell for index, cell in found.items() if cell is not None}


def pooled_distribution(
    samples: Samples, folder: Path, blocks: Sequence[BlockRecord], count: int
) -> Distribution | None:
    """A figure's samples of several blocks together.

    None if some are missing, cannot be read, or are not `count` as the record says.
    """
    import duckdb  # noqa: PLC0415 - see `pooled`

    paths = sample_files(folder, blocks, samples.file)
    if paths is None:
        return None
    chosen = _chosen(blocks) if samples.completed_only else ""
    query = (
        f"SELECT ns FROM (SELECT *, {samples.nanoseconds} AS ns FROM read_parquet($paths)) "  # noqa: S608 - made of constants
        f"WHERE {chosen} ns IS NOT NULL"
    )
    try:
        with duckdb.connect() as database:
            columns = database.execute(query, {"paths": paths}).fetchnumpy()
    except duckdb.Error:
        return None
    times = np.ma.getdata(columns["ns"]).astype(np.int64)
    return Distribution.model_validate(describe(times)) if len(times) == count else None


def by_task_latencies(
    folder: Path, blocks: Sequence[BlockRecord]
) -> dict[str, Distribution] | None:
    """Total latency of each of the user's own tasks, over several blocks together.

    None if samples are missing, cannot be read, or are not as many as the record says.
    """
    import duckdb  # noqa: PLC0415 - see `pooled`

    paths = sample_files(folder, blocks)
    if paths is None:
        return None
    query = (
        "SELECT task, total_ns FROM read_parquet($paths) "  # noqa: S608 - made of constants
        f"WHERE {_chosen(blocks)} total_ns IS NOT NULL"
    )
    try:
        with duckdb.connect() as database:
            columns = database.execute(query, {"paths": paths}).fetchnumpy()
    except duckdb.Error:
        return None
    times = np.ma.getdata(columns["total_ns"]).astype(np.int64)
    names = np.ma.getdata(columns["task"])
    found = {}
    for label in dict.fromkeys(task.task for block in blocks for task in block.by_task):
        mine = times[names == label]
        said = [t.latency_s.count for block in blocks for t in block.by_task if t.task == label]
        if len(mine) != sum(said):
            return None
        found[label] = Distribution.model_validate(describe(mine))
    return found


def total_latencies_ns(folder: Path, block: BlockRecord) -> npt.NDArray[np.int64] | None:
    """Total latency of every completed unit of a block, in the order of the units.

    None if the samples are missing, cannot be read, or are not as many as the record says.
    """
    import duckdb  # noqa: PLC0415 - see `pooled`

    with duckdb.connect() as database:
        return latencies_ns(database, folder, [block])


def latencies_ns(
    database: duckdb.DuckDBPyConnection, folder: Path, blocks: Sequence[BlockRecord]
) -> npt.NDArray[np.int64] | None:
    """The same of several blocks together, on a connection that is there already."""
    import duckdb  # noqa: PLC0415 - see `pooled`

    paths = sample_files(folder, blocks)
    if paths is None:
        return None
    try:
        columns = database.execute(_totals(blocks), {"paths": paths}).fetchnumpy()
    except duckdb.Error:
        return None
    totals: npt.NDArray[np.int64] = np.ma.getdata(columns["total_ns"]).astype(np.int64)
    return totals if len(totals) == sum(block.latency_s.count for block in blocks) else None


def _pool(
    database: duckdb.DuckDBPyConnection,
    folder: Path,
    cell: CellRecord,
    blocks: Sequence[BlockRecord],
) -> PooledCell | None:
    import duckdb  # noqa: PLC0415 - see `pooled`

    totals, paths = latencies_ns(database, folder, blocks), sample_files(folder, blocks)
    if totals is None or paths is None:
        return None
    both = list(zip(paths, sample_files(folder, blocks, "tasks") or (), strict=False))
    try:
        priorities = pooled_priorities(database, cell, _chosen(blocks), both)
        lateness = pooled_lateness(database, cell, _chosen(blocks), both, blocks)
    except duckdb.Error:
        return None
    numbers = tuple(block.number for block in blocks)
    described = Distribution.model_validate(describe(totals))
    return PooledCell(numbers, described, priorities, lateness)


def _totals(blocks: Sequence[BlockRecord]) -> str:
    return (
        "SELECT total_ns FROM read_parquet($paths) "  # noqa: S608 - made of constants
        f"WHERE {_chosen(blocks)} total_ns IS NOT NULL"
    )


def _chosen(blocks: Sequence[BlockRecord]) -> str:
    """Completed units; of an open loop those of counted phases. SQL that ends in AND. Records of
    older versions have no such column, and no such loads."""
    counted = "counted AND" if any(block.load_phases for block in blocks) else ""
    return f"{COMPLETED} {counted}"


def sample_files(
    folder: Path, blocks: Sequence[BlockRecord], file: str = "units"
) -> list[str] | None:
    """One file of each block; None if any is missing or lies outside the run's folder."""
    root = folder.resolve()
    paths = [(root / block.files.get(file, "-")).resolve() for block in blocks]
    usable = all(path.is_relative_to(root) and path.is_file() for path in paths)
    return [str(path) for path in paths] if usable else None
