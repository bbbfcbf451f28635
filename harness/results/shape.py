"""How the events of a cell's blocks are to be read: what its workload and load decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.results.record import CellRecord

_TASKS_OF = {"group": "size", "chain": "length"}
"""Workloads with several tasks per unit: the field that says how many."""


@dataclass(frozen=True)
class BlockShape:
    """What of the cell decides how its events are read."""

    sequential: bool
    """The tasks of a unit follow each other: a chain."""
    grouped: bool
    watched: bool
    """Somebody saw each result while it was measured: a caller, or an observer."""
    held: bool
    """Workers were held while everything was published: a backlog."""
    stores_results: bool
    tasks_per_unit: int


def shape_of(cell: CellRecord) -> BlockShape:
    """How to read the events of a cell's blocks."""
    kind = cell.workload["workload"]
    return BlockShape(
        sequential=kind == "chain",
        grouped=kind == "group",
        watched=_is_watched(cell.load),
        held=cell.load["load"] == "backlog",
        stores_results=cell.config["backend"]["service"] != "none"
        and cell.config["settings"].get("task_ignore_result") is not True,
        tasks_per_unit=cell.workload[_TASKS_OF[kind]] if kind in _TASKS_OF else 1,
    )


def _is_watched(load: dict[str, Any]) -> bool:
    if load["load"] in ("rate", "saturate"):
        return bool(load.get("results", "observe") == "observe")
    return load["load"] not in ("backlog", "schedule")
