"""Workers of one block, started by Celery's own command line."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from harness.crew.falls import Fall
from harness.environments.interpreter import OWN, Interpreter
from harness.errors import WorkerError
from harness.probe.app_variables import FIRST_START_VARIABLE, GROUP_VARIABLE, OVER_VARIABLE
from harness.processes import Process
from harness.scenario.models.configuration import Worker
from harness.scenario.settings.planned import Planned, planned_worker
from harness.usage import Usage, usage
from harness.working_place import WorkingPlace

STOP_GRACE_S = 15.0
APP = "harness.probe.app"


def command_line(group: Worker, name: str, interpreter: Interpreter = OWN) -> list[str]:
    """The command that a user would type for a worker of a group, but for the application's
    name."""
    return [
        *(str(interpreter.python), "-m", "celery", "-A", APP, "worker"),
        *("--hostname", f"{name}@%h"),
        *("--pool", group.pool, "--concurrency", str(group.concurrency)),
        *(("--queues", ",".join(group.queues)) if group.queues else ()),
        *group.options,
    ]


@dataclass(frozen=True)
class Group:
    """Workers that are started alike."""

    name: str
    asked: Worker
    numbers: range
    """Of its workers: they are counted from 1 over all groups."""
    size: int | None = None
    """Tasks that each worker can run at once, as it said itself, where it was to decide."""

    @property
    def pool_processes(self) -> int:
        """How many processes run tasks, at least: one per worker but in the prefork pool, which may
        also grow."""
        prefork = self.asked.pool == "prefork"
        return len(self.numbers) * (self._planned.least_concurrency if prefork else 1)

    @property
    def slots(self) -> int:
        """How many tasks can run at once, at most."""
        return self._planned.slots

    @property
    def _planned(self) -> Planned:
        asked = self.asked
        if self.size is not None:
            asked = asked.model_copy(update={"concurrency": self.size})
        return planned_worker(asked, {})


def numbered(groups: Mapping[str, Worker]) -> tuple[Group, ...]:
    """Groups with the numbers of their workers."""
    found, first = [], 1
    for name, asked in groups.items():
        found.append(Group(name, asked, range(first, first + asked.count)))
        first += asked.count
    return tuple(found)


@dataclass(frozen=True)
class CrewSeen:
    """What was seen of each group of workers while a block ran."""

    used: Mapping[str, Usage] = field(default_factory=dict)
    """Group -> CPU time and memory while the load was put on; only of groups that are whole: what a
    dead process had used nobody knows."""
    group_of: Mapping[int, str] = field(default_factory=dict)
    """Id of a worker's main process -> its group."""
    fallen: tuple[str, ...] = ()
    """Groups of which no worker is left, as each ended by itself."""


