"""What Celery did to units beside their outcomes: expired, revoked, ended by a limit, lost."""

from __future__ import annotations

import numpy as np

from harness.probe.recording.events import Stop
from harness.results.arrays import Numbers, Truths
from harness.results.block.ledger import Ledger
from harness.results.events.merged import Merged
from harness.results.record.parts import StopFigures


def asked_again(merged: Merged) -> Numbers:
    """Per task, how often it lost its process: settings that let it be run again ask for that."""
    lost = merged.stopped.get(Stop.LOST, np.empty(0, dtype=np.int64))
    return np.bincount(lost, minlength=len(merged.tasks)).astype(np.int64)


def stop_figures(merged: Merged, ledger: Ledger, chosen: Truths) -> StopFigures:
    """Counts of the units `chosen`, each of which has its one outcome besides; of lost processes
    the executions."""
    lost = merged.stopped.get(Stop.LOST)
    return {
        "expired": int((ledger.expired & chosen).sum()),
        "revoked": int((merged.units_stopped(Stop.REVOKED, Stop.TERMINATED) & chosen).sum()),
        "time_limited": int(
            (merged.units_stopped(Stop.SOFT_LIMIT, Stop.HARD_LIMIT) & chosen).sum()
        ),
        "process_lost": 0 if lost is None else int(chosen[lost // merged.tasks.per_unit].sum()),
    }
