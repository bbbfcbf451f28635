"""Faults of workers: killed, stopped, shut down, and started again."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import psutil

from harness.crew.workers import Workers
from harness.probe.recording.events import Kind
from harness.processes import wait_ended
from harness.results.events.eventlog import Tail
from harness.runner.faults.engine import Deed, FaultError, MainThread, NothingToBreakError
from harness.runner.faults.targets import MakesBreaker, Targets
from harness.scenario.models.faults import (
    FaultBase,
    KillPoolChild,
    KillWorker,
    RollingRestart,
    ShutdownWorker,
    Stop,
    StopWorker,
)

_SHUTDOWN_S = 60.0
_GONE_S = 5.0
_BACK_S = 60.0
_LOOK_S = 0.05


class WorkerKill:
    """SIGKILL to a worker's main process and its pool."""

    def __init__(self, fault: KillWorker, targets: Targets) -> None:
        self.lasts_s = fault.restart
        self._number = targets.workers.number(fault.group, fault.worker)
        self._workers = targets.workers

    def strike(self, deed: Deed) -> None:
        """Kill the worker and its pool."""
        _name(deed, self._workers, self._number)
        deed.died = (*deed.mains, *self._workers.pool_of(self._number))
        self._workers.kill(self._number)

    def mend(self, deed: Deed, main: MainThread) -> None:
        """Start the worker again, as a supervisor would."""
        _restart(deed, main, self._workers, self._number)

    def give_up(self) -> None:
        """Do nothing: workers are ended with the block."""


class WorkerShutdown:
    """A worker is told to end, in one of the ways of `How`."""

    def __init__(self, fault: ShutdownWorker, targets: Targets) -> None:
        self.lasts_s = fault.restart
        self._how = fault
        self._number = targets.workers.number(fault.group, fault.worker)
        self._workers = targets.workers

    def strike(self, deed: Deed) -> None:
        """Shut the worker down; returns when it has ended: what it had begun it has brought to an
        end. FaultError if it takes too long."""
        _name(deed, self._workers, self._number)
        _shut_down(deed, self._workers, self._number, self._how)

    def mend(self, deed: Deed, main: MainThread) -> None:
        """Start the worker again, as a supervisor would."""
        _restart(deed, main, self._workers, self._number)

    def give_up(self) -> None:
        """Do nothing: workers are ended with the block."""


class WorkersInTurn:
    """One worker after the other is told to end, started again, and back before the next one."""

    lasts_s: float | None = None

    def __init__(self, fault: RollingRestart, targets: Targets) -> None:
        self._fault = fault
        self._workers = targets.workers
        self._main = targets.main
        self._tail = Tail(targets.events)

    def strike(self, deed: Deed) -> None:
        """Restart them all; returns when the last one consumes. FaultError if one takes too
        long to end, or to be back, or the block is over before."""
        groups = [one for one in self._workers.groups if self._fault.group in (None, one.name)]
        for number in (number for group in groups for number in group.numbers):
            before = deed.target, deed.mains
            if before[1] and not self._main.wait(self._fault.pause):
                raise FaultError("the block ended before every worker was restarted")
            _name(deed, self._workers, number)
            deed.target = ", ".join(filter(None, (before[0], deed.target)))
            _shut_down(deed, self._workers, number, self._fault)
            deed.mains = (*before[1], *deed.mains)
            self._start(deed, number)

    def _start(self, deed: Deed, number: int) -> None:
        began_s = time.monotonic()
        started = self._main.do(lambda: self._workers.restart(number))
        deed.started = (*deed.started, started.pid)
        while not self._consumes(started.pid):
            took_s = time.monotonic() - began_s
            if took_s > _BACK_S or not started.alive():
                raise FaultError(f"worker {number} was not back {took_s:.0f} s after its restart")
            if not self._main.wait(_LOOK_S):
                raise FaultError("the block ended before every worker was restarted")
        deed.facts["ready_s"] = max(deed.facts.get("ready_s", 0.0), time.monotonic() - began_s)

    def _consumes(self, pid: int) -> bool:
        self._tail.refresh()
        return bool(self._tail.count_by_pid(Kind.WORKER_READY).get(pid))

    def mend(self, deed: Deed, main: MainThread) -> None:
        """Do nothing: every worker runs again."""

    def give_up(self) -> None:
        """Do nothing: workers are ended with the block."""


