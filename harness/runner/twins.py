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

from harness.errors import HarnessError, WorkerError
from harness.results.record.comparison import PartedTwins
from harness.results.record.run import BlockRecord, RunRecord
from harness.runner.ahead import BlockStart
from harness.runner.block import (
    not_measured,
    ready_session,
    recorded,
    run_block,
    started_now,
    with_left_over,
)
from harness.runner.prepare.first_calls import FailingTaskError
from harness.runner.sessions.in_turns import TurnsSession
from harness.runner.sessions.session import Measured
from harness.runner.slices import Slices, slices_of
from harness.runner.telling.events import Goal
from harness.runner.telling.interrupts import Interrupts
from harness.scenario.checks.twins import brings_code
from harness.scenario.files.wording import listed
from harness.services.provide import Services
from harness.usage import listening_ports


class _SideError(Exception):
    """A side cannot be measured; the error that says why is its cause."""

    def __init__(self, start: BlockStart, error: HarnessError) -> None:
        super().__init__(str(error))
        self.start = start
        self.error = error


class TwinsApartError(Exception):
    """Two blocks were to be measured at once, and cannot be, in words; both are as if they had not
    been begun."""


def run_at_once(
    starts: Sequence[BlockStart],
    services: Services,
    interrupts: Interrupts,
    over: Callable[[Measured], None],
    *,
    may_part: bool = False,
) -> list[BlockRecord]:
    """Measure one block, see `run_block`, or twins, and leave their samples and logs on disk.

    Where one of twins cannot be measured, its record is the only one, `failed` with the reason: the
    other one is as if it had not been begun, and may be measured without it. `may_part`: where code
    of the user's own runs, TwinsApartError says so instead, as it may be that two of it cannot be
    up at once; and in any case where others of it ended beside them. `over` is called once.
    """
    if len(starts) == 1:
        return [run_block(starts[0], services, interrupts, over)]
    started_at = started_now()
    _make_folders(starts)
    courier = starts[0].job.courier
    courier.follow(starts[-1].job.events, starts[-1].job.shape)
    courier.stage("starting")
    try:
        measured = _in_namespaces(starts, services, interrupts, over)
    except _SideError as failed:
        own = brings_code(failed.start.job.cell) and not _is_alike_alone(failed.error)
        if own and (may_part or any(start.begun_ahead for start in starts)):
            for start in starts:
                start.drop(None)
            raise TwinsApartError(str(failed.error).partition("\n")[0]) from failed.error
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


def parted(record: RunRecord, block: int, reason: str) -> tuple[RunRecord, PartedTwins]:
    """The record of a run whose twins from this block on are measured one after the other, and what
    it says of it."""
    assert record.design is not None  # noqa: S101 - there are twins
    both = {record.order[block], record.order[block + 1]}
    [cells] = [pair for pair in record.design.twins if both == set(pair)]
    names = (record.cells[cells[0]].name, record.cells[cells[1]].name)
    told = PartedTwins(cells=names, block=block, reason=reason)
    design = record.design.model_copy(
        update={
            "twins": tuple(pair for pair in record.design.twins if pair != cells),
            "parted": (*record.design.parted, told),
        }
    )
    return record.model_copy(update={"design": design}), told


def _is_alike_alone(error: HarnessError) -> bool:
    """Whether a side would fail so without its twin, too: a task that fails at each call."""
    return isinstance(error, FailingTaskError)


def _make_folders(starts: Sequence[BlockStart]) -> None:
    """RecordError, OSError (disk full ...); then none of them is begun any more."""
    try:
        for start in starts:
            start.make_folder()
    except (HarnessError, OSError) as error:
        for start in starts:
            start.drop(error)
        raise


def _in_namespaces(
    starts: Sequence[BlockStart],
    services: Services,
    interrupts: Interrupts,
    over: Callable[[Measured], None],
) -> list[Measured]:
    """With what is left of each on its servers, which is removed in the end."""
    with ExitStack() as namespaces:
        for start in starts:
            namespaces.push(start.namespace)
        measured = _measure(starts, services, interrupts, over)
        return [
            with_left_over(one, start, interrupts)
            for one, start in zip(measured, starts, strict=True)
        ]


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
                assert isinstance(session, TurnsSession)  # noqa: S101 - others are no twins
                sessions.append(session)
        for start in starts:
            with _trouble_of(start):
                _check_shares(start)
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


def _check_shares(start: BlockStart) -> None:
    """HarnessError if workers that run code of the user's own hold what its twin's cannot have: the
    side that boots first would have it, and the other one be without."""
    if not brings_code(start.job.cell):
        return
    ports = listening_ports(start.begun().crew.workers.pids)
    if ports:
        words = listed([str(port) for port in ports])
        raise WorkerError(f"its workers listen on port {words}, which only one of two can have")


def _in_turns(starts: Sequence[BlockStart], sessions: Sequence[TurnsSession]) -> list[Measured]:
    sides = list(zip(starts, sessions, strict=True))
    for start, session in sides:
        with _trouble_of(start):
            session.begin()
    cell = starts[0].job.cell
    load, measure = cell.load, cell.measure
    lasts_s = measure.duration or load.length_s(measure)
    goal = Goal(2 * lasts_s) if lasts_s else Goal(units=2 * (measure.units or 0))
    starts[0].job.courier.stage("measuring", goal)
    slices = slices_of(cell, max(filter(None, (one.unit_s for one in sessions)), default=None))
    slice_s = slices.each_s
    whole = put_on(sides, slices)
    measured = []
    for start, session in sides:
        with _trouble_of(start):
            one = session.end(session.left())
            measured.append(replace(one, slice_s=slice_s, not_all_put_on=start not in whole))
    return measured


def put_on(
    sides: Sequence[tuple[BlockStart, TurnsSession]], slices: Slices
) -> Sequence[BlockStart]:
    """Each side's load, slice by slice in mirrored order. It ends for both where one has no reason
    to go on. Those of which all was put on."""
    order = list(sides)
    had: list[BlockStart] = []
    while (one := slices.next()) is not None:
        took_s, had = 0.0, []
        for start, session in order:
            if any(side.gave_up or not side.may_go_on() for _, side in sides):
                return [] if slices.next() else had
            began_s = monotonic()
            with _trouble_of(start):
                session.slice(one)
            took_s = max(took_s, monotonic() - began_s)
            had.append(start)
        order.reverse()
        slices.took(took_s)
    return had


@contextmanager
def _trouble_of(start: BlockStart) -> Iterator[None]:
    try:
        yield
    except HarnessError as error:
        raise _SideError(start, error) from error
