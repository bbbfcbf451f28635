"""The start of a block: at its turn, or ahead of it, while the processes of the one before it end.

A worker takes two thirds of a second to start and one to end, most of which it sleeps. So the next
block's processes may boot while the last block's are stopped: nothing is measured then, each block
has a namespace of its own, and none is asked for anything before the last one's are gone and its
record is kept.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil

from harness.errors import HarnessError, RecordError
from harness.runner.faults.block_network import BlockNetwork, block_network
from harness.runner.job import BlockJob
from harness.runner.sessions.starting import Crew, start_crew
from harness.scenario.checks.faulty_loads import faults_of
from harness.scenario.models.queues import known_queues
from harness.scenario.models.scenario import Cell
from harness.scenario.workloads.own_tasks import OwnTaskWorkload
from harness.services.provide import BlockSpace, Services

_NAMING_FILES = ("--pidfile", "--statedb", "-S", "--include", "-I")
"""Options of a worker by which two of them may meet in one file, or in code of the user's."""
_BRINGING_CODE = {"worker_state_db", "imports", "include"}
"""Settings that do so."""
_ROOM = 2
"""Times the memory of the last block's workers that has to be free."""


@dataclass(frozen=True)
class Begun:
    """What a block has been given. Its processes may not be ready yet."""

    space: BlockSpace
    network: BlockNetwork | None
    crew: Crew


class BlockStart:
    """A block's namespace and processes. Whoever enters `processes` ends these, and `namespace`
    removes what is left of the block; both hold nothing before it is begun."""

    def __init__(self, job: BlockJob, services: Services) -> None:
        self.job = job
        self.processes = ExitStack()
        self.namespace = ExitStack()
        self.logs = Path()
        """Where its processes write their logs. The current folder before `make_folder`."""
        self.isolation: Mapping[str, str] = {}
        """How it is kept apart from others: see `BlockSpace`. Empty before it has a namespace."""
        self._services = services
        self._has_folder = False
        self._begun: Begun | None = None
        self._trouble: HarnessError | OSError | None = None

    def make_folder(self) -> None:
        """Make the block's folders, if they are not there by now. RecordError, OSError (disk full
        ...)."""
        if not self._has_folder:
            self.logs = self.job.workspace.folder(f"block-{self.job.number:03d}")
            try:
                self.job.events.mkdir(parents=True)
            except OSError as error:
                raise RecordError(f"cannot create {self.job.events}: {error.strerror}") from error
            self._has_folder = True

    def ahead(self) -> None:
        """Begin before it is the block's turn. What goes wrong is this block's trouble, not that of
        the one before it: it is told when its turn comes."""
        try:
            self.make_folder()
            self.begun()
        except (HarnessError, OSError) as error:
            self._trouble = error

    def begun(self) -> Begun:
        """Start everybody, if that is not done yet. HarnessError; OSError (disk full ...)."""
        if self._begun is None:
            if self._trouble is not None:
                raise self._trouble
            self._begun = self._begin()
        return self._begun

    def _begin(self) -> Begun:
        job, configuration = self.job, self.job.cell.configuration
        queues = job.interpreter.queues or known_queues(
            configuration, job.cell.workload.message_options
        )
        space = self.namespace.enter_context(
            self._services.open_block(configuration, job.label, queues)
        )
        self.isolation = space.isolation
        network = self.processes.enter_context(
            block_network(job.cell, space.settings, job.environ, self.logs, job.workspace)
        )
        crew = start_crew(job, space, network, self.logs, self.processes)
        return Begun(space, network, crew)

    def drop(self, error: BaseException | None) -> None:
        """It will not be measured: end and remove what was begun, as if it had never been. `error`:
        because of what; at a KeyboardInterrupt nobody waits for workers to end."""
        how = (None if error is None else type(error), error, None)
        try:
            self.processes.__exit__(*how)
        finally:
            self.namespace.__exit__(*how)
        if self._has_folder:
            shutil.rmtree(self.job.path, ignore_errors=True)


class NextBlock:
    """The one block that may be begun before its turn. A context manager that leaves none begun."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._next: BlockStart | None = None

    def __enter__(self) -> NextBlock:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._drop(exc)

    def begin(self, after: Cell, job: BlockJob, used_bytes: int | None) -> None:
        """Begin a block now, if that is harmless while the processes of a block of the cell `after`
        end. `used_bytes`: the memory of its workers, None where nobody knows it."""
        if not (may_meet(after) and may_meet(job.cell)) or used_bytes is None:
            return
        if psutil.virtual_memory().available >= _ROOM * used_bytes:
            self._next = BlockStart(job, self._services)
            self._next.ahead()

    def take(self, job: BlockJob) -> BlockStart:
        """The start of the block whose turn it is: the one that was begun, if it was this one."""
        if self._next is None or self._next.job.number != job.number:
            self._drop(None)
            return BlockStart(job, self._services)
        taken, self._next = self._next, None
        return taken

    def _drop(self, error: BaseException | None) -> None:
        dropped, self._next = self._next, None
        if dropped is not None:
            dropped.drop(error)


def may_meet(cell: Cell) -> bool:
    """Whether processes of its block may live beside those of another one: each keeps to its own
    namespace, nothing is broken or slowed on purpose, nobody waits for results to expire, and no
    code runs but Celery's and the harness' own, as a user's may hold a port or a file."""
    configuration, workload = cell.configuration, cell.workload
    foreign = isinstance(workload, OwnTaskWorkload)
    foreign = foreign or not type(workload).__module__.startswith("harness.")
    foreign = foreign or not _BRINGING_CODE.isdisjoint(configuration.settings)
    words = [word for group in configuration.groups.values() for word in group.options]
    foreign = foreign or any(word.startswith(_NAMING_FILES) for word in words)
    harmed = faults_of(cell.load) or configuration.network is not None
    return not (foreign or harmed or cell.measure.results_left == "expire")
