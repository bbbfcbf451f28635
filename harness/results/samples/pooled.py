"""Pools the raw samples of a cell's blocks.

Percentiles of several blocks come from all their samples together: a mean of percentiles is
no percentile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.figures.figure import Figure
from harness.results.events.merged import MISSING
from harness.results.record.distributions import Distribution
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.samples.pooled_messages import pooled_lateness, pooled_priorities
from harness.results.samples.reading import SampleReader, counted_units
from harness.stats.percentiles import describe


@dataclass(frozen=True)
class TimesOfQueue:
    """The units of one queue, of some blocks together."""

    latency_s: Distribution
    queue_s: Distribution
    """Their phase `queue`, and `dispatch`."""
    dispatch_s: Distribution


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
    queues_s: Mapping[str, TimesOfQueue] = field(default_factory=dict)
    """Queue -> times of its units; empty where blocks have one."""


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


def _of_parts(reader: SampleReader, blocks: Sequence[BlockRecord]) -> dict[str, Distribution]:
    said = [(one.task, one.latency_s.count) for block in blocks for one in block.by_task]
    found = _within(reader, blocks, "task", ("total_ns",), said)
    return {label: latency_s for label, (latency_s,) in found.items()}


def _of_queues(reader: SampleReader, blocks: Sequence[BlockRecord]) -> dict[str, TimesOfQueue]:
    divided = [block for block in blocks if block.by_queue]
    said = [(one.name, one.latency_s.count) for block in divided for one in block.by_queue]
    found = _within(reader, divided, "queue", ("total_ns", "queue_ns", "dispatch_ns"), said)
    return {name: TimesOfQueue(*times) for name, times in found.items()}


def _within(
    reader: SampleReader,
    blocks: Sequence[BlockRecord],
    within: Literal["task", "queue"],
    columns: Sequence[str],
    said: Sequence[tuple[str, int]],
) -> dict[str, list[Distribution]]:
    """Of each part or queue the distributions of some columns. Empty if any has not as many samples
    as its records `said`, or samples are missing or cannot be read."""
    counts: Counter[str] = Counter()
    for label, count in said:
        counts[label] += count
    found = reader.columns(_totals(blocks, ", ".join((within, *columns))), blocks, "units")
    if not counts or found is None:
        return {}
    divided = {}
    for label, count in counts.items():
        mine = [found[column].astype(np.int64)[found[within] == label] for column in columns]
        if any(len(times) != count or (times == MISSING).any() for times in mine):
            return {}
        divided[label] = [Distribution.model_validate(describe(times)) for times in mine]
    return divided


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
        _of_parts(reader, blocks) if any(one.by_task for one in blocks) else {},
        _of_queues(reader, blocks) if any(one.by_queue for one in blocks) else {},
    )


def _totals(blocks: Sequence[BlockRecord], columns: str) -> str:
    return (
        f"SELECT {columns} FROM read_parquet($units) "  # noqa: S608 - made of constants
        f"WHERE {counted_units(blocks)} AND total_ns IS NOT NULL"
    )
