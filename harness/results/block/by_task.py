"""The figures of each part of a mix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.results.arrays import Times, Truths
from harness.results.block.ledger import Ledger
from harness.results.block.messages import lateness_ns
from harness.results.block.phases import Phases
from harness.results.block.stops import stop_figures
from harness.results.events.merged import Merged
from harness.results.events.unit_shape import UnitShape
from harness.results.record.by_task import PartRecord
from harness.results.record.distributions import Distribution
from harness.stats.percentiles import describe


def by_task(
    shape: UnitShape,
    merged: Merged,
    ledger: Ledger,
    timing: Phases,
    counted: npt.NDArray[np.bool_],
    surplus: npt.NDArray[np.int32],
    window_ns: int | None,
) -> tuple[PartRecord, ...]:
    """The figures of each part of a mix. `counted`: units that are in the block's figures;
    `surplus`: executions that count as duplicates, of each task."""
    mix = shape.mix
    if mix is None:
        return ()
    parts = mix.parts(merged.units.unit)
    found = []
    for index, label in enumerate(mix.labels):
        mine = parts == index
        usable = mine & timing.known & ledger.completed & counted
        completed = int((mine & ledger.completed & counted).sum())
        found.append(
            PartRecord(
                task=label,
                units=int(mine.sum()),
                completed=completed,
                throughput_per_s=completed / (window_ns / 1e9) if window_ns else None,
                latency_s=_distribution(timing.total_ns[usable]),
                run_s=_distribution(timing.run_ns[usable]),
                cpu_s=_distribution(cpu_times_ns(merged, usable)),
                dispatch_s=_distribution(timing.dispatch_ns[usable]),
                lateness_s=_distribution(lateness_ns(merged, usable, shape)),
                outcomes=ledger.outcomes_of(mine),
                failed_as_meant=int((ledger.as_meant & mine).sum()),
                duplicated=int(surplus[mine].sum()),
                retried=int((merged.tasks.retries - merged.tasks.replaced)[mine].sum()),
                replaced=int(merged.tasks.replaced[mine].sum()),
                **stop_figures(merged, ledger, mine),
                unchecked=mix.unchecked[index],
            )
        )
    return tuple(found)


def cpu_times_ns(merged: Merged, usable: Truths) -> Times:
    """CPU time of each task of some units, as far as it is known. `usable`: per unit."""
    cpu_ns = merged.tasks.cpu_ns.reshape(-1, merged.tasks.per_unit)[usable].reshape(-1)
    known: Times = cpu_ns[cpu_ns > 0]
    return known


def _distribution(samples: npt.NDArray[np.int64]) -> Distribution:
    return Distribution.model_validate(describe(samples))
