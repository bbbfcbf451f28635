"""Twins: the two blocks of a pair, both up at once, whose load is put on in turns.

What disturbs a machine lasts for seconds: of two blocks one after the other it hits one. Slices of
a quarter of a second in mirrored order (AB BA), with nothing under way in between, let it hit both
sides alike. The processes of both live all the while, so that each pair has fresh workers, and
those whose turn it is not wait for messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from time import monotonic

from harness.errors import HarnessError
from harness.results.record.run import BlockRecord
from harness.runner.ahead import BlockStart
from harness.runner.block import (
    not_measured,
    ready_session,
    recorded,
    run_block,
    started_now,
    with_left_over,
)
from harness.runner.sessions.closed import ClosedSession
from harness.runner.sessions.session import Measured
from harness.runner.telling.events import Goal
from harness.runner.telling.interrupts import Interrupts
from harness.services.provide import Services

SLICE_S = 0.25
"""Of one side, at a time."""
_TOO_SHORT = 3
"""Slices that take so many times as long as they were to last are too short for their units."""


class _SideError(Exception):
    """A side cannot be measured; the error that says why is its cause."""

    def __init__(self, start: BlockStart, error: HarnessError) -> None:
        super().__init__(str(error))
        self.start = start
        self.error = error


def run_at_once(
    starts: Sequence[BlockStart],
    services: Services,
    interrupts: Interrupts,
    over: Callable[[Measured], None],
) -> list[BlockRecord]:
    """Measure one block, see `run_block`, or twins, and leave their samples and logs on disk.

    Where one of twins cannot be measured, its record is the only one, `failed` with the reason: the
    other one is as if it had not been begun, and may be measured without it. `over` is called once.
    """
    if len(starts) == 1:
        return [run_block(starts[0], services, interrupts, over)]
    started_at = started_now()
    _make_folders(starts)
    courier = starts[0].job.courier
    courier.follow(starts[-1].job.events, starts[-1].job.shape)
    courier.stage("starting")
    try:
        with ExitStack() as namespaces:
            for start in starts:
                namespaces.push(start.namespace)
            measured = _measure(starts, services, interrupts, over)
            measured = [
                with_left_over(one, start, interrupts)
                for one, start in zip(measured, starts, strict=True)
            ]
    except _SideError as failed:
        for start in starts:
            if start is not failed.start:
                start.drop(None)
        starts, measured = [failed.start], [not_measured(failed.error)]
    except HarnessError as error:
        measured = [not_measured(error) for _ in starts]
    courier.stage("recording")
    return [
        recorded(start, one, started_at, services)
        for start, one in zip(starts, measured, strict=True)
    ]


def _make_folders(starts: Sequence[BlockStart]) -> None:
    """RecordError, OSError (disk full ...); then none of them is begun any more."""
    try:
        for start in starts:
            start.make_folder()
    except (HarnessError, OSError) as error:
        for start in starts:
            start.drop(error)
        raise


def _measure(
    starts: Sequence[BlockStart],
    services: Services,
    interrupts: Interrupts,
    over: Callable[[Measured], None],
) -> list[Measured]:
    with ExitStack() as stack:
        for start in starts:
            stack.push(start.processes)
        for start in starts:  # all boot at the same time
            with _trouble_of(start):
                start.begun()
        sessions = []
        for start in starts:
            with _trouble_of(start):
                session = ready_session(start, services, interrupts, stack, by_turns=True)
                assert isinstance(session, ClosedSession)  # noqa: S101 - others are no twins
                sessions.append(session)
        with interrupts.deferred():
            measured = _in_turns(starts, sessions)
            starts[0].job.courier.stage("stopping")
            if not any(one.trouble or one.cut_short for one in measured):
                used = [one.worker_peak_rss_bytes for one in measured]
                whole = None if None in used else sum(filter(None, used))
                over(replace(measured[0], worker_peak_rss_bytes=whole))
            for start in starts:
                start.begun().crew.workers.tell_to_end()
    return measured


def _in_turns(starts: Sequence[BlockStart], sessions: Sequence[ClosedSession]) -> list[Measured]:
    sides = list(zip(starts, sessions, strict=True))
    for start, session in sides:
        with _trouble_of(start):
            session.begin()
    lasts_s = starts[0].job.cell.measure.duration or 0.0
    starts[0].job.courier.stage("measuring", Goal(len(sides) * lasts_s))
    _put_on(sides, lasts_s)
    measured = []
    for start, session in sides:
        with _trouble_of(start):
            measured.append(session.end(session.loaded()))
    return measured


def _put_on(sides: Sequence[tuple[BlockStart, ClosedSession]], lasts_s: float) -> None:
    """Each side's load for so long, slice by slice. Both have slices of one length, which grow
    where units take too long for them; it ends for both where one has no reason to go on."""
    order, left_s, each_s = list(sides), lasts_s, SLICE_S
    while left_s > 0:
        asked_s = left_s if left_s < 1.5 * each_s else each_s
        took_s = 0.0
        for start, session in order:
            if any(one.gave_up or not one.may_go_on() for _, one in sides):
                return
            began_s = monotonic()
            with _trouble_of(start):
                session.slice(asked_s)
            took_s = max(took_s, monotonic() - began_s)
        order.reverse()
        left_s -= asked_s
        each_s *= 2 if took_s > _TOO_SHORT * asked_s else 1


@contextmanager
def _trouble_of(start: BlockStart) -> Iterator[None]:
    try:
        yield
    except HarnessError as error:
        raise _SideError(start, error) from error
