"""What open loops share, and the load `rate`: a plan of phases that is sent on time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.clock import monotonic_ns
from harness.probe.recording.ids import first_unit
from harness.probe.spoken import PhaseSpec
from harness.results.block.load_phases import PlannedPhase, as_one, unsent_by_phase, write_plan
from harness.results.events.merge import merge
from harness.results.events.merged import MISSING, Merged
from harness.results.record.loads import Saturation
from harness.runner.sessions.drain import LOOK_S
from harness.runner.sessions.in_turns import TurnsSession, WorkersUsed
from harness.runner.sessions.loaded import Loaded, added_up, out_of_numbers
from harness.runner.sessions.session import Session
from harness.runner.slices import Slice
from harness.runner.telling.events import Goal
from harness.scenario.loads.rate import RateLoad
from harness.scenario.models.scenario import Cell
from harness.units import format_number
from harness.usage import Usage

LEAD_S = 0.2
"""Between the command and the first moment planned: every client has read it by then."""
_SLICE_LEAD_S = 0.1
"""The same before a slice: clients have just answered, and there are many slices."""
_ANSWER_S = 30.0
_LATE_S = 2.0
"""What has been stored by the end of a drain is seen by then."""


class OpenSession(Session):
    """What open loops share: sending a plan, and who has not been seen afterwards."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._sent: list[Mapping[str, Any]] = []
        self._results = 0
        """That are to be seen: one per unit, or per member of a group."""
        self._seen: Mapping[str, Any] = {}
        self._reply_to: str | None = None
        if self.room.observer is not None:
            started = self.room.observer.answer(self.room.cell.measure.startup_timeout, self.watch)
            self._reply_to = started["reply_to"]
        self._plan: tuple[PlannedPhase, ...] = ()

    def send(self, phases: Sequence[PhaseSpec], seed: int) -> None:
        """Run phases, and wait until nothing of them is under way any more."""
        observer = self.room.observer
        if observer is not None and not self._sent:  # after the warm-up, which is not its business
            observer.ask("watch", _ANSWER_S, self.watch, tags=list(self.clients.tags))
        lead_s = _SLICE_LEAD_S if self.room.by_turns else LEAD_S
        begin_ns = monotonic_ns() + round(lead_s * 1e9)
        begun = _begun(phases, begin_ns)
        self._keep((*self._plan, *begun))
        timeout_ns = round(self.unit_limit_s * 1e9)
        done_before = self.drain.finished()
        if not self.room.by_turns:  # else it is told once, of both
            self.room.courier.stage("measuring", *_goal(phases))
        if self.room.faults is not None:
            self.room.faults.begin(begin_ns)
        answers = self.clients.ask(
            "send",
            None,
            self.watch,
            phases=list(phases),
            seed=seed,
            at_ns=begin_ns,
            give_up_ns=begun[-1].end_ns + timeout_ns,
            reply_to=self._reply_to,
        )
        left = [answer["unsent"] for answer in answers]
        over = (
            replace(phase, unsent=unsent_by_phase(left, index)) for index, phase in enumerate(begun)
        )
        self._keep((*self._plan[: len(self._plan) - len(begun)], *over))
        if not self.room.by_turns:
            self.room.courier.stage("draining")
        self._sent += answers
        sent, shape = sum(answer["sent"] for answer in answers), self.room.shape
        self._settle(done_before + sent * shape.tasks_per_unit)
        self._results += sent * (shape.members if shape.grouped else 1)
        if observer is not None:
            # What is at rest is seen soon, and what is not has had its time.
            limit_s = self.unit_limit_s if self._at_rest else _LATE_S
            self._seen = observer.ask(
                "settle", limit_s + _ANSWER_S, self.watch, limit_s=limit_s, expected=self._results
            )

    def _settle(self, expected_tasks: int) -> None:
        """Wait until nothing of what was sent is under way, and nothing is broken any more."""
        faults = self.room.faults
        if faults is None:
            settle = not self.room.by_turns or self.drain.spawned() > 0
            self.come_to_rest(expected_tasks, settle=settle)
            return
        while not faults.over and self.going_on():
            time.sleep(LOOK_S)
        self.come_to_rest_after_faults(expected_tasks, self.unit_limit_s)

    def loaded(self, usage: Mapping[str, Usage], saturation: Saturation | None = None) -> Loaded:
        """What is left of it all."""
        unseen = self._unseen()
        return Loaded(
            usage=usage,
            client_cpu_ns=sum(answer["client_cpu_ns"] for answer in self._sent),
            publish_errors=added_up(self._sent[-len(self.clients) :]),
            publish_reasons=[list(answer["publish_errors"]) for answer in self._sent],
            unresolved=sum(map(len, unseen)),
            out_of_numbers=out_of_numbers(self._sent),
            plan=self._plan,
            saturation=saturation,
            unseen=unseen,
            observer=self._observed(),
            observer_trouble=self._seen.get("trouble", ""),
        )

    def _observed(self) -> dict[str, float]:
        seen = self._seen
        if not seen:
            return {}
        return {
            "cpu_us_per_result": seen["cpu_ns"] / 1e3 / max(seen["seen"], 1),
            "resolution_s": seen["resolution_s"],
            "caught_up": seen["caught_up"],
            "undecodable": seen["undecodable"],
        }

    def _keep(self, plan: tuple[PlannedPhase, ...]) -> None:
        self._plan = plan
        # One phase on disk while a slice is put on, too: of two, whoever is killed meanwhile would
        # have the turns of the twin in its time.
        write_plan(self.room.path, (as_one(plan),) if self.room.by_turns else plan)

    def merged(self) -> Merged:
        """All events of the block that are on disk by now, as arrays."""
        shape = self.room.shape
        return merge(
            self.room.events, shape.tasks_per_unit, grouped=shape.grouped, members=shape.members
        )

    def _unseen(self) -> list[list[int]]:
        """For each client the published units that have no result yet, and that it can ask for:
        what went to the observer's queue is nowhere else."""
        if self._reply_to is not None:
            return [[] for _ in range(len(self.clients))]
        units = self.merged().units
        open_ = units.unit[(units.seen_ns == MISSING) & ~units.publish_failed]
        owner = open_ // first_unit(1)
        return [open_[owner == number].tolist() for number in range(len(self.clients))]


