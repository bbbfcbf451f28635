"""The ledger: exactly one outcome for every unit, and how far the lost ones got."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from harness.probe.events import Outcome
from harness.results.merge import MISSING, Merged, Times
from harness.results.phases import task_origins
from harness.results.record import LossReasons, Outcomes


class Final(IntEnum):
    """A unit's one outcome. Names are the glossary's, in lower case."""

    OK = 0
    FAILED = 1
    WRONG = 2
    LOST = 3
    TIMED_OUT = 4


class Stage(IntEnum):
    """How far a unit's least advanced task got."""

    NEVER_RECEIVED = 0
    RECEIVED_NOT_STARTED = 1
    STARTED_NOT_FINISHED = 2
    FINISHED_NOT_STORED = 3
    STORED_NOT_SEEN = 4


@dataclass(frozen=True)
class BlockEnd:
    """What is known of the moment at which nobody waited any more."""

    waiting: int = 0
    """Messages still in the queue."""
    workers_alive: bool = True
    cut_short: bool = False
    """The block was broken off: what was on its way then is not lost."""


@dataclass(frozen=True)
class Ledger:
    """Outcomes of the measured units; the arrays follow `Units`."""

    final: npt.NDArray[np.int8]
    as_meant: npt.NDArray[np.bool_]
    """Of the failed ones: it was meant to fail in just this way."""
    stage: npt.NDArray[np.int8]

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

    def losses(self) -> LossReasons:
        """How far the lost units got."""
        counts = np.bincount(self.stage[self.final == Final.LOST], minlength=len(Stage))
        return LossReasons(**{stage.name.lower(): int(counts[stage]) for stage in Stage})


def settle(merged: Merged, end: BlockEnd, *, sequential: bool, stores_results: bool) -> Ledger:
    """Judge every measured unit.

    What the client saw counts first, then what it found afterwards; where no results are stored,
    that its tasks ran to their end. A unit without a result is `timed_out` while something still
    holds it (the queue, a live worker) or when its result was only late, and `lost` otherwise.
    """
    units = merged.units
    said = np.where(units.seen == Outcome.NONE, units.checked, units.seen)
    final = np.full(len(units.unit), Final.LOST, dtype=np.int8)
    final[said == Outcome.OK] = Final.OK
    final[(said == Outcome.FAILED) | (said == Outcome.FAILED_AS_MEANT)] = Final.FAILED
    # A result that came too late is still checked: a wrong one must not hide behind the clock.
    late = units.seen == Outcome.TIMED_OUT
    final[late & (units.checked != Outcome.NONE)] = Final.TIMED_OUT
    final[(said == Outcome.WRONG) | (late & (units.checked == Outcome.WRONG))] = Final.WRONG
    if not stores_results:
        ended, raised = _ended(merged)
        final[(final == Final.LOST) & ended & raised] = Final.FAILED
        final[(final == Final.LOST) & ended] = Final.OK
    final[units.publish_failed] = Final.FAILED
    task_stage = _task_stages(merged, stores_results=stores_results)
    origin_ns = task_origins(merged, sequential=sequential)
    final[_still_held(merged, task_stage, final == Final.LOST, end, origin_ns)] = Final.TIMED_OUT
    final[(final == Final.LOST) & _stored_after_the_check(merged)] = Final.TIMED_OUT
    stage = np.full(len(units.unit), Stage.STORED_NOT_SEEN, dtype=np.int8)
    np.minimum.at(stage, merged.tasks.row, task_stage)
    return Ledger(final, (said == Outcome.FAILED_AS_MEANT) & (final == Final.FAILED), stage)


def _ended(merged: Merged) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Units all of whose tasks ran to their end, and units one of whose tasks raised."""
    tasks = merged.tasks
    ended = np.ones(len(merged.units.unit), dtype=bool)
    ended[tasks.row[tasks.finished_ns == MISSING]] = False
    raised = np.zeros(len(merged.units.unit), dtype=bool)
    raised[tasks.row[tasks.raised]] = True
    return ended, raised


def _stored_after_the_check(merged: Merged) -> npt.NDArray[np.bool_]:
    """Units whose last result was stored when nobody looked any more: late, not lost."""
    tasks, checked_ns = merged.tasks, merged.units.checked_ns
    stored = np.ones(len(checked_ns), dtype=bool)
    stored[tasks.row[tasks.stored_ns == MISSING]] = False
    after = np.zeros(len(checked_ns), dtype=bool)
    after[tasks.row[tasks.stored_ns > checked_ns[tasks.row]]] = True
    late: npt.NDArray[np.bool_] = stored & after & (checked_ns != MISSING)
    return late


def _task_stages(merged: Merged, *, stores_results: bool) -> npt.NDArray[np.int8]:
    tasks = merged.tasks
    stage = np.full(len(tasks.row), Stage.STORED_NOT_SEEN, dtype=np.int8)
    if stores_results:
        stage[tasks.stored_ns == MISSING] = Stage.FINISHED_NOT_STORED
    stage[tasks.finished_ns == MISSING] = Stage.STARTED_NOT_FINISHED
    stage[tasks.started_ns == MISSING] = Stage.RECEIVED_NOT_STARTED
    stage[(tasks.started_ns == MISSING) & (tasks.received_ns == MISSING)] = Stage.NEVER_RECEIVED
    return stage


def _still_held(
    merged: Merged,
    task_stage: npt.NDArray[np.int8],
    unsettled: npt.NDArray[np.bool_],
    end: BlockEnd,
    origin_ns: Times,
) -> npt.NDArray[np.bool_]:
    """Unsettled units with a task on its way, and none that is gone."""
    if end.cut_short:
        return unsettled
    row = merged.tasks.row
    absent = (task_stage == Stage.NEVER_RECEIVED) & unsettled[row]
    published = absent & (origin_ns != MISSING)  # else a link whose turn has not come
    running = (task_stage == Stage.STARTED_NOT_FINISHED) | (
        task_stage == Stage.RECEIVED_NOT_STARTED
    )
    on_its_way = (running & end.workers_alive) | _queued(published, origin_ns, end.waiting)
    held = np.zeros(len(unsettled), dtype=bool)
    held[row[on_its_way]] = True
    gone = (published | running | (task_stage == Stage.FINISHED_NOT_STORED)) & ~on_its_way
    held[row[gone]] = False
    return held & unsettled


def _queued(
    published: npt.NDArray[np.bool_], origin_ns: Times, waiting: int
) -> npt.NDArray[np.bool_]:
    """Which of the unreceived messages are the `waiting` ones. The queue is first in, first
    out: what waits in it is what was published last."""
    messages = np.flatnonzero(published)
    youngest_last = messages[np.argsort(origin_ns[messages], kind="stable")]
    queued = np.zeros(len(published), dtype=bool)
    queued[youngest_last[max(0, len(messages) - waiting) :]] = True
    return queued