class Workers:
    """The worker processes of one block. A context manager that leaves none behind."""

    def __init__(
        self, starters: Sequence[Callable[[int], Process]], groups: Sequence[Group], over: Path
    ) -> None:
        """`starters`: for each worker what starts its n-th process, from 0. `over`: the file by
        which they know that they are not measured any more when they are told to end."""
        self.groups = tuple(groups)
        self._starters = tuple(starters)
        self._over = over
        self._held = self._told_to_end = False
        self._processes: list[Process] = []
        self._gone: list[Process] = []
        """Processes that were replaced by a restart."""
        self._excused: set[int] = set()
        """Processes that may end: somebody means them to, or it is noted already."""
        self._disturbed: set[int] = set()
        """Numbers of workers of which a process has ended, or was meant to."""
        self._fallen: list[Fall] = []

    @classmethod
    def start(
        cls,
        asked: Mapping[str, Worker],
        label: str,
        place: WorkingPlace,
    ) -> Workers:
        """Start all workers of all groups; they are not ready yet when this returns."""
        over = place.logs / "over"
        place = place.told({OVER_VARIABLE: str(over)})
        groups = numbered(asked)

        def starter(group: Group, number: int) -> Callable[[int], Process]:
            name, where, host = f"worker{number}", place, label
            if len(groups) > 1:
                where, host = place.told({GROUP_VARIABLE: group.name}), f"{label}-{group.name}"

            def start_it(times: int) -> Process:
                argv = command_line(group.asked, f"{host}-{name}", where.interpreter)
                if times:
                    return where.spawn(argv, name, log=f"{name}-{times + 1}")
                return where.told({FIRST_START_VARIABLE: "yes"}).spawn(argv, name)

            return start_it

        starters = [starter(group, number) for group in groups for number in group.numbers]
        workers = cls(starters, groups, over)
        with ExitStack() as undo:
            for start_it in workers._starters:
                process = start_it(0)
                undo.callback(process.kill)
                workers._processes.append(process)
            undo.pop_all()
        return workers

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, _: object, exc: BaseException | None, *__: object) -> None:
        if isinstance(exc, KeyboardInterrupt):  # at once: nobody waits for tasks to end
            for process in self._processes:
                process.kill()
        self.stop()

    @property
    def pool_processes(self) -> int:
        """How many processes run tasks, at least, over all groups."""
        return sum(group.pool_processes for group in self.groups)

    @property
    def slots(self) -> int:
        """How many tasks can run at once, at most, over all groups."""
        return sum(group.slots for group in self.groups)

    def sized(self, sizes: Mapping[str, int]) -> None:
        """Take over what workers said of their pools, by the names of their groups (an only one has
        none): of those with `concurrency: auto` nobody knew for certain."""
        names = [group.name if len(self.groups) > 1 else "" for group in self.groups]
        self.groups = tuple(
            replace(group, size=sizes.get(name)) if group.asked.concurrency == "auto" else group
            for name, group in zip(names, self.groups, strict=True)
        )

    @property
    def pids(self) -> tuple[int, ...]:
        """Ids of the workers' main processes, in order; one that was started again has a new
        one."""
        return tuple(process.pid for process in self._processes)

    def check(self) -> None:
        """WorkerError with the end of its log if a worker is gone."""
        for process in self._processes:
            if not process.alive() and process.pid not in self._excused:
                raise WorkerError(
                    f"{process.name} ended with {process.ending}; "
                    f"the end of {process.log.name}:\n{process.log_tail(15)}"
                )

    def log_tails(self) -> str:
        """The end of each worker's log."""
        return "\n".join(
            f"the end of {process.log.name}:\n{process.log_tail(15)}" for process in self._processes
        )

    def usage(self) -> dict[str, Usage]:
        """CPU and memory of each group's worker processes and their children."""
        return {group.name: usage(self._pids_of(group)) for group in self.groups}

    def hold(self) -> None:
        """Stop every worker process where it stands (SIGSTOP), main processes first."""
        self._held = True
        self._signal(signal.SIGSTOP)

    def release(self) -> None:
        """Let held workers go on, main processes last, so that all can run when one feeds them."""
        if self._held:
            self._signal(signal.SIGCONT)
            self._held = False

    def tell_to_end(self) -> None:
        """Begin a warm shutdown, and do not wait for its end. Idempotent: told twice, a worker
        would leave its tasks."""
        if self._told_to_end:
            return
        self._told_to_end = True
        self.release()
        with suppress(OSError):  # a full disk: then they take the time that Celery takes
            self._over.touch()
        for process in self._processes:
            if process.alive():
                os.kill(process.pid, signal.SIGTERM)

    def stop(self) -> None:
        """Warm shutdown; what has not ended within STOP_GRACE_S is killed. Idempotent."""
        try:
            self.tell_to_end()
            for process in self._processes:
                process.wait(STOP_GRACE_S)
        finally:  # an interrupt, too, leaves none behind
            for process in self._processes:
                process.kill()

    def note_fallen(self) -> None:
        """Note every worker that has ended though nobody meant it to."""
        for number, process in enumerate(self._processes, 1):
            if not process.alive() and process.pid not in self._excused:
                self.excuse(number)
                several = len(self.groups) > 1
                self._fallen.append(Fall.of(process, self.group_of(number).name if several else ""))

    @property
    def fallen(self) -> tuple[Fall, ...]:
        """Workers that ended by themselves, as far as that was noted; the earliest first."""
        return tuple(self._fallen)

    @property
    def all_fell(self) -> bool:
        """No worker is left, and each of them ended by itself."""
        return len(self.fallen_groups) == len(self.groups)

    @property
    def fallen_groups(self) -> tuple[Group, ...]:
        """Groups of which no worker is left, each of which ended by itself."""
        fallen = {one.pid for one in self._fallen}
        return tuple(group for group in self.groups if fallen.issuperset(self._pids_of(group)))

    @property
    def _group_of_pid(self) -> dict[int, str]:
        names = {f"worker{number}": self.group_of(number).name for number in self._numbers}
        return {process.pid: names[process.name] for process in (*self._processes, *self._gone)}

    def group_of(self, number: int) -> Group:
        """The group of a worker."""
        return next(group for group in self.groups if number in group.numbers)

    def _pids_of(self, group: Group) -> list[int]:
        return [self.process(number).pid for number in group.numbers]

    @property
    def _numbers(self) -> range:
        return range(1, len(self._processes) + 1)

    # --- for those who mean harm; workers are numbered from 1 --------------------------------

    def number(self, group: str | None, worker: int) -> int:
        """The number of a worker that counts within a group, or over all of them."""
        if group is None:
            return worker
        return next(one for one in self.groups if one.name == group).numbers[worker - 1]

    def pool_of(self, number: int) -> list[int]:
        """Living processes below a worker's main process."""
        return _descendants(self.process(number).pid)

    def process(self, number: int) -> Process:
        """A worker's main process: the last one that was started."""
        return self._processes[number - 1]

    def excuse(self, number: int) -> None:
        """From now on it is no trouble if this worker's process ends."""
        self._excused.add(self.process(number).pid)
        self._disturbed.add(number)

    def kill(self, number: int) -> None:
        """SIGKILL to a worker and its pool at once; returns when they are gone."""
        self.excuse(number)
        self.process(number).kill()

    def restart(self, number: int) -> Process:
        """Start a worker anew whose process has ended. Call it from the main thread."""
        old = self.process(number)
        old.kill()  # what may be left of its group
        self._gone.append(old)
        times = sum(gone.name == old.name for gone in self._gone)
        self._processes[number - 1] = self._starters[number - 1](times)
        return self._processes[number - 1]

    @property
    def undisturbed(self) -> bool:
        """Nobody was meant to end: all that they used is known."""
        return not self._disturbed

    def seen(self, used: Mapping[str, Usage]) -> CrewSeen:
        """What became of each group. `used`: by whatever group, in a time that is over."""
        whole = [group.name for group in self.groups if self._disturbed.isdisjoint(group.numbers)]
        return CrewSeen(
            used={name: used[name] for name in whole if name in used},
            group_of=self._group_of_pid,
            fallen=tuple(group.name for group in self.fallen_groups),
        )

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
