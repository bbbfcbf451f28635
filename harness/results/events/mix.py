"""Which part of a mix each unit of a cell was of: own tasks, or the harness' workloads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.probe.workloads.drawing import table
from harness.scenario.workloads.base import WorkloadBase


@dataclass(frozen=True)
class Mix:
    """The parts of a cell's mix; a single task of the user's own is a mix of one."""

    labels: tuple[str, ...]
    unchecked: tuple[bool, ...]
    """Whether the results of each part were compared with nothing."""
    slots: tuple[int, ...]
    """Index of a part, drawn for one unit after the other and repeated: made by
    `probe.workloads.drawing.table`, which is what the client goes by."""
    countdowns_s: tuple[float, ...] = ()
    """Seconds that each part was asked to wait before it runs; 0 for those that were not."""
    expires_s: tuple[float, ...] = ()
    """Seconds after which each part expires; 0 for those that do not."""

    @staticmethod
    def of(workload: WorkloadBase, seed: int) -> Mix | None:
        """The mix of a cell's workload, None where that has one kind of unit; `seed` is the run's,
        and decides the slots alone."""
        kinds = workload.mixed
        if not kinds:
            return None
        return Mix(
            labels=tuple(kind.label for kind in kinds),
            unchecked=tuple(kind.unchecked for kind in kinds),
            slots=tuple(table([kind.weight for kind in kinds], seed)),
            countdowns_s=tuple(kind.options.countdown or 0.0 for kind in kinds),
            expires_s=tuple(kind.options.expires or 0.0 for kind in kinds),
        )

    def parts(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Index in the mix of the part that each unit was of, by the units' numbers."""
        slots = np.array(self.slots, dtype=np.int64)
        return slots[units % len(slots)]

    def countdowns_ns(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How long each unit was asked to wait, in ns, by the units' numbers."""
        return self._times_ns(self.countdowns_s, units)

    def expire_after_ns(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How long after its publish call each unit expires, in ns, by the units' numbers."""
        return self._times_ns(self.expires_s, units)

    def _times_ns(
        self, times_s: tuple[float, ...], units: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        by_part = np.array([int(one * 1e9) for one in times_s], dtype=np.int64)
        return by_part[self.parts(units)]
