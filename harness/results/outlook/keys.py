"""By what a planned cell is found again in stored runs."""

from __future__ import annotations

import json
from dataclasses import dataclass

from harness.results.judge.identity import key_of
from harness.results.record.run import CellRecord
from harness.scenario.plan.value_words import canonical


@dataclass(frozen=True)
class CellKeys:
    """By what a cell is found again; each is looser than the one before it."""

    cell: str
    same_load_left_out: str
    """Configuration, axes and workload."""
    workload: str
    work: str
    """Workload and load, whatever the configuration: what compared cells have in common."""

    @property
    def every(self) -> tuple[str, ...]:
        """From the strictest on."""
        return (self.cell, self.same_load_left_out, self.workload)


def keys_of(cell: CellRecord) -> CellKeys:
    """The keys of a planned or a measured cell."""
    name, axes, workload, load = json.loads(key_of(cell))
    return CellKeys(
        cell=canonical([name, axes, workload, load]),
        same_load_left_out=canonical([name, axes, workload]),
        workload=canonical(workload),
        work=canonical([workload, load]),
    )
