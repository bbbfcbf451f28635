"""The start of a block: at its turn, or ahead of it, while the processes of the one before it end.

A worker takes two thirds of a second to start and one to end, most of which it sleeps. So the next
block's processes may boot while the last block's are stopped: nothing is measured then, each block
has a namespace of its own, and none is asked for anything before the last one's are gone and its
record is kept.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import TracebackType

import psutil

from harness.errors import HarnessError, RecordError
from harness.runner.faults.block_network import BlockNetwork, block_network
from harness.runner.job import BlockJob
from harness.runner.sessions.starting import Crew, start_crew
from harness.scenario.checks.twins import why_alone, why_apart
from harness.scenario.models.queues import known_queues
from harness.services.provide import BlockSpace, Services

_ROOM = 2
"""Times the memory of the last blocks' workers that has to be free."""


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
        self.begun_ahead = False
        """Others ended beside it."""
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
        self.begun_ahead = True
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
        spec = self.job.spec  # its processes' own, and those of others on the way to its servers
        for written in (spec, *spec.parent.glob(f"{spec.stem}-*")):
            written.unlink(missing_ok=True)


class Meanwhile:
    """Work that is done once, when nothing is measured any more: in a thread of its own, while the
    processes of the last block end. What it raises is nobody's trouble here: whoever needs the work
    does it then, and learns why it cannot be done."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._thread: Thread | None = None

    def begin(self) -> None:
        """Begin, if that has not been done yet."""
        if self._thread is None:
            self._thread = Thread(target=self._do, name="meanwhile", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Until it is done, if it has begun: further blocks may be measured now."""
        if self._thread is not None:
            self._thread.join()

    def _do(self) -> None:
        with suppress(Exception):
            self._work()


class NextBlocks:
    """The blocks that may be begun before their turn: one, or twins. A context manager that leaves
    none begun."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._own_code_may = True
        self._next: list[BlockStart] = []

    def __enter__(self) -> NextBlocks:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._drop(exc)

    def begin(
        self, after: Sequence[BlockJob], jobs: Sequence[BlockJob], used_bytes: int | None
    ) -> None:
        """Begin blocks now, if that is harmless while the processes of the blocks `after` end.
        `used_bytes`: the memory of their workers, None where nobody knows it. Code of the user's
        own has shown that it can meet itself where two of the same cells have just been twins."""
        sides = [{job.cell_index for job in both} for both in (after, jobs)]
        met = self._own_code_may and len(after) == len(jobs) == 2 and sides[0] == sides[1]
        why = why_apart if met else why_alone
        if used_bytes is None or any(why(job.cell) for job in (*after, *jobs)):
            return
        if psutil.virtual_memory().available >= _ROOM * used_bytes:
            for job in jobs:
                self._next.append(BlockStart(job, self._services))
                self._next[-1].ahead()

    def take(self, jobs: Sequence[BlockJob]) -> list[BlockStart]:
        """The starts of the blocks whose turn it is: those that were begun, if these were them."""
        if [one.job.number for one in self._next] != [job.number for job in jobs]:
            self._drop(None)
            return [BlockStart(job, self._services) for job in jobs]
        taken, self._next = self._next, []
        return taken

    def may_try_again(self, starts: Sequence[BlockStart]) -> bool:
        """Whether blocks that could not be up at once were begun while others of their code ended,
        so that they may still be without these; no further ones are then begun so."""
        ahead = any(start.begun_ahead for start in starts)
        self._own_code_may = self._own_code_may and not ahead
        return ahead

    def _drop(self, error: BaseException | None) -> None:
        while self._next:
            self._next.pop().drop(error)
