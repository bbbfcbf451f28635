"""The ledger: exactly one outcome for every unit, and how far the lost ones got."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from harness.probe.recording.events import Outcome, Stop
from harness.results.arrays import Times
from harness.results.block.phases import task_origins
from harness.results.events.merged import MISSING, Merged
from harness.results.record.distributions import LossReasons, Outcomes
from harness.scenario.workloads.base import SIDE_BY_SIDE, TaskOrder


class Final(IntEnum):
    """A unit's one outcome. Names are the glossary's, in lower case."""

    OK = 0
    FAILED = 1
    WRONG = 2
    LOST = 3
    TIMED_OUT = 4


class Stage(IntEnum):
    """How far a unit's least advanced task got, of those whose turn had come."""

    NEVER_RECEIVED = 0
    REFUSED_BY_WORKER = 1
    RECEIVED_NOT_STARTED = 2
    STARTED_NOT_FINISHED = 3
    FINISHED_NOT_STORED = 4
    STORED_NOT_SEEN = 5


@dataclass(frozen=True)
class BlockEnd:
    """What is known of the moment at which nobody waited any more."""

    waiting: int = 0
    """Messages still in the queue."""
    workers_alive: bool = True
    cut_short: bool = False
    """The block was broken off: what was on its way then is not lost."""
    orphans: npt.NDArray[np.bool_] | None = None
    """Per task, where something was broken on purpose: what held it last is dead, and the broker
    does not have it any more either."""


@dataclass(frozen=True)
class AskedTimes:
    """What units' messages ask for, in ns; the arrays follow `Units`."""

    countdowns_ns: Times
    """How long after its publish call each unit may run; 0 where it may at once."""
    dropped_after_ns: Times | None = None
    """How long after its publish call the broker drops each unit's messages; 0 of those that it
    keeps. None where it drops none."""


@dataclass(frozen=True)
class Ledger:
    """Outcomes of the measured units; the arrays follow `Units`."""

    final: npt.NDArray[np.int8]
    as_meant: npt.NDArray[np.bool_]
    """Whether a failed unit was meant to fail in just this way."""
    stage: npt.NDArray[np.int8]
    """A `Stage`: how far a unit got whose end nobody vouched for; STORED_NOT_SEEN for the
    others."""
    origin_ns: npt.NDArray[np.int64]
    """When each task could be received at the earliest, see `phases.task_origins`."""
    expired: npt.NDArray[np.bool_]
    """Units of which a task was thrown away, by a worker or by the broker, as it had expired."""

    @property
    def completed(self) -> npt.NDArray[np.bool_]:
        """Units that ended as they were meant to."""
        completed: npt.NDArray[np.bool_] = (self.final == Final.OK) | self.as_meant
        return completed

    def outcomes(self) -> Outcomes:
        """The counts for the record."""
        return self.outcomes_of(np.ones(len(self.final), dtype=bool))

    def outcomes_of(self, chosen: npt.NDArray[np.bool_]) -> Outcomes:
        """The counts of some of the units."""
        counts = np.bincount(self.final[chosen], minlength=len(Final))
        return Outcomes(**{final.name.lower(): int(counts[final]) for final in Final})

    def failures(self, merged: Merged) -> dict[str, int]:
        """Type of an exception -> how many units failed with it in their result that were not meant
        to; units of which the exception is not known are left out."""
        failed = (self.final == Final.FAILED) & ~self.as_meant & ~merged.units.publish_failed
        return dict(Counter(name for row, name in merged.failures.items() if failed[row]))

    def losses(self) -> LossReasons:
        """How far the lost units got."""
        counts = np.bincount(self.stage[self.final == Final.LOST], minlength=len(Stage))
        return LossReasons(**{stage.name.lower(): int(counts[stage]) for stage in Stage})


