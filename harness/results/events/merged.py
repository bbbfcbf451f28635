"""What the event logs of one block say, merged: arrays of units and of tasks. See `merge`.

Times are CLOCK_MONOTONIC ns of one host; MISSING stands for "did not happen".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from harness.probe.recording.events import Stop
from harness.results.arrays import Flags, Numbers, Times, Truths
from harness.results.events.earliest import NO_STAMP
from harness.results.events.executions import Executions
from harness.results.events.published import VARIANT, Halves

MISSING = NO_STAMP
NOT_TOLD = -1
_NO_TASKS: Numbers = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Units:
    """Measured units, in the order of their numbers; one entry each in every array.

    Arrays of what happened to no unit may be read-only: they share one value.
    """

    unit: npt.NDArray[np.int64]
    client: npt.NDArray[np.uint16]
    """Index in `Merged.tags`."""
    due_ns: Times
    """When the unit was to be published; `publish_ns` where no pacer planned it."""
    publish_ns: Times
    published_ns: Times
    publish_failed: Truths
    seen_ns: Times
    seen: Flags
    """`probe.recording.events.Outcome` as client or observer saw it, NONE if they did not."""
    checked: Flags
    """`probe.recording.events.Outcome` as found when missing results were looked for after the
    measuring; NONE where nobody looked."""
    checked_ns: Times
    """When the result was looked for after the measuring."""


@dataclass(frozen=True)
class Tasks:
    """Tasks of the measured units, sorted by unit and position: `per_unit` of each unit."""

    per_unit: int
    refused_ns: Times
    """When a worker refused the message."""
    received_ns: Times
    started_ns: Times
    finished_ns: Times
    """When the task's function returned; of one that raised, or was revoked, when that began to be
    stored, if that was earlier."""
    storing_ns: Times
    stored_ns: Times
    raised: Truths
    cpu_ns: Times
    """CPU time of the execution that gave the result; 0 where it is not known. Read-only zeros
    where no pool tells it."""
    executions: npt.NDArray[np.int32]
    """How often the function was started."""
    retries: npt.NDArray[np.int32]
    """How often each task asked to be run again, `replaced` included. Read-only zeros where none
    did."""
    replaced: npt.NDArray[np.int32]
    """How often each task gave its place to another one, which has its id. Read-only zeros where
    none did."""
    queue: Flags
    """Place in `Merged.queues`, from 1, of the queue from which a worker had each task first; 0
    where nobody told. Read-only zeros where a block has one queue."""
    group: Flags
    """Place in `Merged.groups`, from 1, of the group in which each task was begun first; 0 where
    nobody told. Read-only zeros where a block has one group."""

    def __len__(self) -> int:
        return len(self.executions)

    @property
    def row(self) -> npt.NDArray[np.int64]:
        """Index of each task's unit in `Units`. Computed at each access."""
        return np.arange(len(self), dtype=np.int64) // self.per_unit

    @property
    def position(self) -> npt.NDArray[np.int64]:
        """Place of each task in its unit. Computed at each access."""
        return np.arange(len(self), dtype=np.int64) % self.per_unit

    def every(self, tasks: Truths) -> Truths:
        """Whether something is so of every task of a unit: one entry per unit, from one per
        task."""
        if self.per_unit == 1:
            return tasks
        every: Truths = np.logical_and.reduce(tasks.reshape(-1, self.per_unit), axis=1)
        return every

    def some(self, tasks: Truths) -> Truths:
        """Whether something is so of a task of a unit: one entry per unit, from one per task."""
        if self.per_unit == 1:
            return tasks
        some: Truths = np.logical_or.reduce(tasks.reshape(-1, self.per_unit), axis=1)
        return some


@dataclass(frozen=True)
class Tracked:
    """What callers did that watched units of one task; one entry per unit in every array."""

    looks: npt.NDArray[np.int64]
    """How often the state was asked for; NOT_TOLD where nobody said."""
    started_seen_ns: Times
    """When STARTED was first seen."""
    storing_started_ns: Times
    """When a worker began to store STARTED."""


@dataclass(frozen=True)
class Merged:
    """One block's events as tables."""

    units: Units
    tasks: Tasks
    tags: Halves
    """First half of the task ids that each client gave, one per client."""
    foreign_tasks: int
    """Tasks that were started though no client of the block published them, since the first
    measured unit was published."""
    measure_begin_ns: int
    measure_end_ns: int
    release_ns: int
    slices_ns: tuple[int, ...] = ()
    """When each slice of a load began, on whichever client was first: several of one of twins."""
    side_end_ns: int = MISSING
    """When the last of the foreign tasks ended, but for those that were to run later (with an
    ETA)."""
    tracked: Tracked | None = None
    """What callers saw of the units whose state they asked for; None where nobody asked."""
    unlock_looks: int | None = None
    """How often `celery.chord_unlock` looked for headers of measured chords; None if it did
    not."""
    failures: Mapping[int, str] = field(default_factory=dict)
    """Row of a unit -> type of the exception that its result held, of those that were not meant to
    fail, as far as somebody saw it."""

    stopped: Mapping[int, Numbers] = field(default_factory=dict)
    """A `probe.recording.events.Stop` -> indices in `tasks`, one for each time that it happened."""
    repeats: Executions = field(default_factory=Executions.none)
    """Every execution of the tasks that were begun or received more than once, or asked to be. Of
    the others the stamps in `tasks` are all; `executions` has both together."""

    queues: tuple[str, ...] = ()
    """Names of the queues that workers told."""
    groups: tuple[str, ...] = ()
    """Names of the groups that workers belong to, sorted."""
    group_of: Mapping[int, int] = field(default_factory=dict)
    """Id of a process of a worker -> the place of its group in `groups`, from 1."""

    refusals: Mapping[str, int] = field(default_factory=dict)
    """Why workers refused messages, whoever published them and for whatever -> how many."""

    def units_stopped(self, *by: Stop) -> Truths:
        """Units with a task that one of these happened to. Computed at each call."""
        units = np.zeros(len(self.units.unit), dtype=bool)
        for stop in by:
            units[self.stopped.get(stop, _NO_TASKS) // self.tasks.per_unit] = True
        return units

    def executions(self) -> Executions:
        """Every execution of every task. Computed at each call; processes are known of `repeats`
        only."""
        tasks = self.tasks
        stamps = (tasks.received_ns, tasks.started_ns, tasks.finished_ns, tasks.raised)
        return Executions.of_single_ones(*stamps, self.repeats.task).with_more(self.repeats)

    def task_ids(self) -> tuple[Halves, Halves]:
        """First and second half of each task's id. Computed at each call."""
        units, tasks = self.units, self.tasks
        if len(self.tags) == 1:
            hi = np.broadcast_to(self.tags, len(tasks))
        else:
            hi = np.repeat(self.tags[units.client], tasks.per_unit)
        lo = np.repeat(units.unit.astype(np.uint64), tasks.per_unit)
        lo <<= np.uint64(16)
        if tasks.per_unit > 1:
            lo |= tasks.position.astype(np.uint64)
        lo <<= np.uint64(16)
        lo |= VARIANT
        return hi, lo