class RateSession(OpenSession, TurnsSession):
    """Phases as the scenario says, or slices of its one rate."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._used = WorkersUsed()

    def load(self) -> Loaded:
        """Until all that was sent has come to rest."""
        with self._used.meanwhile(self.workers):
            self.send(_phases(self.room.cell), self.room.seed)
        return self.left()

    def slice(self, one: Slice) -> None:
        """Send what is due in so many seconds, and wait until nothing of it is under way."""
        load = self.room.cell.load
        assert isinstance(load, RateLoad) and load.rate is not None  # noqa: S101, PT018 - a twin's
        assert one.seconds is not None  # noqa: S101 - so a load at a rate is divided
        number = sum(len(phase.slices) for phase in self._plan)
        with self.room.meter.turn(), self._used.meanwhile(self.workers):
            phase = planned_phase("steady", load.rate, one.seconds)
            self.send([phase], self.room.seed + number)
        self._keep((as_one(self._plan),))

    def left(self) -> Loaded:
        """What all that was sent so far has left."""
        return self.loaded(self._used.so_far)

    @property
    def gave_up(self) -> bool:
        """Whether a client has no numbers left: nobody waits for results."""
        return out_of_numbers(self._sent)


def _phases(cell: Cell) -> list[PhaseSpec]:
    load, measure = cell.load, cell.measure
    assert isinstance(load, RateLoad)  # noqa: S101 - chosen by the load's kind
    if load.phases is not None:
        return [phase.model_dump() for phase in load.phases]
    assert load.rate is not None  # noqa: S101 - the model wants one of the two
    duration_s = measure.duration or (measure.units or 0) / load.rate
    return [planned_phase("steady", load.rate, duration_s)]


def planned_phase(name: str, rate: float, duration_s: float) -> PhaseSpec:
    """One phase at a constant rate, as `OpenSession.send` and clients take it."""
    return {"phase": name, "rate": rate, "duration": duration_s}


def _goal(phases: Sequence[PhaseSpec]) -> tuple[Goal, str]:
    """How long they last, and at what rate if it is one."""
    goal = Goal(seconds=sum(phase["duration"] for phase in phases))
    rates = [phase.get("rate", 0.0) for phase in phases]
    return goal, f"at {format_number(rates[0])}/s" if len(rates) == 1 else ""


def _begun(phases: Sequence[PhaseSpec], begin_ns: int) -> tuple[PlannedPhase, ...]:
    begun = []
    for phase in phases:
        rate = phase.get("rate", 0.0)
        begun.append(
            PlannedPhase(phase["phase"], begin_ns, phase["duration"], rate, phase.get("to", rate))
        )
        begin_ns = begun[-1].end_ns
    return tuple(begun)
