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
    priorities: tuple[int, ...] = ()
    """Units bear these in turn, by their number; empty where all are alike."""
    countdown_s: float = 0.0
    """How long tasks were asked to wait before they run."""


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
        priorities=priorities_in_turn(cell),
        countdown_s=countdown_s_of(cell),
    )


def priorities_in_turn(cell: CellRecord) -> tuple[int, ...]:
    """What its units bear in turn; empty where all are alike."""
    priorities = tuple((cell.workload.get("options") or {}).get("priority") or ())
    return priorities if len(priorities) > 1 else ()


def countdown_s_of(cell: CellRecord) -> float:
    """How long its tasks were asked to wait."""
    countdown_s: float | None = (cell.workload.get("options") or {}).get("countdown")
    return countdown_s or 0.0


def _is_watched(load: dict[str, Any]) -> bool:
    if load["load"] in ("rate", "saturate"):
        return bool(load.get("results", "observe") == "observe")
    return bool(load["load"] != "backlog")
