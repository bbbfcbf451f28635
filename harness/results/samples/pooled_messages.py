"""Pools what message options ask for over several blocks: latency by priority, lateness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.results.events.unit_shape import unit_shape
from harness.results.record.distributions import Distribution
from harness.results.record.run import BlockRecord, CellRecord
from harness.results.samples.reading import SampleReader, counted_units
from harness.stats.percentiles import describe


def pooled_priorities(
    reader: SampleReader, cell: CellRecord, blocks: Sequence[BlockRecord]
) -> Mapping[str, Distribution]:
    """Priority -> latencies of its units in all blocks; empty where all units are alike, or
    samples are missing."""
    priorities = unit_shape(cell).priorities
    query = (
        "SELECT total_ns FROM read_parquet($units) "  # noqa: S608 - made of constants
        f"WHERE {counted_units(blocks)} AND total_ns IS NOT NULL AND unit % $of = $turn"
    )
    found = {
        str(priority): _times(reader, query, blocks, "units", of=len(priorities), turn=turn)
        for turn, priority in enumerate(priorities)
    }
    return {name: _described([times]) for name, times in found.items() if times is not None}


def pooled_lateness(
    reader: SampleReader, cell: CellRecord, blocks: Sequence[BlockRecord]
) -> Distribution | None:
    """Start less ETA of all blocks' tasks; None without a countdown, or if samples are missing."""
    shape = unit_shape(cell)
    if not shape.countdown_s:
        return None
    # Only files of mixes say which part a unit was of.
    which = "1" if shape.mix is None else "list_position($labels, unit.task)"
    countdowns_s = (shape.countdown_s,) if shape.mix is None else shape.mix.countdowns_s
    query = (
        "SELECT started_ns - publish_ns - countdown_ns FROM (SELECT task.started_ns, "  # noqa: S608 - made of constants
        f"unit.publish_ns, list_extract($countdowns_ns, {which}) AS countdown_ns "
        "FROM read_parquet($tasks) AS task JOIN (SELECT * FROM read_parquet($units) "
        f"WHERE {counted_units(blocks)} AND total_ns IS NOT NULL) AS unit "
        "ON task.unit = unit.unit WHERE task.started_ns IS NOT NULL AND position < $counted_down) "
        "WHERE countdown_ns > 0"
    )
    values = {
        "countdowns_ns": [int(one * 1e9) for one in countdowns_s],
        "counted_down": shape.counted_down,
    }
    if shape.mix is not None:
        values["labels"] = list(shape.mix.labels)
    found = [_times(reader, query, [block], "units", "tasks", **values) for block in blocks]
    lateness = _described([times for times in found if times is not None])
    whole = lateness.count == sum(block.lateness_s.count for block in blocks)
    return lateness if whole else None


def _times(
    reader: SampleReader, query: str, blocks: Sequence[BlockRecord], *files: str, **values: Any
) -> npt.NDArray[np.int64] | None:
    columns = reader.columns(query, blocks, *files, **values)
    if columns is None:
        return None
    (column,) = columns.values()
    return column.astype(np.int64)


def _described(parts: Sequence[npt.NDArray[np.int64]]) -> Distribution:
    return Distribution.model_validate(describe(np.concatenate([*parts, _NONE])))


_NONE = np.empty(0, np.int64)
