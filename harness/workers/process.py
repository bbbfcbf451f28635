"""Workers of one block, started by Celery's own command line."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

import psutil

from harness.environments import OWN, Interpreter
from harness.errors import WorkerError
from harness.processes import Process, spawn
from harness.scenario.configuration import Worker
from harness.usage import Usage, usage
from harness.workspace import Workspace

STOP_GRACE_S = 15.0
APP = "harness.probe.app"


def command_line(worker: Worker, name: str, interpreter: Interpreter = OWN) -> list[str]:
    """The command that a user would type, but for the application's name."""
    return [
        *(str(interpreter.python), "-m", "celery", "-A", APP, "worker"),
        *("--hostname", f"{name}@%h"),
        *("--pool", worker.pool, "--concurrency", str(worker.concurrency)),
        *worker.options,
    ]


class Workers:
    """The worker processes of one block. A context manager that leaves none behind."""

    def __init__(self, processes: Sequence[Process], worker: Worker) -> None:
        self._processes = tuple(processes)
        self._worker = worker
        self._held = False

    @classmethod
    def start(
        cls,
        worker: Worker,
        label: str,
        environ: Mapping[str, str],
        logs: Path,
        workspace: Workspace,
        interpreter: Interpreter = OWN,
        cores: frozenset[int] | None = None,
    ) -> Workers:
        """Start `worker.count` processes; they are not ready yet when this returns.

        `cores`: the only ones that they and their pools may run on.
        """
        with ExitStack() as undo:
            processes = []
            for number in range(1, worker.count + 1):
                name = f"worker{number}"
                process = spawn(
                    command_line(worker, f"{label}-{name}", interpreter),
                    name=name,
                    log=logs / f"{name}.log",
                    env=workspace.marked(interpreter.environ(environ)),
                    # `celery -A` looks in the current folder before anywhere else.
                    cwd=interpreter.folder,
                    on_spawn=workspace.record_process,
                    cores=cores,
                )
                undo.callback(process.kill)
                processes.append(process)
            undo.pop_all()
        return cls(processes, worker)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(exc, KeyboardInterrupt):  # at once: nobody waits for tasks to end
            for process in self._processes:
                process.kill()
        self.stop()

    @property
    def pool_processes(self) -> int:
        """How many processes run tasks: one per worker but in the prefork pool."""
        per_worker = self._worker.concurrency if self._worker.pool == "prefork" else 1
        return per_worker * len(self._processes)

    @property
    def slots(self) -> int:
        """How many tasks can run at once."""
        per_worker = 1 if self._worker.pool == "solo" else self._worker.concurrency
        return per_worker * len(self._processes)

    @property
    def pids(self) -> tuple[int, ...]:
        """Main processes."""
        return tuple(process.pid for process in self._processes)

    def check(self) -> None:
        """WorkerError with the end of its log if a worker is gone."""
        for process in self._processes:
            if not process.alive():
                raise WorkerError(
                    f"{process.name} ended with exit code {process.returncode}; "
                    f"the end of {process.log.name}:\n{process.log_tail(15)}"
                )

    def all_alive(self) -> bool:
        """Whether every worker's main process still runs."""
        return all(process.alive() for process in self._processes)

    def log_tails(self) -> str:
        """The end of each worker's log."""
        return "\n".join(
            f"the end of {process.log.name}:\n{process.log_tail(15)}" for process in self._processes
        )

    def usage(self) -> Usage:
        """CPU and memory of all worker processes and their children."""
        return usage([process.pid for process in self._processes])

    def hold(self) -> None:
        """Stop every worker process where it stands (SIGSTOP), main processes first."""
        self._held = True
        self._signal(signal.SIGSTOP)

    def release(self) -> None:
        """Let held workers go on, main processes last, so that all can run when one feeds them."""
        if self._held:
            self._signal(signal.SIGCONT)
            self._held = False

    def stop(self) -> None:
        """Warm shutdown; what has not ended within STOP_GRACE_S is killed. Idempotent."""
        self.release()
        for process in self._processes:
            if process.alive():
                os.kill(process.pid, signal.SIGTERM)
        for process in self._processes:
            process.wait(STOP_GRACE_S)
            process.kill()

    def _signal(self, number: signal.Signals) -> None:
        mains = [process.pid for process in self._processes if process.alive()]
        if number == signal.SIGSTOP:  # main processes first: held ones start no further children
            _send(mains, number)
        children = [child for main in mains for child in _descendants(main)]
        _send(children, number)
        if number != signal.SIGSTOP:
            _send(mains, number)


def _descendants(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def _send(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it may have ended meanwhile, as pool children do
            os.kill(pid, number)