class WorkerStop:
    """SIGSTOP to a worker and its pool, and SIGCONT after a while."""

    def __init__(self, fault: StopWorker, targets: Targets) -> None:
        self.lasts_s: float | None = fault.duration
        self._number = targets.workers.number(fault.group, fault.worker)
        self._workers = targets.workers
        self._stopped: list[int] = []

    def strike(self, deed: Deed) -> None:
        """Stop the processes, the main one first: then it starts no further children."""
        _name(deed, self._workers, self._number)
        deed.pool = tuple(self._workers.pool_of(self._number))
        for pid in (*deed.mains, *deed.pool):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self._stopped.append(pid)

    def mend(self, deed: Deed, main: MainThread) -> None:  # noqa: ARG002 - see `Breaker`
        """Let the processes go on, the main one last: it feeds the others."""
        self.give_up()

    def give_up(self) -> None:
        """Let the processes that are stopped go on."""
        while self._stopped:
            with suppress(ProcessLookupError):
                os.kill(self._stopped.pop(), signal.SIGCONT)


class PoolChildKill:
    """SIGKILL to a process of a prefork pool."""

    lasts_s: float | None = None

    def __init__(self, fault: KillPoolChild, targets: Targets) -> None:
        self._number = targets.workers.number(fault.group, fault.worker)
        self._workers = targets.workers
        self._tail = Tail(targets.events)
        self._chance = random.Random(f"child {targets.seed}")  # noqa: S311 - not a secret

    def strike(self, deed: Deed) -> None:
        """Kill a process that is running a task, if any is; where none is, any one."""
        _name(deed, self._workers, self._number)
        self._tail.refresh()
        ready = self._tail.count_by_pid(Kind.PROCESS_READY)
        children = [pid for pid in self._workers.pool_of(self._number) if ready.get(pid)]
        if not children:
            raise NothingToBreakError(f"worker {self._number} has no pool process, none is ready")
        chosen = self._busy(children) or children
        pid = self._chance.choice(chosen)
        try:
            child = psutil.Process(pid)
            child.kill()
        except psutil.NoSuchProcess as error:  # as `worker_max_tasks_per_child` has it
            raise NothingToBreakError(f"pool process {pid} ended by itself just then") from error
        deed.died = (pid,)
        deed.target += ", a pool process"
        wait_ended([child], _GONE_S)

    def mend(self, deed: Deed, main: MainThread) -> None:
        """Do nothing: Celery starts another process by itself."""

    def give_up(self) -> None:
        """Do nothing: there is nothing to undo."""

    def _busy(self, children: Sequence[int]) -> list[int]:
        """Those that are inside a task's function, as their event logs have it."""
        started, finished = (
            self._tail.count_by_pid(kind) for kind in (Kind.STARTED, Kind.FINISHED)
        )
        return [pid for pid in children if started.get(pid, 0) > finished.get(pid, 0)]


def _shut_down(deed: Deed, workers: Workers, number: int, stop: Stop) -> None:
    """Tell a worker to end and wait until it has. FaultError if it takes too long."""
    process = workers.process(number)
    deed.died = (*deed.died, process.pid, *workers.pool_of(number))
    workers.excuse(number)
    began_s = time.monotonic()
    os.kill(process.pid, signal.SIGQUIT if stop.how in ("soft", "cold") else signal.SIGTERM)
    if not process.wait(stop.grace or _SHUTDOWN_S):
        if stop.grace is None:
            raise FaultError(f"worker {number} was still shutting down {_SHUTDOWN_S:g} s on")
        workers.kill(number)
        deed.facts["killed"] = deed.facts.get("killed", 0.0) + 1
    took_s = time.monotonic() - began_s
    deed.facts["shutdown_s"] = max(deed.facts.get("shutdown_s", 0.0), took_s)


def _name(deed: Deed, workers: Workers, number: int) -> None:
    process = workers.process(number)
    if not process.alive():
        raise NothingToBreakError(f"worker {number} does not run, an earlier fault ended it")
    several = len(workers.groups) > 1
    deed.target = f"{process.name} ({workers.group_of(number).name})" if several else process.name
    deed.mains = (process.pid,)


def _restart(deed: Deed, main: MainThread, workers: Workers, number: int) -> None:
    process = main.do(lambda: workers.restart(number))
    deed.started = (process.pid,)


BREAKERS: Mapping[type[FaultBase], MakesBreaker] = {
    KillWorker: WorkerKill,
    KillPoolChild: PoolChildKill,
    StopWorker: WorkerStop,
    ShutdownWorker: WorkerShutdown,
    RollingRestart: WorkersInTurn,
}