def settle(
    merged: Merged,
    end: BlockEnd,
    *,
    stores_results: bool,
    order: TaskOrder = SIDE_BY_SIDE,
    timeout_s: float = math.inf,
    watched: bool = True,
    asked: AskedTimes | None = None,
) -> Ledger:
    """Judge every measured unit, whose tasks wait for each other as `order` says.

    What the client saw counts first, then what it found afterwards; where no results are stored,
    that its tasks ran to their end. A unit without a result is `timed_out` while something still
    holds it (the queue, a live worker) or when its result was only late, and `lost` otherwise.

    Late is what took more than `timeout_s`: from the moment it was due, or from the release of a
    backlog, and not before its ETA, until its result was seen or, where nobody `watched`, its last
    task had finished. What the broker dropped because it had expired has failed.
    """
    final, as_meant = _told(merged, stores_results=stores_results)
    ended_well = (final == Final.OK) | (final == Final.FAILED)
    began_ns = _begins(merged, 0 if asked is None else asked.countdowns_ns)
    final[ended_well & _late(merged, timeout_s, began_ns, watched=watched)] = Final.TIMED_OUT
    silent = np.flatnonzero(final == Final.LOST)
    origin_ns = task_origins(merged, order)
    open_ = _Open.of(merged, silent, origin_ns)
    task_stage = open_.task_stages(stores_results=stores_results)
    orphaned = _of_rows(end.orphans, merged, silent)
    final[silent[open_.held(task_stage, end, orphaned) | open_.stored_after_the_check()]] = (
        Final.TIMED_OUT
    )
    stage = np.full(len(final), Stage.STORED_NOT_SEEN, dtype=np.int8)
    stage[silent] = open_.furthest(task_stage)
    expired = merged.units_stopped(Stop.EXPIRED)
    if asked is not None and asked.dropped_after_ns is not None and end.orphans is None:
        gone = _out_of_the_broker(merged, stage, asked.dropped_after_ns)
        dropped = (final == Final.LOST) & gone
        final[dropped], expired = Final.FAILED, expired | dropped
    return Ledger(final, as_meant & (final == Final.FAILED), stage, origin_ns, expired)


def _out_of_the_broker(
    merged: Merged, stage: npt.NDArray[np.int8], dropped_after_ns: Times
) -> npt.NDArray[np.bool_]:
    """Units that nobody received, and that had expired when their results were looked for: the
    broker dropped them, as it was asked to."""
    units = merged.units
    over = (dropped_after_ns > 0) & (units.publish_ns + dropped_after_ns < units.checked_ns)
    dropped: npt.NDArray[np.bool_] = over & (stage == Stage.NEVER_RECEIVED)
    return dropped


def _begins(merged: Merged, countdowns_ns: Times | int) -> Times:
    """From when on each unit may take `timeout_s`."""
    units = merged.units
    if merged.release_ns == MISSING:
        return units.due_ns + countdowns_ns
    released: Times = np.maximum(merged.release_ns, units.publish_ns + countdowns_ns)
    return released


def _late(
    merged: Merged, timeout_s: float, began_ns: Times, *, watched: bool
) -> npt.NDArray[np.bool_]:
    units, tasks = merged.units, merged.tasks
    finished_ns = tasks.finished_ns.reshape(-1, tasks.per_unit).max(axis=1, initial=MISSING)
    over_ns = units.seen_ns if watched else finished_ns
    late: npt.NDArray[np.bool_] = (over_ns != MISSING) & (over_ns - began_ns > timeout_s * 1e9)
    return late


def _of_rows(
    orphans: npt.NDArray[np.bool_] | None, merged: Merged, rows: npt.NDArray[np.intp]
) -> npt.NDArray[np.bool_] | np.bool_:
    if orphans is None:
        return np.False_
    chosen: npt.NDArray[np.bool_] = orphans.reshape(-1, merged.tasks.per_unit)[rows]
    return chosen


