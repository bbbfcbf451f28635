"""The figures of each group of workers of a block, where there are several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from harness.results.arrays import Numbers, Times, Truths
from harness.results.block.by_queue import queues_of_units
from harness.results.block.load_phases import GroupUnits
from harness.results.costs.capacity import mean_run_s
from harness.results.events.executions import NO_PROCESS, Executions
from harness.results.events.merged import MISSING, Merged
from harness.results.events.routes import PlannedGroup
from harness.results.events.unit_shape import UnitShape
from harness.results.record.distributions import Distribution
from harness.results.record.queues_and_groups import GroupRecord
from harness.stats.percentiles import describe
from harness.usage import Usage


def by_group(
    shape: UnitShape, merged: Merged, counted: Truths, window_ns: int | None
) -> tuple[GroupRecord, ...]:
    """The figures of each group. `counted`: units that are in the block's figures."""
    planned = {group.name: group for group in shape.routes.groups}
    names = tuple(dict.fromkeys([*planned, *merged.groups]))
    if len(names) < 2:
        return ()
    executions = merged.executions()
    groups = group_of_executions(executions, merged)
    of_figures = counted[executions.task // merged.tasks.per_unit]
    found = []
    for name in names:
        mine = groups == (merged.groups.index(name) + 1 if name in merged.groups else -1)
        group = planned.get(name, PlannedGroup(name, 0, 0, ()))
        figures = _figures(executions.chosen(mine & of_figures), group.slots, window_ns)
        began = int(mine.sum())
        found.append(figures.model_copy(update={**_as_planned(group), "tasks": began}))
    return tuple(found)


def _as_planned(group: PlannedGroup) -> dict[str, object]:
    return {
        "name": group.name,
        "workers": group.workers,
        "slots": group.slots,
        "queues": group.queues,
    }


def _figures(mine: Executions, slots: int, window_ns: int | None) -> GroupRecord:
    ended = mine.chosen(mine.ended_ns != MISSING)
    taken = mine.chosen(mine.received_ns != MISSING)
    busy_ns = int(ended.length_ns.sum())
    return GroupRecord(
        name="",
        tasks_per_s=len(ended) / (window_ns / 1e9) if window_ns else None,
        run_s=_distribution(ended.length_ns),
        dispatch_s=_distribution(taken.started_ns - taken.received_ns),
        busy_share=busy_ns / (slots * window_ns) if window_ns and slots else None,
    )


def group_of_executions(executions: Executions, merged: Merged) -> Numbers:
    """The place in `Merged.groups`, from 1, of the group that ran each execution: of tasks that ran
    once by the task, of others by the process."""
    groups = merged.tasks.group[executions.task].astype(np.int64)
    known = np.flatnonzero(executions.process != NO_PROCESS)
    processes, which = np.unique(executions.process[known], return_inverse=True)
    places = [merged.group_of.get(process, 0) for process in processes.tolist()]
    groups[known] = np.array(places, dtype=np.int64)[which]
    return groups


def units_of_groups(shape: UnitShape, merged: Merged) -> Iterator[GroupUnits]:
    """Of each of several groups the units in queues that nobody else consumes, if there are any.
    Nothing of a group whose units go on elsewhere, as a chain's may: what its slots are asked for
    is not what a unit takes."""
    queues = queues_of_units(shape, merged)
    if queues is None or len(shape.routes.groups) < 2:
        return
    consumers = [shape.routes.consumers(name) for name in queues.names]
    ran_in = merged.tasks.group.reshape(-1, merged.tasks.per_unit)
    for group in shape.routes.groups:
        place = merged.groups.index(group.name) + 1 if group.name in merged.groups else 0
        away = ((ran_in != 0) & (ran_in != place)).any(axis=1)
        alone = [index for index, names in enumerate(consumers) if names == (group.name,)]
        units = np.isin(queues.of_units, alone)
        if units.any() and not (units & away).any():
            run_s = mean_run_s(merged.tasks, np.repeat(units, merged.tasks.per_unit))
            yield GroupUnits(group.name, group.slots, units, run_s)


def with_costs(
    groups: Sequence[GroupRecord],
    used: Mapping[str, Usage],
    fallen: Collection[int],
    group_of: Mapping[int, str],
) -> tuple[GroupRecord, ...]:
    """The records with what was measured beside the event logs. `used`: CPU time and peak memory of
    each group's workers; `fallen`: ids of workers that ended by themselves; `group_of`: id of a
    worker's process -> its group."""
    falls = Counter(group_of.get(pid, "") for pid in fallen)
    return tuple(
        one.model_copy(update={**_spent(used.get(one.name), one.tasks), "fallen": falls[one.name]})
        for one in groups
    )


def _spent(used: Usage | None, tasks: int) -> dict[str, float | None]:
    if used is None:
        return {}
    each = used.cpu_ns / 1e6 / tasks if tasks else None
    return {"cpu_ms_per_task": each, "peak_rss_bytes": used.peak_rss_bytes}


def _distribution(samples: Times) -> Distribution:
    return Distribution.model_validate(describe(samples))
