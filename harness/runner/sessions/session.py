"""One block's conversation with its clients and workers: warm up, load, drain, check."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.conversation import Client
from harness.crew.beat import BeatSeat
from harness.crew.clients import Clients
from harness.crew.falls import Fall
from harness.crew.workers import CrewSeen, Workers
from harness.errors import ClientError, HarnessError
from harness.results.block.load_phases import PlannedPhase
from harness.results.events.mix import Mix
from harness.results.events.unit_shape import UnitShape
from harness.results.faults.notes import FaultNote
from harness.results.record.loads import Saturation
from harness.runner.faults.engine import FaultEngine
from harness.runner.measuring.costs import CostMeter, Costs
from harness.runner.measuring.results_left import Left
from harness.runner.prepare.disk import DiskGuard
from harness.runner.prepare.first_calls import refuse_failing, refuse_raising
from harness.runner.sessions.drain import QUIET_S, Drain
from harness.runner.sessions.loaded import Loaded
from harness.runner.telling.courier import Courier, silent
from harness.runner.telling.interrupts import Interrupts
from harness.scenario.models.scenario import Cell
from harness.scenario.plan.bounds import CHECK_S, block_bound_s
from harness.scenario.settings.planned import redelivery_time_s
from harness.services.base import Namespace
from harness.usage import together

_ANSWERS_S = 30.0
"""How long clients may take to stop when a block's time is up."""
_SETTLE_S = 0.5


@dataclass(frozen=True)
class Measured:
    """What was seen of a block while it ran, beside its event logs."""

    trouble: str = ""
    """Why it went wrong, if it did."""
    failing: Sequence[str] = ()
    """Labels of the user's own tasks that failed at each call before the measuring."""
    cut_short: bool = False
    """The user ended it."""
    gave_up: bool = False
    """The client found that nothing came back any more, or nobody was left to do anything."""
    out_of_numbers: bool = False
    """A client had published as many units as it can number, and should have published more."""
    slice_s: float | None = None
    """Of one of twins: how long its slices were to be, see `scenario.loads.turns`."""
    not_all_put_on: bool = False
    """It is one of twins, one of which could not go on: the load of both was ended."""
    bound_s: float | None = None
    """Seconds that the block might take at most."""
    out_of_time: bool = False
    """Whether the block took that long, and was ended."""
    at_rest: bool = True
    """Whether nothing was under way any more when nobody waited any more."""
    over_ns: int = 0
    """When nobody waited any more (CLOCK_MONOTONIC)."""
    workers_alive: bool = True
    slots: int = 0
    """Tasks that the workers can run at a time."""
    waiting: int = 0
    """Messages in the queue when nobody waited any more."""
    left_in_queues: Mapping[str, int] = field(default_factory=dict)
    """Messages in each queue after the workers had stopped."""
    strays: Mapping[str, int] = field(default_factory=dict)
    """Queues that appeared without being declared -> messages in them then."""
    left_unacknowledged: int = 0
    """Messages without acknowledgement after the workers had stopped."""
    worker_cpu_ns: int | None = None
    client_cpu_ns: int | None = None
    worker_peak_rss_bytes: int | None = None
    worker_grown_bytes: int | None = None
    """Bytes by which the workers' peak memory grew while it was measured."""
    crew: CrewSeen = field(default_factory=CrewSeen)
    client_peak_rss_bytes: int | None = None
    publish_errors: Mapping[str, int] | None = None
    plan: tuple[PlannedPhase, ...] = ()
    """Phases of an open loop, as they were begun."""
    saturation: Saturation | None = None
    observer: Mapping[str, float] | None = None
    observer_trouble: str = ""
    """What the observer met. May hold a URL: redact before it is kept."""
    costs: Costs | None = None
    left: Left | None = None
    """What is in the result backend when the block is over; None if it was not looked."""
    beat_cpu_ns: int | None = None
    """CPU time of `celery beat` while it was measured; None where there is none, or in a worker."""
    faults: tuple[FaultNote, ...] = ()
    """What was broken, and when."""
    fallen: tuple[Fall, ...] = ()
    """Workers that ended though no fault was about them."""
    beat_fell: Fall | None = None
    network: Mapping[str, float] | None = None
    """Round trips through the configuration's own network."""
    publish_reasons: Sequence[Sequence[str]] = ()
    """What publishing raised, for each client in the order of its numbers in the event log."""


@dataclass(frozen=True)
class MeasuredBlock:
    """The block that a session measures: its cell, its places, and those who take part."""

    cell: Cell
    shape: UnitShape
    events: Path
    """Folder of its event logs."""
    path: Path
    """The block's folder."""
    seed: int
    """Seed of random arrivals."""
    broker: Namespace
    observer: Client | None
    """Who sees results while the clients do not look; None where they do, or nobody does."""
    meter: CostMeter
    server_pids: Mapping[str, Sequence[int]]
    """`broker` and `backend` -> processes of the servers, where the harness started them."""
    beat: BeatSeat | None = None
    """Who publishes a schedule."""
    courier: Courier = field(default_factory=silent)
    faults: FaultEngine | None = None
    """What breaks meanwhile."""
    by_turns: bool = False
    """It is one of twins: the load is put on in turn with another block's."""


