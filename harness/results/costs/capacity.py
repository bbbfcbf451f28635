"""What a load needs against what there is: rate x cost in cores, rate x run time in slots.

One sum for `rate`, for the steps of `saturate`, and for what a plan will ask for. A load that asks
for more than there is fails with every broker alike, and says nothing about any of them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.results.events.merged import MISSING, Tasks
from harness.results.record.loads import GroupLoad, LoadPhaseRecord
from harness.results.record.run import BlockRecord, RecordedWarning

KEPT_UP = 0.95
"""Share of the units that could have been completed during a phase which were: then nothing was
short. A task of two seconds, or one with a countdown, is under way at its end in any case."""
FULL = 0.85
"""Share of the cores, or of the slots, from which on a load that did not keep up lacks them:
processes that wait for each other leave some idle."""


@dataclass(frozen=True)
class Sum:
    """Rate x cost of one task = how much is needed of what there is."""

    what: Literal["cores", "slots"]
    rate_per_s: float
    """Tasks per second."""
    each_s: float
    """Seconds of CPU time, or of a worker's slot, that one of them takes."""
    there: int
    """Cores that the harness may use, or slots of the workers."""
    group: str = ""
    """Whose slots these are, where they are those of one group of workers."""

    @property
    def needed(self) -> float:
        """Cores or slots."""
        return self.rate_per_s * self.each_s

    @property
    def short(self) -> bool:
        """Whether there are too few: of cores, some are never busy."""
        return self.needed >= self.there * (FULL if self.what == "cores" else 1.0)

    @property
    def data(self) -> dict[str, float | str]:
        """As a record keeps it."""
        data: dict[str, float | str] = {
            "short_of": self.what,
            "rate_per_s": float(self.rate_per_s),
            "each_s": self.each_s,
            "needed": self.needed,
            "there": float(self.there),
        }
        return {**data, "group": self.group} if self.group else data


@dataclass(frozen=True)
class Need:
    """One rate of tasks, and what it takes. Unknown figures are None."""

    rate_per_s: float
    """Tasks that were due per second."""
    cpu_s: float | None
    """CPU time of one task: workers, clients, and the servers that the harness runs."""
    cores: int
    """Cores that the harness may use."""
    run_s: float | None
    """Seconds for which a task holds a slot of a worker."""
    slots: int

    @property
    def sums(self) -> tuple[Sum, ...]:
        """What is known of it. Cores first: tasks that wait for one hold their slots."""
        found = []
        if self.cpu_s is not None:
            found.append(Sum("cores", self.rate_per_s, self.cpu_s, self.cores))
        if self.run_s is not None and self.slots:
            found.append(Sum("slots", self.rate_per_s, self.run_s, self.slots))
        return tuple(found)

    @property
    def short(self) -> Sum | None:
        """Of what there is too little."""
        return next((one for one in self.sums if one.short), None)

    @property
    def data(self) -> dict[str, float | str]:
        """What a record keeps of it: only of what there is too little."""
        return {} if self.short is None else self.short.data


def mean_run_s(tasks: Tasks, chosen: npt.NDArray[np.bool_] | None = None) -> float | None:
    """How long a task held its slot; of those that ran once, as far as they came."""
    ran = (tasks.started_ns != MISSING) & (tasks.finished_ns != MISSING)
    ran &= (tasks.retries == 0) & (tasks.executions == 1)
    if chosen is not None:
        ran &= chosen
    if not ran.any():
        return None
    return float((tasks.finished_ns[ran] - tasks.started_ns[ran]).mean()) / 1e9


def cpu_s(worker_ms: float | None, *others_ms: float | None) -> float | None:
    """CPU time of one task, of what workers, client and servers used of it; None where the
    workers' is unknown."""
    if worker_ms is None:
        return None
    return math.fsum([worker_ms, *(part for part in others_ms if part is not None)]) / 1e3


def overloaded(phases: Sequence[LoadPhaseRecord]) -> LoadPhaseRecord | None:
    """The counted phase of the highest rate that was not kept up with."""
    behind = [
        phase
        for phase in phases
        if phase.counted
        and phase.planned
        and phase.completed_per_s * phase.duration_s < KEPT_UP * _could_complete(phase)
    ]
    return max(behind, key=_rate, default=None)


