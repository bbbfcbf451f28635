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
    """Whether the results of each task of the mix were compared with nothing."""
    slots: tuple[int, ...]
    """Index of a task of the mix, drawn for one unit after the other and repeated: made by
    `probe.workloads.drawing.table`, which is what the client goes by."""
    countdowns_s: tuple[float, ...] = ()
    """Seconds that each task of the mix was asked to wait before it runs; 0 for those that were
    not."""

    @staticmethod
    def of(workload: OwnTaskWorkload, seed: int) -> Mix:
        """The mix of a cell's workload; `seed` is the run's, and decides the slots alone."""
        parts = workload.parts
        return Mix(
            labels=tuple(part.label for part in parts),
            unchecked=tuple(part.unchecked for part in parts),
            slots=tuple(table([part.weight for part in parts], seed)),
            countdowns_s=tuple(one.countdown or 0.0 for one in workload.message_options),
        )

    def parts(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Index in the mix of the task that each unit ran, by the units' numbers."""
        slots = np.array(self.slots, dtype=np.int64)
        return slots[units % len(slots)]

    def countdowns_ns(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How long each unit was asked to wait, in ns, by the units' numbers."""
        by_part = np.array([int(one * 1e9) for one in self.countdowns_s], dtype=np.int64)
        return by_part[self.parts(units)]
