"""Does the planned faults of one block, each in a thread of its own, and notes when.

Processes are spawned in the main thread (see `harness.processes`), which comes by about every
0.1 s; so what is started again starts that much late, and the notes say when it did.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.clock import monotonic_ns
from harness.errors import HarnessError
from harness.probe.recording.events import NO_ID, FaultStep, Kind
from harness.probe.recording.recorder import Recorder
from harness.results.faults.notes import FaultNote, write_notes
from harness.runner.faults.planned import PlannedFault

_LOOK_S = 0.05
_MAIN_THREAD_S = 30.0
"""How long the main thread may take to come by."""
_JOIN_S = 60.0


class FaultError(HarnessError):
    """A fault could not be done, or not be undone."""


class NothingToBreakError(FaultError):
    """What the fault is about has fallen by an earlier one: it is noted, and no trouble."""


@dataclass
class Deed:
    """What became of one fault, while it is under way."""

    target: str = ""
    """`worker1`, `broker`, `clients to broker` ..."""
    died: tuple[int, ...] = ()
    """Ids of the processes that the fault ended."""
    mains: tuple[int, ...] = ()
    """Ids of the main processes of the workers that the fault was about."""
    pool: tuple[int, ...] = ()
    """Ids of the pool processes of these workers, where they go on living."""
    started: tuple[int, ...] = ()
    """Ids of the main processes that were started instead of those that ended."""
    facts: dict[str, float] = field(default_factory=dict)
    """What was measured of it: `rtt_s`, `direct_rtt_s` ..."""


class Breaker(Protocol):
    """How one kind of fault is done, and undone."""

    lasts_s: float | None
    """Seconds between the end of `strike` and `mend`; None: nothing is to be undone."""

    def strike(self, deed: Deed) -> None:
        """Do the fault; returns when it is done. HarnessError if that cannot be."""
        ...

    def mend(self, deed: Deed, main: MainThread) -> None:
        """Undo the fault; returns when it is undone. HarnessError if that cannot be."""
        ...

    def give_up(self) -> None:
        """The block is over: leave nothing broken that others need. Called by the main thread.
        HarnessError if it stays broken."""
        ...


class MainThread:
    """Work that only the main thread may do, put in line for it."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._over = threading.Event()

    def end(self) -> None:
        """The block is over: nothing is begun any more."""
        self._over.set()

    @property
    def is_over(self) -> bool:
        """Whether the block is over."""
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait so long, but no longer than the block; whether it is not over."""
        return not self._over.wait(max(0.0, seconds))

    def do(self, job: Callable[[], Any]) -> Any:
        """Have it done and wait for it. FaultError if the block ends before."""
        future: Future[Any] = Future()
        self._jobs.put((job, future))
        waited_s = 0.0
        while waited_s < _MAIN_THREAD_S and not self._over.is_set():
            with suppress(FutureTimeoutError):
                return future.result(_LOOK_S)
            waited_s += _LOOK_S
        future.cancel()
        raise FaultError("the block ended before a process could be started again")

    def serve(self) -> None:
        """Do what is in line. Called by the main thread."""
        while True:
            try:
                job, future = self._jobs.get_nowait()
            except queue.Empty:
                return
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(job())
                except Exception as error:  # it is raised where it is waited for  # noqa: BLE001
                    future.set_exception(error)


@dataclass(frozen=True)
class Armed:
    """A planned fault and how it is done."""

    planned: PlannedFault
    breaker: Breaker


class FaultEngine:
    """The faults of a block, as a context manager. `begin` starts the clock."""

    def __init__(
        self, faults: Sequence[Armed], events: Path, main: MainThread | None = None
    ) -> None:
        """`main`: the one that the faults' breakers know, where they do."""
        self._faults = tuple(faults)
        self._main = main or MainThread()
        self._recorder = Recorder(str(events), "harness")
        self._recorder.open()
        self._events = events
        self._writing = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._runs: list[_Run] = []

    def __enter__(self) -> FaultEngine:
        return self

    def __exit__(self, _: object, exc: BaseException | None, *__: object) -> None:
        if isinstance(exc, KeyboardInterrupt):  # at once: all that is broken ends with the run
            self._main.end()
            return
        self.close()

    def begin(self, begin_ns: int) -> None:
        """The first unit is due at this moment: times count from it. Only the first call counts."""
        if self._runs:
            return
        self._runs = [_Run(armed, begin_ns, self._main, self._step) for armed in self._faults]
        for run in self._runs:
            thread = threading.Thread(target=run.run, name="fault", daemon=True)
            self._threads.append(thread)
            thread.start()

    def serve(self) -> None:
        """To be called by the main thread all the time. FaultError if a fault failed."""
        self._main.serve()
        for run in self._runs:
            if run.trouble:
                raise FaultError(run.trouble)

    @property
    def over(self) -> bool:
        """Every fault has been done, and undone where it is to be."""
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def notes(self) -> tuple[FaultNote, ...]:
        """What was done so far, earliest plan first."""
        return tuple(run.note() for run in self._runs)

    def _step(self, number: int, step: FaultStep, at_ns: int) -> None:
        """A fault has got so far: kept, whatever happens to the harness."""
        self._recorder.record(Kind.FAULT, NO_ID, at_ns, number, int(step))
        # A full disk is the guard's to report; the log, whose space is reserved, has the step.
        with self._writing, suppress(OSError):
            write_notes(self._events, self.notes)

    def close(self) -> None:
        """Begin nothing more, undo what is not undone. Idempotent."""
        self._main.end()
        for thread in self._threads:
            thread.join(_JOIN_S)
        with ExitStack() as left:  # whatever one of them raises, the others are undone
            left.callback(self._recorder.close)
            for run in self._runs:
                left.callback(run.armed.breaker.give_up)