class Session:
    """The conversation of one block with its clients and workers, but for how its load is put on.

    A kind of load is a subclass with `load`; a row of `harness.scenario.loads.registry` names it.

    Example: clients publish all their units, and nobody waits for a result.
        >>> from harness.runner.sessions.loaded import Loaded, added_up, since
        >>> class UnwatchedSession(Session):
        ...     def load(self) -> Loaded:
        ...         before = self.workers.usage()
        ...         answers = self.clients.ask("measure", None, self.watch)
        ...         self.come_to_rest(None)
        ...         return Loaded(
        ...             since(before, self.workers.usage()),
        ...             client_cpu_ns=sum(one["client_cpu_ns"] for one in answers),
        ...             publish_errors=added_up(answers),
        ...             unresolved=0,
        ...         )
    """

    def __init__(
        self, room: MeasuredBlock, workers: Workers, clients: Clients, interrupts: Interrupts
    ) -> None:
        self.room = room
        self.workers = workers
        self.clients = clients
        self.interrupts = interrupts
        self._disk = DiskGuard(room.path)
        own = room.shape.own_tasks
        # Own tasks may publish further ones, and not all of these keep a result.
        self.drain = Drain(
            room.events,
            room.broker,
            stores_results=room.shape.stores_results and not own,
            quiet_s=quiet_s(room.cell, room.shape),
            settle_s=_SETTLE_S if own else 0.0,
            spawns=own or room.shape.comes_again,
            countdown_s=room.shape.countdown_s,
        )
        self._bound_s = block_bound_s(room.cell) * (2 if room.by_turns else 1)
        self._ends_at = time.monotonic() + self._bound_s
        self._out_of_time = False
        self._at_rest = True
        self._trouble = ""
        self._beat_fell: Fall | None = None
        self._told_to_stop = False
        self.unit_s: float | None = None
        """What a unit took in the warm-up; None before it, and where nobody waited for one."""

    def load(self) -> Loaded:
        """Put the load on and wait until it is over."""
        raise NotImplementedError

    def run(self) -> Measured:
        """The story of a measurement."""
        self.begin()
        return self.end(self.load())

    def begin(self) -> None:
        """Warm up, and begin to read what all costs."""
        self.room.courier.stage("warming up")
        self._warm_up()
        self.room.meter.begin(lambda: (*self.workers.pids, *self.clients.pids))
        self.room.courier.depth_from(self.room.meter.latest_depth)

    def end(self, loaded: Loaded) -> Measured:
        """Check what a load has left, and tell what was seen of the block."""
        spent = self.room.meter.end()
        self.room.courier.stage("checking")
        self._check(loaded)
        over_ns = time.monotonic_ns()
        self.workers.note_fallen()
        cut_short = self.interrupts.requested
        # What a dead worker and its pool had used is known to nobody any more. And when the user
        # ends a load that nobody watches, workers still run tasks that no reading covers.
        whole = self.workers.undisturbed
        covered = self.room.shape.watched or not cut_short
        used = together(loaded.usage.values())
        return Measured(
            trouble=self._trouble,
            cut_short=cut_short,
            gave_up=loaded.gave_up or self.hopeless or self._beat_fell is not None,
            out_of_numbers=loaded.out_of_numbers,
            bound_s=self._bound_s,
            out_of_time=self._out_of_time,
            at_rest=self._at_rest and not self._out_of_time,
            over_ns=over_ns,
            slots=self.workers.slots,
            waiting=self.room.broker.depth() or 0,
            faults=() if self.room.faults is None else self.room.faults.notes,
            fallen=self.workers.fallen,
            beat_fell=self._beat_fell,
            publish_reasons=loaded.publish_reasons,
            worker_cpu_ns=used.cpu_ns if whole and covered else None,
            client_cpu_ns=loaded.client_cpu_ns,
            worker_peak_rss_bytes=used.peak_rss_bytes if whole else None,
            worker_grown_bytes=used.grown_bytes if whole else None,
            crew=self.workers.seen(loaded.usage if covered else {}),
            client_peak_rss_bytes=self.clients.usage().peak_rss_bytes,
            publish_errors=loaded.publish_errors,
            plan=loaded.plan,
            saturation=loaded.saturation,
            observer=loaded.observer,
            observer_trouble=loaded.observer_trouble,
            beat_cpu_ns=loaded.beat_cpu_ns,
            costs=spent if self.room.shape.watched or not cut_short else None,
        )

    def _warm_up(self) -> None:
        done_before = self.drain.finished()
        answers = self.clients.ask("warmup", None, self.watch)
        self.unit_s = max(filter(None, (one["unit_s"] for one in answers)), default=None)
        if not self.room.shape.stores_results:  # nobody has waited for anything
            count = self.room.cell.measure.warmup * self.room.shape.tasks_per_unit
            self.come_to_rest(done_before + count + sum(one["called"] for one in answers))
            if (mix := self._own_mix) is not None and self.may_go_on():
                refuse_raising(self.room.events, mix, self.room.cell)
        elif (mix := self._own_mix) is not None:  # their side tasks are no measured ones'
            self.come_to_rest(0)
            if self.may_go_on():
                told = {unit: words for one in answers for unit, words in one["failures"].items()}
                refuse_failing(self.room.events, mix, told)

    @property
    def _own_mix(self) -> Mix | None:
        """Of the user's own tasks; None of any other workload."""
        return self.room.shape.mix if self.room.shape.own_tasks else None

    def watch(self) -> None:
        """Called all the time: a full disk, the user's Ctrl-C or the end of the last worker ends
        the load in order. That a worker ends by itself is a finding, and no trouble of the block.
        """
        self.workers.note_fallen()
        try:
            if self.room.faults is not None:
                self.room.faults.serve()
        except HarnessError as error:
            self._trouble = self._trouble or str(error)
        self._trouble = self._trouble or self._disk.trouble()
        over_s = time.monotonic() - self._ends_at
        self._out_of_time = self._out_of_time or over_s > 0
        if over_s > _ANSWERS_S + CHECK_S:
            raise ClientError(f"clients did not stop within {_ANSWERS_S:g} s of the block's end")
        if not self.may_go_on():
            self._stop_clients()

    def _stop_clients(self) -> None:
        if not self._told_to_stop:
            self._told_to_stop = True
            self.clients.tell("stop")

    def may_go_on(self) -> bool:
        """Whether there is a reason to go on, as far as that was looked for by now."""
        over = self._trouble or self.interrupts.requested or self._out_of_time
        return not (over or self.hopeless)

    @property
    def hopeless(self) -> bool:
        """Whether nothing can come any more, as all workers ended by themselves. Where something is
        broken on purpose the load goes on all the same: what becomes of it is the question."""
        return self.room.faults is None and self.workers.all_fell

    @property
    def unit_limit_s(self) -> float:
        """Seconds that a unit may take (`measure.timeout`, from its ETA on): so long is one waited
        for, or tried to be sent. What came later is judged by `results.block.ledger`."""
        return self.room.cell.unit_limit_s

    def going_on(self) -> bool:
        """`watch`, and whether there is a reason to go on."""
        self.watch()
        return self.may_go_on()

    def come_to_rest(self, expected_tasks: int | None, *, settle: bool = True) -> None:
        """Wait until nothing is under way any more, for as long as a unit may take. Not `settle`:
        no task has published a further one so far, so that none is looked out for."""
        limit_s = self.unit_limit_s
        began_s = time.monotonic()
        self._at_rest = self.drain.wait(
            expected_tasks, limit_s, self._going_on_with_all, settle=settle
        )
        if not self._at_rest and self.workers.fallen and self.going_on():
            # What they had is under way no more.
            left_s = limit_s - (time.monotonic() - began_s)
            self.come_to_rest_after_faults(expected_tasks, left_s)
        self._at_rest = self._at_rest or self.workers.all_fell

    def come_to_rest_after_faults(self, expected_tasks: int | None, limit_s: float) -> None:
        """Wait until nothing is under way any more, for `limit_s` at most, where something may have
        been lost. Where no worker is left, nothing is."""
        redelivery_s = redelivery_time_s(self.room.cell.configuration)
        self._at_rest = self.drain.wait_after_faults(
            expected_tasks, limit_s, redelivery_s, self._going_on_with_some
        )
        self._at_rest = self._at_rest or self.workers.all_fell

    def _going_on_with_all(self) -> bool:
        return self.going_on() and not self.workers.fallen

    def _going_on_with_some(self) -> bool:
        return self.going_on() and not self.workers.all_fell

    def _check(self, loaded: Loaded) -> None:
        """Let what is under way come to rest, then have the missing results looked for."""
        if self.room.shape.watched and loaded.unresolved and self.room.faults is None:
            self.come_to_rest(None)
        elif self.room.shape.own_tasks:
            self.come_to_rest(0)  # what the tasks have published themselves
        units = loaded.unseen or [()] * len(self.clients)
        arguments = [{"limit_s": CHECK_S, "units": list(own)} for own in units]
        self.clients.ask_each("check", None, self.watch, arguments)


def quiet_s(cell: Cell, shape: UnitShape) -> float:
    """How long all must stand idle before what did not come is given up. Between two looks of
    `celery.chord_unlock` nothing moves, and its message waits in a worker."""
    if not shape.order.has_chords:
        return QUIET_S
    interval_s = cell.configuration.settings.get("result_chord_retry_interval") or 1.0
    return max(QUIET_S, 2 * float(interval_s) + 1.0)
