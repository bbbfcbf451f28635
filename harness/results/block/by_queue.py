"""The figures of each queue of a block, where there are several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from harness.results.arrays import Numbers, Times, Truths
from harness.results.block.ledger import Ledger
from harness.results.block.phases import Phases
from harness.results.events.merged import MISSING, Merged
from harness.results.events.unit_shape import UnitShape
from harness.results.record.distributions import Distribution
from harness.results.record.queues_and_groups import QueueRecord
from harness.stats.percentiles import describe

Looks = Sequence[tuple[int, int]]
"""At one queue: CLOCK_MONOTONIC ns, and the messages that waited then."""


def by_queue(
    shape: UnitShape,
    merged: Merged,
    ledger: Ledger,
    timing: Phases,
    counted: Truths,
    surplus: npt.NDArray[np.int32],
    window_ns: int | None,
) -> tuple[QueueRecord, ...]:
    """The figures of each queue. `counted`: units that are in the block's figures; `surplus`:
    executions that count as duplicates, of each task."""
    queues = queues_of_units(shape, merged)
    if queues is None:
        return ()
    received = merged.tasks.some(merged.tasks.received_ns != MISSING)
    per_unit = merged.tasks.per_unit
    found = []
    for index, name in enumerate(queues.names):
        mine = queues.of_units == index
        completed = mine & ledger.completed & counted
        usable = completed & timing.known
        found.append(
            QueueRecord(
                name=name,
                groups=shape.routes.consumers(name) or _takers(shape, merged, mine),
                published=int(mine.sum()),
                received=int((mine & received).sum()),
                completed=int(completed.sum()),
                throughput_per_s=int(completed.sum()) / (window_ns / 1e9) if window_ns else None,
                latency_s=_distribution(timing.total_ns[usable]),
                queue_s=_distribution(timing.queue_ns[usable]),
                dispatch_s=_distribution(timing.dispatch_ns[usable]),
                run_s=_distribution(timing.run_ns[usable]),
                outcomes=ledger.outcomes_of(mine),
                failed_as_meant=int((ledger.as_meant & mine).sum()),
                duplicated=int(surplus.reshape(-1, per_unit)[mine].sum()),
            )
        )
    return tuple(found)


def _takers(shape: UnitShape, merged: Merged, mine: Truths) -> tuple[str, ...]:
    """Who began tasks of a queue that no group is said to consume, as an app's own may be."""
    tasks = merged.tasks
    its = np.repeat(mine, tasks.per_unit)
    if not merged.groups:
        began = bool((its & (tasks.executions > 0)).any())
        return tuple(group.name for group in shape.routes.groups) if began else ()
    return tuple(
        merged.groups[place - 1] for place in np.unique(tasks.group[its]).tolist() if place
    )


@dataclass(frozen=True)
class QueuesOfUnits:
    """The queues of a block, and which of them each unit went to."""

    names: tuple[str, ...]
    """Those of the scenario, and others from which workers had tasks."""
    of_units: Numbers
    """Index in `names`, of each unit: of the queue of its first task."""


def queues_of_units(shape: UnitShape, merged: Merged) -> QueuesOfUnits | None:
    """Where units went; None where a block has one queue."""
    units, tasks = merged.units.unit, merged.tasks
    first = tasks.queue.reshape(-1, tasks.per_unit)[:, 0]
    met = [merged.queues[place - 1] for place in np.unique(first).tolist() if place]
    names = tuple(dict.fromkeys([*shape.routes.queues, *met]))
    if len(names) < 2:
        return None
    known = [names.index(one) if one in names else -1 for one in merged.queues]
    told = np.array([-1, *known], dtype=np.int64)[first]
    parts = np.zeros(len(units), np.int64) if shape.mix is None else shape.mix.parts(units)
    return QueuesOfUnits(names, shape.routes.of_units(names, parts, told))


@dataclass(frozen=True)
class Takers:
    """Which units may come to which worker."""

    units: Mapping[int, Truths] = field(default_factory=dict)
    """Id of a worker's process -> the units in queues that its group consumes. One that does not
    stand here may have them all."""

    def may_take(self, pids: Sequence[int], count: int) -> Truths:
        """Of `count` units those that may come to one of these processes."""
        every = np.ones(count, dtype=bool)
        masks = [self.units.get(pid, every) for pid in pids]
        found: Truths = np.logical_or.reduce(masks) if masks else every
        return found


EVERYBODY = Takers()
"""All may take all."""


def takers(shape: UnitShape, merged: Merged) -> Takers:
    """Who may take what, where a block has several queues and groups."""
    queues = queues_of_units(shape, merged)
    if queues is None or not merged.groups:
        return EVERYBODY
    consumed = {group.name: group.queues for group in shape.routes.groups}
    mine = [
        np.isin(queues.of_units, [queues.names.index(one) for one in consumed.get(name, ())])
        for name in merged.groups
    ]
    return Takers({pid: mine[place - 1] for pid, place in merged.group_of.items()})


def with_depths(
    queues: Sequence[QueueRecord],
    looks: Mapping[str, Looks],
    left: Mapping[str, int],
    sending_ns: tuple[int, int],
) -> tuple[QueueRecord, ...]:
    """The records with what was seen of each queue's length. `left`: messages that waited in each
    in the end; `sending_ns`: when the first and the last measured unit was published. A queue that
    is in neither has been asked for by nobody: where others are, and nobody consumes it or was sent
    there, it is none, such as `celery` beside the queues of an app whose default is another one."""
    asked = {*looks, *left}
    return tuple(
        one.model_copy(
            update={**_depths(looks.get(one.name, ()), sending_ns), "left": left.get(one.name)}
        )
        for one in queues
        if not asked or one.name in asked or one.groups or one.published
    )


def _depths(looks: Looks, sending_ns: tuple[int, int]) -> dict[str, float | None]:
    if not looks:
        return {}
    lengths = [length for _, length in looks]
    mean = sum(lengths) / len(lengths)
    return {"most_depth": max(lengths), "mean_depth": mean, "grew_per_s": _grew(looks, sending_ns)}


_FEWEST_LOOKS = 6
_FEWEST_MESSAGES = 50


def _grew(looks: Looks, sending_ns: tuple[int, int]) -> float | None:
    """The slope of a queue's length while units were sent, where it never went back: each third of
    the looks lies above all of the one before."""
    begin_ns, end_ns = sending_ns
    meanwhile = [look for look in looks if begin_ns <= look[0] <= end_ns]
    third = len(meanwhile) // 3
    if len(meanwhile) < _FEWEST_LOOKS or meanwhile[-1][1] < _FEWEST_MESSAGES:
        return None
    lengths = [length for _, length in meanwhile]
    first, second, last = lengths[:third], lengths[third:-third], lengths[-third:]
    if max(first) >= min(second) or max(second) >= min(last):
        return None
    (one_ns, one), (other_ns, other) = meanwhile[0], meanwhile[-1]
    return (other - one) / ((other_ns - one_ns) / 1e9)


def _distribution(samples: Times) -> Distribution:
    return Distribution.model_validate(describe(samples))