def _told(
    merged: Merged, *, stores_results: bool
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
    """The outcome that somebody vouches for, LOST for the others; and what failed as meant."""
    units, tasks = merged.units, merged.tasks
    said = np.where(units.seen == Outcome.NONE, units.checked, units.seen)
    final = np.full(len(units.unit), Final.LOST, dtype=np.int8)
    final[said == Outcome.OK] = Final.OK
    final[(said == Outcome.FAILED) | (said == Outcome.FAILED_AS_MEANT)] = Final.FAILED
    # A result that came too late is still checked: a wrong one must not hide behind the clock.
    late = units.seen == Outcome.TIMED_OUT
    final[late & (units.checked != Outcome.NONE)] = Final.TIMED_OUT
    final[(said == Outcome.WRONG) | (late & (units.checked == Outcome.WRONG))] = Final.WRONG
    if not stores_results:
        ended = tasks.every(tasks.finished_ns != MISSING)
        final[(final == Final.LOST) & ended & tasks.some(tasks.raised)] = Final.FAILED
        final[(final == Final.LOST) & ended] = Final.OK
        final[(final == Final.LOST) & merged.units_stopped(*_FOR_GOOD)] = Final.FAILED
    final[units.publish_failed] = Final.FAILED
    return final, said == Outcome.FAILED_AS_MEANT


_FOR_GOOD = (Stop.EXPIRED, Stop.REVOKED, Stop.TERMINATED, Stop.HARD_LIMIT)
"""After these a task is not run again."""


@dataclass(frozen=True)
class _Open:
    """Units for whose end nobody vouches. Shape of all but the last: (units, tasks per unit)."""

    refused_ns: Times
    received_ns: Times
    started_ns: Times
    finished_ns: Times
    stored_ns: Times
    origin_ns: Times
    checked_ns: Times

    @staticmethod
    def of(merged: Merged, rows: npt.NDArray[np.intp], origins_ns: Times) -> _Open:
        tasks = merged.tasks
        shape = (len(rows), tasks.per_unit)

        def chosen(stamps: Times) -> Times:
            return stamps.reshape(-1, tasks.per_unit)[rows]

        return _Open(
            refused_ns=chosen(tasks.refused_ns),
            received_ns=chosen(tasks.received_ns),
            started_ns=chosen(tasks.started_ns),
            finished_ns=chosen(tasks.finished_ns),
            stored_ns=chosen(tasks.stored_ns),
            origin_ns=np.broadcast_to(origins_ns[rows], shape),
            checked_ns=merged.units.checked_ns[rows],
        )

    def task_stages(self, *, stores_results: bool) -> npt.NDArray[np.int8]:
        stage = np.full(self.started_ns.shape, Stage.STORED_NOT_SEEN, dtype=np.int8)
        if stores_results:
            stage[self.stored_ns == MISSING] = Stage.FINISHED_NOT_STORED
        not_started = self.started_ns == MISSING
        stage[self.finished_ns == MISSING] = Stage.STARTED_NOT_FINISHED
        stage[not_started] = Stage.RECEIVED_NOT_STARTED
        never = not_started & (self.received_ns == MISSING)
        stage[never] = Stage.REFUSED_BY_WORKER
        stage[never & (self.refused_ns == MISSING)] = Stage.NEVER_RECEIVED
        return stage

    def furthest(self, task_stage: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """The stage of each unit's least advanced task. Those whose turn had not come, because
        the step before them was not over, tell nothing: nobody had published them."""
        unpublished = (task_stage == Stage.NEVER_RECEIVED) & (self.origin_ns == MISSING)
        told = np.where(unpublished, np.int8(Stage.STORED_NOT_SEEN), task_stage)
        furthest: npt.NDArray[np.int8] = told.min(axis=1)
        return furthest

    def held(
        self,
        task_stage: npt.NDArray[np.int8],
        end: BlockEnd,
        orphaned: npt.NDArray[np.bool_] | np.bool_,
    ) -> npt.NDArray[np.bool_]:
        """Units with a task on its way, and none that is gone."""
        if end.cut_short:
            return np.ones(len(task_stage), dtype=bool)
        absent = task_stage == Stage.NEVER_RECEIVED
        published = absent & (self.origin_ns != MISSING)  # else a link whose turn has not come
        running = (task_stage == Stage.STARTED_NOT_FINISHED) | (
            task_stage == Stage.RECEIVED_NOT_STARTED
        )
        on_its_way = (running & end.workers_alive & ~orphaned) | _queued(
            published, self.origin_ns, end.waiting
        )
        over = (task_stage == Stage.FINISHED_NOT_STORED) | (task_stage == Stage.REFUSED_BY_WORKER)
        gone = (published | running | over) & ~on_its_way
        held: npt.NDArray[np.bool_] = on_its_way.any(axis=1) & ~gone.any(axis=1)
        return held

    def stored_after_the_check(self) -> npt.NDArray[np.bool_]:
        """Units whose last result was stored when nobody looked any more: late, not lost."""
        stored = (self.stored_ns != MISSING).all(axis=1)
        after = (self.stored_ns > self.checked_ns[:, np.newaxis]).any(axis=1)
        late: npt.NDArray[np.bool_] = stored & after & (self.checked_ns != MISSING)
        return late


def _queued(
    published: npt.NDArray[np.bool_], origin_ns: Times, waiting: int
) -> npt.NDArray[np.bool_]:
    """Which of the unreceived messages are the `waiting` ones. The queue is first in, first
    out: what waits in it is what was published last."""
    messages = np.flatnonzero(published)
    youngest_last = messages[np.argsort(origin_ns[published], kind="stable")]
    queued = np.zeros(published.size, dtype=bool)
    queued[youngest_last[max(0, len(messages) - waiting) :]] = True
    return queued.reshape(published.shape)
