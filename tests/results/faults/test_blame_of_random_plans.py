"""Attribution against a model: a small world of workers in which faults happen at random.

The world plays forward: it knows of each execution what took its message away, and of each lost
unit where it was lost, because it did so itself. The harness is shown the stamps that were left,
and has to come to the same. Nothing of the harness is used to play.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from harness.probe.recording.events import Kind
from harness.results.faults.notes import FaultNote
from tests.results.faults.made_blocks import MadeBlock, note, ns

BROKEN = ("kill_broker", "restart_broker", "reset_network")
"""Every worker loses its connection."""
ELSEWHERE = ("slow_network", "kill_backend", "kill_backend")
"""They cut no execution short. While the backend is away, results find no place."""
OF_WORKERS = ("kill_worker", "kill_worker", "kill_pool_child", "shutdown_worker", "stop_worker")
CHILDREN = 3
PROMPT_S = 0.03
PLANS = 200


@dataclass
class Broken:
    """A fault of a plan, and what it met."""

    kind: str
    at_s: float
    lasts_s: float
    over_s: float = 0.0
    died: list[int] = field(default_factory=list)
    mains: list[int] = field(default_factory=list)
    pool: list[int] = field(default_factory=list)
    number: int = -1


@dataclass(eq=False)
class Worker:
    """One life of a worker: a restart begins another one."""

    main: int
    children: list[int]
    alive: bool = True
    closing: Broken | None = None
    paused_until_s: float = 0.0
    received: list[int] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


@dataclass(eq=False)
class Run:
    """One execution of a unit."""

    worker: Worker
    child: int
    begun_s: float
    ends_s: float
    killed_by: Broken | None = None
    taken_by: Broken | None = None
    """What gave its message back to the broker first."""
    again_s: float = float("inf")
    """When a worker had that message."""


class World:
    """What happens under one random plan, and what of it each fault is to blame for."""

    def __init__(self, seed: int, branches: Counter[str]) -> None:
        self.random = Random(seed)  # noqa: S311 - not a secret
        self.branches, self.block = branches, MadeBlock(parents={})
        self.late = self.random.random() < 0.7
        """Acknowledgement; else a unit that was begun never comes again."""
        self.pauses_return = self.late and self.random.random() < 0.5
        self.volatile = self.random.random() < 0.5
        """The broker forgets what waits with it when it ends."""
        self.waiting: set[int] = set()
        """Units whose message the broker has, and no worker ever had."""
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._tie, self._pids = itertools.count(), itertools.count(100)
        self.now_s = 0.0
        self.broker_back_s = 0.0
        self.backend_gone: Broken | None = None
        self.done: list[Broken] = []
        self.runs: dict[int, list[Run]] = {}
        self.forgotten: set[int] = set()
        self.lost_by: dict[int, Broken] = {}
        self.safe = self._worker()
        """No fault is about it alone, so that whatever comes again can run."""
        self.workers = [self._worker() for _ in range(self.random.randint(1, 3))]

    def play(self) -> None:
        """From before the first fault until nothing moves any more."""
        for number in range(22):
            self.at(number / 10, self._publish(0.01, self.safe))
        moments = itertools.accumulate(
            (self.random.uniform(0.1, 1.2) for _ in range(self.random.randint(1, 6))), initial=3.1
        )
        for moment_s in list(moments)[1:]:
            self.at(moment_s, self._strike)
        for _ in range(self.random.randint(3, 10)):
            length_s = self.random.choice((0.05, 1.0, 3.0, 4.0)) * self.random.uniform(0.5, 1.5)
            self.at(self.random.uniform(2.8, 7.0), self._publish(length_s))
        while self._queue:
            self.now_s, _, happening = heapq.heappop(self._queue)
            happening()

    def at(self, moment_s: float, happening: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (max(moment_s, self.now_s), next(self._tie), happening))

    def _worker(self) -> Worker:
        main = next(self._pids)
        children = [self._child(main) for _ in range(CHILDREN)]
        return Worker(main, children)

    def _child(self, main: int) -> int:
        pid = next(self._pids)
        self.block.parents[pid] = main
        return pid

    # --- units ----------------------------------------------------------------------------------

    def _publish(self, length_s: float, worker: Worker | None = None) -> Callable[[], None]:
        def publish() -> None:
            unit = self.block.unit(self.now_s)
            self.runs[unit] = []
            if worker is None and self.now_s >= self.broker_back_s:
                self.waiting.add(unit)
            crowded = worker is None and self.random.random() < 0.3
            self._deliver(unit, length_s, 2.0 if crowded else PROMPT_S, worker)

        return publish

    def _deliver(
        self, unit: int, length_s: float, within_s: float, worker: Worker | None = None
    ) -> None:
        def deliver() -> None:
            if unit in self.lost_by:
                return
            if self.now_s < self.broker_back_s:
                self.at(self.broker_back_s + 0.01, deliver)
                return
            able = [one for one in self.workers if self._consumes(one)]
            able = able if able and self.random.random() < 0.8 else [*able, self.safe]
            chosen = worker if worker is not None and self._consumes(worker) else None
            chosen = chosen or self.random.choice(able)
            chosen.received.append(unit)
            self.waiting.discard(unit)
            for run in self.runs[unit]:
                run.again_s = min(run.again_s, self.now_s)
            self.block.stamp(chosen.main, Kind.RECEIVED, unit, self.now_s)
            waits_s = self.random.uniform(0.3, 2) if self.random.random() < 0.3 else 0.005
            self.at(self.now_s + waits_s, lambda: self._begin(chosen, unit, length_s))

        self.at(self.now_s + self.random.uniform(0.01, within_s), deliver)

    def _consumes(self, worker: Worker) -> bool:
        up = worker.alive and worker.closing is None
        return up and worker.paused_until_s <= self.now_s

    def _begin(self, worker: Worker, unit: int, length_s: float) -> None:
        if unit not in worker.received:  # given back, or forgotten
            return
        free = [pid for pid in worker.children if pid not in [run.child for run in worker.runs]]
        if self.now_s < worker.paused_until_s or not free:
            self.at(self.now_s + 0.05, lambda: self._begin(worker, unit, length_s))
            return
        worker.received.remove(unit)
        run = Run(worker, free[0], self.now_s, self.now_s + length_s)
        worker.runs.append(run)
        self.runs[unit].append(run)
        self.block.stamp(run.child, Kind.STARTED, unit, self.now_s)
        self.at(run.ends_s, lambda: self._end(run, unit, length_s))

    def _end(self, run: Run, unit: int, length_s: float) -> None:
        worker = run.worker
        if run not in worker.runs:
            return
        if self.now_s < run.ends_s:
            self.at(run.ends_s, lambda: self._end(run, unit, length_s))
            return
        worker.runs.remove(run)
        gone = self.backend_gone
        refused = not self.late and gone is not None and self.now_s < gone.over_s
        for kind in (Kind.FINISHED, Kind.STORING, Kind.UNSTORED if refused else Kind.STORED):
            self.block.stamp(run.child, kind, unit, self.now_s)
        if refused and gone is not None:
            self.lost_by[unit] = gone
            self._leave(worker)
            return
        if (
            sum(one.killed_by is None and one not in one.worker.runs for one in self.runs[unit])
            == 1
        ):
            self.block.see(unit, self.now_s + 0.001)
        # Had it stood still before and gone on, nobody could tell which of both it was.
        forgets = self.pauses_return and self.random.random() < 0.5
        if worker.closing is not None and self.late and run.taken_by is None and forgets:
            self._take(run, unit, worker.closing, PROMPT_S)  # its acknowledgement was not sent
        self._leave(worker)

    def _take(self, run: Run, unit: int, by: Broken, within_s: float) -> None:
        """The broker has the message again, and delivers it anew."""
        if self.late and run.taken_by is None:
            run.taken_by = by
            self._deliver(unit, run.ends_s - run.begun_s, within_s)

    def _unit_of(self, run: Run) -> int:
        return next(unit for unit, runs in self.runs.items() if run in runs)

    # --- faults ---------------------------------------------------------------------------------

    def _strike(self) -> None:
        kind = self.random.choice(self.random.choice((OF_WORKERS, OF_WORKERS, BROKEN, ELSEWHERE)))
        if self.done and self.done[-1].kind == "shutdown_worker" and self.random.random() < 0.3:
            kind = "kill_backend"  # or it would hardly ever meet one
        fault = Broken(kind, self.now_s, self.random.uniform(0.2, 1.5))
        fault.over_s = self.now_s
        if kind in OF_WORKERS:
            able = [one for one in self.workers if one.alive]
            able = [one for one in able if one.runs] or able
            if not able:
                return
            last = [one for one in able if one.main in (self.done or [fault])[-1].mains]
            worker = self.random.choice(last or able)  # so that faults of one worker overlap
            if kind in ("shutdown_worker", "stop_worker") and (
                worker.closing is not None or worker.paused_until_s > self.now_s
            ):
                return
            fault.mains = [worker.main]
            getattr(self, f"_{kind}")(fault, worker)
        else:
            fault.mains = [one.main for one in [self.safe, *self.workers] if one.alive]
            fault.over_s = self.now_s + fault.lasts_s
            if kind in BROKEN:
                self._cut_off(fault)
            elif kind == "kill_backend":
                self.backend_gone = fault
        fault.number = len(self.done)
        self.done.append(fault)

    def _kill(self, fault: Broken, run: Run) -> None:
        """Its process is dead in the middle of it."""
        unit = self._unit_of(run)
        run.worker.runs.remove(run)
        run.killed_by = fault
        self.branches["two kills of one unit"] += self._killed(unit) == 2
        self.branches["killed in a shutdown"] += run.worker.closing is not None
        self.branches["killed in a pause"] += run.worker.paused_until_s > self.now_s
        self.branches["killed, and cut off before"] += run.taken_by is not None
        if not self.late:
            self.lost_by[unit] = fault
        self._take(run, unit, fault, self.random.choice((PROMPT_S, 2.0)))

    def _killed(self, unit: int) -> int:
        return sum(one.killed_by is not None for one in self.runs[unit])

    def _kill_worker(self, fault: Broken, worker: Worker) -> None:
        fault.died = [worker.main, *worker.children]
        for run in list(worker.runs):
            self._kill(fault, run)
        self._give_back(worker, fault)
        if worker.closing is not None:
            worker.closing.over_s = self.now_s
        worker.alive = False
        if self.random.random() < 0.7:
            self.workers.append(self._worker())

    def _kill_pool_child(self, fault: Broken, worker: Worker) -> None:
        busy = [run.child for run in worker.runs]
        child = self.random.choice(busy or worker.children)
        fault.died = [child]
        worker.children[worker.children.index(child)] = self._child(worker.main)
        for run in [one for one in worker.runs if one.child == child]:
            self._kill(fault, run)

    def _shutdown_worker(self, fault: Broken, worker: Worker) -> None:
        fault.died = [worker.main, *worker.children]
        worker.closing = fault
        for unit in worker.received:
            self._deliver(unit, 0.1, PROMPT_S)
        worker.received.clear()
        self._leave(worker)

    def _leave(self, worker: Worker) -> None:
        """A worker that shuts down ends with its last run."""
        if worker.closing is not None and worker.alive and not worker.runs:
            worker.alive = False
            worker.closing.over_s = self.now_s + 0.001

    def _stop_worker(self, fault: Broken, worker: Worker) -> None:
        fault.pool = list(worker.children)
        fault.over_s = worker.paused_until_s = self.now_s + fault.lasts_s
        for run in worker.runs:
            run.ends_s += fault.lasts_s
            if self.pauses_return:
                self._take(run, self._unit_of(run), fault, PROMPT_S)

    def _cut_off(self, fault: Broken) -> None:
        """Of the broker or the network: what ran goes on, and what was not begun is forgotten."""
        if self.volatile and fault.kind != "reset_network":
            self.branches["lost with the broker"] += len(self.waiting)
            self.lost_by |= dict.fromkeys(self.waiting, fault)
            self.waiting.clear()
        self.branches["again while the broker is away"] += self.now_s < self.broker_back_s
        self.broker_back_s = max(self.broker_back_s, fault.over_s)
        for worker in [self.safe, *self.workers]:
            for run in worker.runs:
                self._take(run, self._unit_of(run), fault, self.random.choice((PROMPT_S, 2.0)))
            self._give_back(worker, fault)

    def _give_back(self, worker: Worker, fault: Broken) -> None:
        """What a worker had received and not begun, when it died or lost its connection."""
        for unit in worker.received:
            self.branches["received only"] += bool(self.runs[unit])
            if self.late:
                self._deliver(unit, 0.1, PROMPT_S)
            else:
                self.lost_by[unit] = fault
        worker.received.clear()

    # --- what is to be found --------------------------------------------------------------------

    def notes(self) -> list[FaultNote]:
        return [self._note(fault) for fault in self.done]

    def _note(self, fault: Broken) -> FaultNote:
        to = "backend" if fault.kind == "kill_backend" else "broker"
        mended = fault.kind in (*BROKEN, *ELSEWHERE, "stop_worker")
        made = note(
            fault.kind,
            fault.at_s,
            fault.over_s if mended else None,
            number=fault.number,
            died=tuple(fault.died),
            mains=tuple(fault.mains),
            pool=tuple(fault.pool),
            model={"fault": fault.kind, "to": to},
        )
        if fault.kind == "shutdown_worker":  # it is done when the worker has ended
            made = dataclasses.replace(made, struck_ns=ns(max(fault.over_s, fault.at_s)))
        return made

    def again(self) -> Counter[int]:
        """Second runs by the fault to blame: what killed the run before, if its message had not
        come again by then; else what gave its message back."""
        found: Counter[int] = Counter()
        for runs in self.runs.values():
            for before in runs[:-1]:
                killed, taken = before.killed_by, before.taken_by
                by = killed if killed is not None and killed.at_s < before.again_s else taken
                assert by is not None, "nothing in this world runs again for nothing"
                found[by.number] += 1
                self.branches[f"again after {by.kind}"] += 1
                self.branches["by two faults"] += killed is not taken and killed is not None
        return found

    def lost(self) -> Counter[int]:
        """Lost units by the fault to blame."""
        found: Counter[int] = Counter()
        for fault in self.lost_by.values():
            found[fault.number] += 1
            self.branches[f"lost by {fault.kind}"] += 1
        return found


def test_of_random_plans_each_fault_gets_what_it_did(tmp_path: Path) -> None:
    """Several workers, up to six faults of several kinds that overlap. Each branch of the model is
    taken often enough for the agreement to mean something."""
    branches: Counter[str] = Counter()
    for seed in range(PLANS):
        world = World(seed, branches)
        world.play()
        folder = tmp_path / str(seed)
        folder.mkdir()
        settings = {"task_acks_late": world.late}
        read = world.block.read(folder, *world.notes(), settings=settings, load_s=8.0, over_s=60.0)
        faults = {fault.number: fault for fault in read.fields["faults"]}
        again = {number: fault.trouble.duplicated for number, fault in faults.items()}
        assert +Counter(again) == world.again(), f"seed {seed}"
        lost = {number: fault.trouble.lost for number, fault in faults.items()}
        assert +Counter(lost) == world.lost(), f"seed {seed}"
        if faults:
            assert read.unattributed.unsound == 0, f"seed {seed}"
        kept = {one.about: one.kept for one in read.fields["promises"]}
        assert kept.get("slowness") != "broken", f"seed {seed}"
    rare = {branch: count for branch, count in branches.items() if count < 2}
    assert not rare
    assert len(branches) >= 15, sorted(branches)
