"""Pools what message options ask for over several blocks: latency by priority, lateness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.results.events.unit_shape import unit_shape
from harness.results.record.distributions import Distribution
from harness.results.record.run import BlockRecord, CellRecord
from harness.stats.percentiles import describe

if TYPE_CHECKING:
    import duckdb

Paths = Sequence[tuple[str, str]]
"""Of each block its files of units and tasks."""


def pooled_priorities(
    database: duckdb.DuckDBPyConnection, cell: CellRecord, chosen: str, paths: Paths
) -> Mapping[str, Distribution]:
    """Priority -> latencies of its units in all blocks; empty where all units are alike.

    `chosen` is the SQL condition for units that count, and ends with AND or is empty.
    """
    priorities = unit_shape(cell).priorities if paths else ()
    query = (
        f"SELECT total_ns FROM read_parquet($units) WHERE {chosen} total_ns IS NOT NULL "  # noqa: S608 - made of constants
        "AND unit % $of = $turn"
    )
    units = [file for file, _ in paths]
    return {
        str(priority): _described(
            [_column(database, query, units=units, of=len(priorities), turn=turn)]
        )
        for turn, priority in enumerate(priorities)
    }


def pooled_lateness(
    database: duckdb.DuckDBPyConnection,
    cell: CellRecord,
    chosen: str,
    paths: Paths,
    blocks: Sequence[BlockRecord],
) -> Distribution | None:
    """Start less ETA of all blocks' tasks; None without a countdown, or if samples are missing."""
    shape = unit_shape(cell)
    if not shape.countdown_s or not paths:
        return None
    # Only files of the user's own tasks say which task a unit ran.
    which = "1" if shape.mix is None else "list_position($labels, unit.task)"
    countdowns_s = (shape.countdown_s,) if shape.mix is None else shape.mix.countdowns_s
    query = (
        "SELECT started_ns - publish_ns - countdown_ns FROM (SELECT task.started_ns, "  # noqa: S608 - made of constants
        f"unit.publish_ns, list_extract($countdowns_ns, {which}) AS countdown_ns "
        "FROM read_parquet($tasks) AS task JOIN "
        f"(SELECT * FROM read_parquet($units) WHERE {chosen} total_ns IS NOT NULL) AS unit "
        f"ON task.unit = unit.unit WHERE task.started_ns IS NOT NULL AND position < $counted_down) "
        "WHERE countdown_ns > 0"
    )
    values: dict[str, Any] = {
        "countdowns_ns": [int(one * 1e9) for one in countdowns_s],
        "counted_down": shape.counted_down,
    }
    if shape.mix is not None:
        values["labels"] = list(shape.mix.labels)
    found = [_column(database, query, units=units, tasks=tasks, **values) for units, tasks in paths]
    lateness = _described(found)
    whole = lateness.count == sum(block.lateness_s.count for block in blocks)
    return lateness if whole else None


def _column(
    database: duckdb.DuckDBPyConnection, query: str, **values: Any
) -> npt.NDArray[np.int64]:
    (column,) = database.execute(query, values).fetchnumpy().values()
    return np.ma.getdata(column).astype(np.int64)


def _described(parts: Sequence[npt.NDArray[np.int64]]) -> Distribution:
    return Distribution.model_validate(describe(np.concatenate(parts)))
