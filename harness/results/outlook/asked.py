"""What a load asks of a machine's cores and of the workers' slots, before anything is measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.results.costs.capacity import Need, Sum
from harness.results.outlook.keys import CellKeys
from harness.results.outlook.last_runs import Known, LastRuns
from harness.scenario.models.configuration import DEFAULT_QUEUE
from harness.scenario.models.scenario import Cell
from harness.scenario.settings.planned import planned, planned_slots
from harness.scenario.workloads.mix import MixWorkload

TASK_CPU_S: Final = 0.003
"""Of a task that does nothing: worker, client and server."""


@dataclass(frozen=True)
class Machine:
    """What there is."""

    cores: int
    """That the harness may use."""
    free_bytes: int
    """Memory that programs may still take."""


@dataclass(frozen=True)
class AskedOf:
    """What a load asks of the cores or of the slots."""

    sum: Sum
    cost: Known
    """Where the cost of a task is from."""


def asked_of(cell: Cell, keys: CellKeys, runs: LastRuns, machine: Machine) -> Iterator[AskedOf]:
    """Of cores, slots, and the slots of groups; nothing where a load takes what it gets."""
    units_per_s = cell.load.asked_per_s(cell.measure)
    if units_per_s is None:
        return
    per_s = units_per_s * sum(cell.workload.steps)
    cpu, run = cpu_time_s(cell, keys, runs, per_s), run_time_s(cell, keys, runs)
    need = Need(
        per_s,
        cpu.value,
        machine.cores,
        run.value if run else None,
        planned_slots(cell.configuration),
    )
    costs = {"cores": cpu, "slots": run or cpu}
    yield from (AskedOf(one, costs[one.what]) for one in need.sums)
    yield from _of_groups(cell, units_per_s)


def _of_groups(cell: Cell, units_per_s: float) -> Iterator[AskedOf]:
    """What the parts of a mix ask of a group of workers that alone consumes their queues, where
    they say themselves how long they run: it may lack slots while another one's are free."""
    workload, configuration = cell.workload, cell.configuration
    groups, settings = configuration.groups, configuration.settings
    if not isinstance(workload, MixWorkload) or len(groups) < 2 or settings.get("task_routes"):
        return
    default = settings.get("task_default_queue") or DEFAULT_QUEUE
    parts = [
        (one.options.queue or default, one.weight, part.least_run_s)
        for one, part in zip(workload.mixed, workload.parts, strict=True)
    ]
    every = sum(weight for _, weight, _ in parts)
    for name, plan in planned(configuration).items():
        others = {queue for other in groups if other != name for queue in groups[other].queues}
        mine = [(weight, run_s or 0.0) for queue, weight, run_s in parts if queue not in others]
        weights = sum(weight for weight, _ in mine)
        each_s = sum(weight * run_s for weight, run_s in mine) / max(weights, 1)
        if each_s:
            asked = Sum("slots", units_per_s * weights / every, each_s, plan.slots, name)
            yield AskedOf(asked, Known(each_s, planned=True))


def cpu_time_s(cell: Cell, keys: CellKeys, runs: LastRuns, asked_per_s: float | None) -> Known:
    """CPU seconds of a task: of workers, clients and servers."""
    known = runs.of_cell(keys, lambda it: it.cpu_s, asked_per_s=asked_per_s)
    return known or Known(TASK_CPU_S + cell.workload.cpu_s)


def run_time_s(cell: Cell, keys: CellKeys, runs: LastRuns) -> Known | None:
    """Seconds for which a task holds a slot; None where it takes no time, or nobody knows."""
    said_s = cell.workload.least_run_s
    known = runs.of_cell(keys, lambda it: it.run_s)
    return known or (Known(said_s, planned=True) if said_s else None)
