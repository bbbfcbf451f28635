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
    ShutdownWorker,
    StopWorker,
)

_SHUTDOWN_S = 60.0
_GONE_S = 5.0


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
    """SIGTERM to the main process: Celery's warm shutdown."""

    def __init__(self, fault: ShutdownWorker, targets: Targets) -> None:
        self.lasts_s = fault.restart
        self._number = targets.workers.number(fault.group, fault.worker)
        self._workers = targets.workers

    def strike(self, deed: Deed) -> None:
        """Shut the worker down; returns when it has ended: what it had begun it has brought to an
        end. FaultError if it takes too long."""
        _name(deed, self._workers, self._number)
        deed.died = (*deed.mains, *self._workers.pool_of(self._number))
        self._workers.excuse(self._number)
        os.kill(deed.mains[0], signal.SIGTERM)
        began_s = time.monotonic()
        if not self._workers.process(self._number).wait(_SHUTDOWN_S):
            raise FaultError(f"worker {self._number} was still shutting down {_SHUTDOWN_S:g} s on")
        deed.facts["shutdown_s"] = time.monotonic() - began_s

    def mend(self, deed: Deed, main: MainThread) -> None:
        """Start the worker again, as a supervisor would."""
        _restart(deed, main, self._workers, self._number)

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
}
