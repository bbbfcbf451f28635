"""Which of the user's own tasks each unit of a cell ran."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.probe.workloads.drawing import table
from harness.scenario.workloads.own_tasks import OwnTaskWorkload


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
    def of(workload: OwnTaskWorkload, seed: int) -> Mix:
        """Of a cell's workload; `seed` is the run's, and decides the slots alone."""
        parts = workload.parts
        return Mix(
            labels=tuple(part.label for part in parts),
            unchecked=tuple(part.unchecked for part in parts),
            slots=tuple(table([part.weight for part in parts], seed)),
            countdowns_s=tuple(one.countdown or 0.0 for one in workload.message_options),
        )

    def parts(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """For each unit's number the index of what it ran."""
        slots = np.array(self.slots, dtype=np.int64)
        return slots[units % len(slots)]

    def countdowns_ns(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """For each unit's number how long it was asked to wait."""
        by_part = np.array([int(one * 1e9) for one in self.countdowns_s], dtype=np.int64)
        return by_part[self.parts(units)]
