"""How the events of a cell's blocks are to be read: what its workload and load decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.results.events.mix import WORKLOAD, Mix, countdown_s
from harness.results.record.run import CellRecord

Steps = tuple[int, ...]
"""How many tasks each step of a unit has. A step's tasks run side by side, and begin when all of
the step before have finished: a chord of n has the steps (n, 1)."""

_STEPS_OF: Mapping[str, Callable[[dict[str, Any]], Steps]] = {
    "group": lambda fields: (fields["size"],),
    "chain": lambda fields: (1,) * fields["length"],
    "chord": lambda fields: (fields["size"], 1),
    "nested": lambda fields: (1, fields["size"], 1),
    "chunks": lambda fields: (-(-fields["size"] // fields["chunk"]),),
}
"""Workloads with several tasks per unit."""
_CALLS_OF = ("map", "starmap", "chunks")
"""Workloads whose messages carry several calls: `size` of them in all."""
_GROUPS = ("group", "chunks")
"""Workloads whose result is the list of their tasks' results."""


@dataclass(frozen=True)
class UnitShape:
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
    steps: Steps = ()
    """Where a unit has several steps and one of them several tasks; empty otherwise."""
    counted_down: int = 1
    """How many of a unit's tasks, from the first one on, are published with its countdown: of a
    chain its first link, of a group all, of a chord its header. The rest wait for those."""
    calls_per_task: float = 1.0
    """Calls of functions that a message carries, in the mean."""
    mix: Mix | None = None
    """Of the user's own tasks: which unit ran which."""
    priorities: tuple[int, ...] = ()
    """Units bear these in turn, by their number; empty where all are alike."""
    countdown_s: float = 0.0
    """How long tasks were asked to wait before they run; in a mix the longest."""

    def countdowns_ns(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """For each unit's number how long its tasks were asked to wait; 0 where they were not."""
        if self.mix is not None:
            return self.mix.countdowns_ns(units)
        return np.full(len(units), int(self.countdown_s * 1e9), dtype=np.int64)

    timeout_s: float = math.inf
    """How long a unit may take; see `ledger.settle`."""


def unit_shape(cell: CellRecord, seed: int = 0) -> UnitShape:
    """How to read the events of a cell's blocks; `seed` is the run's."""
    kind = cell.workload["workload"]
    steps = steps_of(cell)
    several = len(steps) > 1 and max(steps) > 1
    return UnitShape(
        sequential=kind == "chain",
        grouped=kind in _GROUPS,
        watched=_is_watched(cell.load),
        held=cell.load["load"] == "backlog",
        stores_results=cell.config["backend"]["service"] != "none"
        and cell.config["settings"].get("task_ignore_result") is not True,
        tasks_per_unit=sum(steps),
        steps=steps if several else (),
        counted_down=steps[0],
        calls_per_task=cell.workload["size"] / sum(steps) if kind in _CALLS_OF else 1.0,
        mix=Mix.of(cell.workload, seed) if kind == WORKLOAD else None,
        timeout_s=float(cell.measure.get("timeout", math.inf)),
        priorities=priorities_in_turn(cell),
        countdown_s=max(countdowns_s_of(cell).values()),
    )


def steps_of(cell: CellRecord) -> Steps:
    """How many tasks each step of its units has. The first step's have the unit's countdown."""
    kind = cell.workload["workload"]
    return _STEPS_OF[kind](cell.workload) if kind in _STEPS_OF else (1,)


def priorities_in_turn(cell: CellRecord) -> tuple[int, ...]:
    """What its units bear in turn; empty where all are alike."""
    priorities = tuple((cell.workload.get("options") or {}).get("priority") or ())
    return priorities if len(priorities) > 1 else ()


def countdowns_s_of(cell: CellRecord) -> dict[str | None, float]:
    """How long its tasks were asked to wait: by the label of each part of a mix, else None."""
    if cell.workload["workload"] != WORKLOAD:
        return {None: countdown_s(cell.workload)}
    parts = Mix.of(cell.workload, seed=0)  # labels do not depend on it
    return dict(zip(parts.labels, parts.countdowns_s, strict=True))


def _is_watched(load: dict[str, Any]) -> bool:
    if load["load"] in ("rate", "saturate"):
        return bool(load.get("results", "observe") == "observe")
    return load["load"] not in ("backlog", "schedule")