class _Run:
    """One fault in a thread of its own, from its moment to its mending."""

    def __init__(
        self,
        armed: Armed,
        begin_ns: int,
        main: MainThread,
        keep: Callable[[int, FaultStep, int], None],
    ) -> None:
        self.armed = armed
        self.trouble = ""
        self._begin_ns = begin_ns
        self._main = main
        self._keep = keep
        self._deed = Deed()
        self._not_done = ""
        self._stamps: dict[FaultStep, int] = {}

    def run(self) -> None:
        """Wait for the moment, strike, wait as long as it lasts, mend."""
        breaker = self.armed.breaker
        if not self._wait_until(self._begin_ns + round(self.armed.planned.at_s * 1e9)):
            return
        try:
            self._stamp(FaultStep.BEGIN)
            breaker.strike(self._deed)
            struck_ns = self._stamp(FaultStep.STRUCK)
            if breaker.lasts_s is None:
                return
            if not self._wait_until(struck_ns + round(breaker.lasts_s * 1e9)):
                return
            self._stamp(FaultStep.MENDING)
            breaker.mend(self._deed, self._main)
            self._stamp(FaultStep.MENDED)
        except NothingToBreakError as error:
            self._stamps.clear()
            self._not_done = str(error)
        except (HarnessError, OSError, CancelledError) as error:
            self._stamp(FaultStep.FAILED)
            if not self._main.is_over:
                self.trouble = f"fault {self.armed.planned.fault.fault}: {error}"
        except Exception as error:  # the thread would end, and the fault look over  # noqa: BLE001
            self._stamp(FaultStep.FAILED)
            named = f"{type(error).__name__}: {error}"
            self.trouble = f"fault {self.armed.planned.fault.fault}: unexpected {named}"

    def note(self) -> FaultNote:
        """What became of it so far."""
        planned, deed, stamps = self.armed.planned, self._deed, self._stamps
        return FaultNote(
            number=planned.number,
            fault=planned.fault.fault,
            planned_ns=self._begin_ns + round(planned.at_s * 1e9),
            load_begin_ns=self._begin_ns,
            begin_ns=stamps.get(FaultStep.BEGIN),
            struck_ns=stamps.get(FaultStep.STRUCK),
            mending_ns=stamps.get(FaultStep.MENDING),
            mended_ns=stamps.get(FaultStep.MENDED),
            not_done=self._not_done,
            target=deed.target,
            died=deed.died,
            mains=deed.mains,
            pool=deed.pool,
            started=deed.started,
            facts=dict(deed.facts),
            model=planned.fault.model_dump(mode="json", exclude_none=True),
        )

    def _wait_until(self, at_ns: int) -> bool:
        """False if the block is over before."""
        return self._main.wait((at_ns - monotonic_ns()) / 1e9)

    def _stamp(self, step: FaultStep) -> int:
        now_ns = monotonic_ns()
        self._stamps[step] = now_ns
        self._keep(self.armed.planned.number, step, now_ns)
        return now_ns
