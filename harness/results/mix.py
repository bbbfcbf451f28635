"""Which of the user's own tasks each unit of a cell ran, and the figures of each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.probe.drawing import table
from harness.results.ledger import Ledger
from harness.results.merge import Merged
from harness.results.phases import Phases
from harness.results.record import Distribution, OwnTaskRecord
from harness.stats.percentiles import describe

WORKLOAD = "task"
"""The workload whose units run tasks of the user's own."""


@dataclass(frozen=True)
class Mix:
    """The tasks of a cell's mix; a single task is a mix of one."""

    labels: tuple[str, ...]
    unchecked: tuple[bool, ...]
    """Of each: its results were not compared with anything."""
    slots: tuple[int, ...]
    """As `probe.drawing.table` makes it, which is what the client goes by."""

    @staticmethod
    def of(workload: dict[str, Any], seed: int) -> Mix:
        """From a cell's workload as its record has it."""
        parts = workload["mix"] or [workload]
        return Mix(
            labels=tuple(part.get("name") or part["task"] for part in parts),
            unchecked=tuple("unchecked" in part["expect"] for part in parts),
            slots=tuple(table([part.get("weight", 1) for part in parts], seed)),
        )

    def parts(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """For each unit's number the index of what it ran."""
        slots = np.array(self.slots, dtype=np.int64)
        return slots[units % len(slots)]


def by_task(
    mix: Mix,
    merged: Merged,
    ledger: Ledger,
    timing: Phases,
    counted: npt.NDArray[np.bool_],
    surplus: npt.NDArray[np.int32],
    window_ns: int | None,
) -> tuple[OwnTaskRecord, ...]:
    """The figures of each task of the mix. `counted`: units that are in the block's figures;
    `surplus`: executions that count as duplicates, of each task."""
    parts = mix.parts(merged.units.unit)
    found = []
    for index, label in enumerate(mix.labels):
        mine = parts == index
        usable = mine & timing.known & ledger.completed & counted
        completed = int((mine & ledger.completed & counted).sum())
        found.append(
            OwnTaskRecord(
                task=label,
                units=int(mine.sum()),
                completed=completed,
                throughput_per_s=completed / (window_ns / 1e9) if window_ns else None,
                latency_s=_distribution(timing.total_ns[usable]),
                run_s=_distribution(timing.run_ns[usable]),
                outcomes=ledger.outcomes_of(mine),
                failed_as_meant=int((ledger.as_meant & mine).sum()),
                duplicated=int(surplus[mine].sum()),
                retried=int(merged.tasks.retries[mine].sum()),
                unchecked=mix.unchecked[index],
            )
        )
    return tuple(found)


def _distribution(samples: npt.NDArray[np.int64]) -> Distribution:
    return Distribution.model_validate(describe(samples))
