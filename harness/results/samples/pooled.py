"""Pools the raw samples of a cell's blocks.

Percentiles of several blocks come from all their samples together: a mean of percentiles is
no percentile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.figures.figure import Figure
from harness.results.record.distributions import Distribution
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.samples.pooled_messages import pooled_lateness, pooled_priorities
from harness.results.samples.reading import SampleReader, counted_units
from harness.stats.percentiles import describe


@dataclass(frozen=True)
class PooledCell:
    """The samples of several blocks of one cell as one distribution."""

    blocks: tuple[int, ...]
    """Numbers of the blocks in it."""
    latency_s: Distribution
    priorities_s: Mapping[str, Distribution] = field(default_factory=dict)
    """Priority -> total latency of its units, where units bear several priorities."""
    lateness_s: Distribution | None = None
    """Start less ETA of tasks with a countdown; None where there are none."""
    parts_s: Mapping[str, Distribution] = field(default_factory=dict)
    """Part of a mix -> total latency of its units; empty where there is no mix."""


def measured_blocks(cell: CellRecord) -> tuple[BlockRecord, ...]:
    """Blocks whose figures count: a failed one's were measured on something broken."""
    return tuple(block for block in cell.blocks if block.status != "failed")


def pooled(folder: Path, record: RunRecord) -> dict[int, PooledCell]:
    """Index of a cell -> its samples put together, for cells of several measured blocks.

    A cell is left out if samples of any of its blocks are missing, cannot be read, or are not
    as many as the record says: half of the samples would be another distribution.
    """
    several = {
        index: blocks
        for index, cell in enumerate(record.cells)
        if len(blocks := measured_blocks(cell)) > 1
    }
    with SampleReader(folder) as reader:
        found = {
            index: _pool(reader, record.cells[index], blocks) for index, blocks in several.items()
        }
    return {index: cell for index, cell in found.items() if cell is not None}


def pooled_distribution(
    figure: Figure, folder: Path, blocks: Sequence[BlockRecord], count: int
) -> Distribution | None:
    """The samples of a figure that has some, of several blocks together; of one part of a mix or
    one queue those of its units only.

    None if some are missing, cannot be read, or are not `count` as the record says.
    """
    samples = figure.samples
    if samples is None:
        return None
    chosen = counted_units(blocks) if samples.completed_only else "true"
    if figure.within:
        chosen += f" AND {'queue' if figure.within == 'queue' else 'task'} = $one"
    query = (
        f"SELECT ns FROM (SELECT *, {samples.nanoseconds} AS ns "  # noqa: S608 - made of constants
        f"FROM read_parquet(${samples.file})) WHERE {chosen} AND ns IS NOT NULL"
    )
    which = {"one": figure.one} if figure.within else {}
    with SampleReader(folder) as reader:
        columns = reader.columns(query, blocks, samples.file, **which)
    if columns is None or len(columns["ns"]) != count:
        return None
    return Distribution.model_validate(describe(columns["ns"].astype(np.int64)))


def queue_latencies(folder: Path, blocks: Sequence[BlockRecord]) -> dict[str, Distribution] | None:
    """Total latency of the units of each queue, over several blocks together.

    None if samples are missing, cannot be read, or are not as many as the record says.
    """
    with SampleReader(folder) as reader:
        return _within(reader, blocks, "queue")


def _within(
    reader: SampleReader, blocks: Sequence[BlockRecord], within: Literal["task", "queue"]
) -> dict[str, Distribution] | None:
    columns = reader.columns(_totals(blocks, f"{within}, total_ns"), blocks, "units")
    if columns is None:
        return None
    times, names = columns["total_ns"].astype(np.int64), columns[within]
    said: dict[str, int] = {}
    for block in blocks:
        counts = (
            [(one.task, one.latency_s) for one in block.by_task]
            if within == "task"
            else [(one.name, one.latency_s) for one in block.by_queue]
        )
        for label, latency_s in counts:
            said[label] = said.get(label, 0) + latency_s.count
    found = {}
    for label, count in said.items():
        mine = times[names == label]
        if len(mine) != count:
            return None
        found[label] = Distribution.model_validate(describe(mine))
    return found


def total_latencies_ns(folder: Path, block: BlockRecord) -> npt.NDArray[np.int64] | None:
    """Total latency of every completed unit of a block, in the order of the units.

    None if the samples are missing, cannot be read, or are not as many as the record says.
    """
    with SampleReader(folder) as reader:
        return latencies_ns(reader, [block])


def latencies_ns(
    reader: SampleReader, blocks: Sequence[BlockRecord]
) -> npt.NDArray[np.int64] | None:
    """Total latencies of all completed units of some blocks together, in ns, through a reader that
    is open. None if samples are missing or not as many as the record says."""
    columns = reader.columns(_totals(blocks, "total_ns"), blocks, "units")
    if columns is None:
        return None
    totals: npt.NDArray[np.int64] = columns["total_ns"].astype(np.int64)
    return totals if len(totals) == sum(block.latency_s.count for block in blocks) else None


def _pool(
    reader: SampleReader, cell: CellRecord, blocks: Sequence[BlockRecord]
) -> PooledCell | None:
    totals = latencies_ns(reader, blocks)
    if totals is None:
        return None
    return PooledCell(
        tuple(block.number for block in blocks),
        Distribution.model_validate(describe(totals)),
        pooled_priorities(reader, cell, blocks),
        pooled_lateness(reader, cell, blocks),
        (_within(reader, blocks, "task") or {}) if any(one.by_task for one in blocks) else {},
    )


def _totals(blocks: Sequence[BlockRecord], columns: str) -> str:
    return (
        f"SELECT {columns} FROM read_parquet($units) "  # noqa: S608 - made of constants
        f"WHERE {counted_units(blocks)} AND total_ns IS NOT NULL"
    )