@dataclass(frozen=True)
class ShortGroup:
    """A group of workers that was asked for more than its slots can do."""

    phase: LoadPhaseRecord
    load: GroupLoad
    sum: Sum


def overloaded_group(
    phases: Sequence[LoadPhaseRecord], tasks_per_unit: int = 1
) -> ShortGroup | None:
    """The group, with the counted phase, that lacked the largest share of its slots, of those that
    lacked any and did not keep up: the others may be idle meanwhile."""
    found = [
        ShortGroup(phase, load, asked)
        for phase in phases
        for load in (phase.of_groups if phase.counted else ())
        if load.completed_per_s * phase.duration_s < KEPT_UP * load.could_complete
        if (asked := _asked_of_group(phase, load, tasks_per_unit)) is not None and asked.short
    ]
    return max(found, key=lambda one: one.sum.needed / one.sum.there, default=None)


def _asked_of_group(phase: LoadPhaseRecord, load: GroupLoad, tasks_per_unit: int) -> Sum | None:
    if load.run_s is None or not load.slots:
        return None
    rate = load.planned * tasks_per_unit / phase.duration_s
    return Sum("slots", rate, load.run_s, load.slots, load.group)


def _could_complete(phase: LoadPhaseRecord) -> int:
    return phase.planned if phase.could_complete is None else phase.could_complete


@dataclass(frozen=True)
class SaturationRange:
    """What the searches of a cell found together."""

    median_per_s: float
    low_per_s: float
    """The lowest rate that a search called the highest, or that broke a limit in one try."""
    high_per_s: float
    """The highest `broken_at_per_s`, or rate that kept the limits in one of its tries."""
    searches: int


def saturation_range(blocks: Iterable[BlockRecord]) -> SaturationRange | None:
    """The range of saturation rates over those blocks that found one; None if none did. A single
    search has a range as well: from the rate that kept the limits to the one that did not."""
    found = [block.saturation for block in blocks if block.saturation is not None]
    rates = [one.rate_per_s for one in found if one.rate_per_s]
    if not rates:
        return None
    sides = [(step.kept, step.rate_per_s) for one in found if one.rate_per_s for step in one.steps]
    ends = [one.broken_at_per_s for one in found if one.rate_per_s and one.broken_at_per_s]
    low = min([*rates, *(rate for kept, rate in sides if not kept)])
    high = max([*rates, *ends, *(rate for kept, rate in sides if kept)])
    return SaturationRange(statistics.median(rates), low, high, len(rates))


def _rate(phase: LoadPhaseRecord) -> float:
    return phase.planned / phase.duration_s


def with_capacity(
    warnings: Sequence[RecordedWarning],
    phases: Sequence[LoadPhaseRecord],
    task_cpu_s: float | None,
    tasks: Tasks,
    cores: int,
    slots: int,
) -> tuple[RecordedWarning, ...]:
    """A block's warnings, with what its load needed if that is more than there was. `phases`: none
    of a search for saturation, which says it of each step.

    Where the machine's cores are the limit, a client that was late needs no more senders. Else a
    group of workers that lacks slots is named, though all groups together may have enough.
    """
    short = _short(phases, task_cpu_s, tasks, cores, slots)
    if short is None:
        return tuple(warnings)
    found = RecordedWarning(code="over_capacity", data=short.data)
    starved = short.what == "cores"
    kept = (
        RecordedWarning(code="client_starved", data=one.data)
        if starved and one.code == "client_limited"
        else one
        for one in warnings
    )
    return (found, *kept)


def _short(
    phases: Sequence[LoadPhaseRecord],
    task_cpu_s: float | None,
    tasks: Tasks,
    cores: int,
    slots: int,
) -> Sum | None:
    """What there was too little of: cores first, as tasks that wait for one hold their slots."""
    whole = None
    if (phase := overloaded(phases)) is not None:
        need = Need(_rate(phase) * tasks.per_unit, task_cpu_s, cores, mean_run_s(tasks), slots)
        whole = need.short
    if whole is not None and whole.what == "cores":
        return whole
    group = overloaded_group(phases, tasks.per_unit)
    return whole if group is None else group.sum
