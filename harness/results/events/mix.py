"""Which of the user's own tasks each unit of a cell ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.probe.workloads.drawing import table

WORKLOAD = "task"
"""The workload whose units run tasks of the user's own."""


@dataclass(frozen=True)
class Mix:
    """The tasks of a cell's mix; a single task is a mix of one."""

    labels: tuple[str, ...]
    unchecked: tuple[bool, ...]
    """Of each: its results were not compared with anything."""
    slots: tuple[int, ...]
    """As `probe.workloads.drawing.table` makes it, which is what the client goes by."""
    countdowns_s: tuple[float, ...] = ()
    """How long each was asked to wait before it runs; 0 for those that were not."""

    @staticmethod
    def of(workload: dict[str, Any], seed: int) -> Mix:
        """From a cell's workload as its record has it."""
        parts = workload["mix"] or [workload]
        whole_s = countdown_s(workload)
        return Mix(
            labels=tuple(part.get("name") or part["task"] for part in parts),
            unchecked=tuple("unchecked" in part["expect"] for part in parts),
            slots=tuple(table([part.get("weight", 1) for part in parts], seed)),
            countdowns_s=tuple(countdown_s(part) or whole_s for part in parts),
        )

    def parts(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """For each unit's number the index of what it ran."""
        slots = np.array(self.slots, dtype=np.int64)
        return slots[units % len(slots)]

    def countdowns_ns(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """For each unit's number how long it was asked to wait."""
        by_part = np.array([int(one * 1e9) for one in self.countdowns_s], dtype=np.int64)
        return by_part[self.parts(units)]


def countdown_s(entry: dict[str, Any]) -> float:
    """What the options of a workload or of a part of a mix ask for; 0 if nothing."""
    found: float | None = (entry.get("options") or {}).get("countdown")
    return found or 0.0
