"""The phases of an open-loop load: warm-up, steady, burst, ramp, drain, or the steps of a search.

Not to be mixed up with the phases of a unit (`results.block.phases`): these are stretches of time,
and a unit belongs to the one in which it was due.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.results.arrays import Times, Truths
from harness.results.block.ledger import Ledger
from harness.results.block.phases import Phases
from harness.results.events.merged import MISSING, Merged
from harness.results.record.distributions import Distribution
from harness.results.record.loads import GroupLoad, LoadPhaseRecord

PLAN_FILE = "load-phases.json"
"""In a block's folder while it is measured; its content then stands in the record."""
BEHIND = 0.01
"""The share of a phase's units that may be sent after its end before the client is to blame."""
_AT_ONCE_NS = 1_000_000
"""A phase that begins so soon after the one before it follows it at once: moments are rounded."""
_EDGE = 0.1
"""The share of a slice before its end in which a unit that ends by itself may as well end after it:
each slice has an end, and a load in one stretch has one alone."""
_NOT_COUNTED = ("warmup", "drain", "search")


@dataclass(frozen=True)
class PlannedPhase:
    """One stretch of a load, as it was planned and begun."""

    name: str
    begin_ns: int
    """CLOCK_MONOTONIC."""
    duration_s: float
    rate_per_s: float
    to_per_s: float
    unsent: int = 0
    """Units that were due in it and never sent."""
    slices: tuple[tuple[int, int], ...] = ()
    """Begin and end of each of its slices (CLOCK_MONOTONIC ns), where it is put on in turn with the
    load of a twin; empty where it is one stretch."""

    @property
    def counted(self) -> bool:
        """Whether its units are in the block's figures."""
        return self.name not in _NOT_COUNTED

    @property
    def end_ns(self) -> int:
        """When the next one begins."""
        return self.slices[-1][1] if self.slices else self.begin_ns + round(self.duration_s * 1e9)

    @property
    def spans_ns(self) -> tuple[tuple[int, int], ...]:
        """Begin and end of the stretches in which units of it are due."""
        return self.slices or ((self.begin_ns, self.end_ns),)


SentPhases = Sequence[PlannedPhase]


def as_one(slices: SentPhases) -> PlannedPhase:
    """One phase of those that follow each other with something else in between."""
    spans = tuple(span for one in slices for span in one.spans_ns)
    return replace(
        slices[0],
        duration_s=sum(one.duration_s for one in slices),
        unsent=sum(one.unsent for one in slices),
        slices=spans,
    )


def write_plan(folder: Path, plan: SentPhases) -> None:
    """Keep the plan beside the events, in case the harness is killed."""
    text = json.dumps([asdict(phase) for phase in plan])
    partial = folder / f"{PLAN_FILE}.partial"
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder / PLAN_FILE)


def read_plan(folder: Path) -> tuple[PlannedPhase, ...]:
    """What `write_plan` kept; empty for loads without phases, or if it is damaged."""
    try:
        kept = json.loads((folder / PLAN_FILE).read_text(encoding="utf-8"))
        return tuple(
            PlannedPhase(**{**phase, "slices": tuple(map(tuple, phase.get("slices", ())))})
            for phase in kept
        )
    except (OSError, ValueError, TypeError):
        return ()


def phase_of_unit(merged: Merged, plan: SentPhases) -> npt.NDArray[np.int64]:
    """Index of the phase in which each unit was due. Every unit belongs to one."""
    begins = np.array([phase.begin_ns for phase in plan], dtype=np.int64)
    found = np.searchsorted(begins, merged.units.due_ns, side="right") - 1
    return np.maximum(found, 0).astype(np.int64)


def counted_units(merged: Merged, plan: SentPhases) -> Truths:
    """Units that are in the block's figures: all of them where the load has no phases."""
    if not plan:
        return np.ones(len(merged.units.unit), dtype=bool)
    counted = np.array([phase.counted for phase in plan])
    chosen: Truths = counted[phase_of_unit(merged, plan)]
    return chosen


def stretches(plan: SentPhases) -> npt.NDArray[np.int64]:
    """For each phase the number of its stretch: counted phases without anything between them are
    one. -1 for those that are not counted."""
    found, number, begun_until = list[int](), -1, None
    for phase in plan:
        if phase.counted:
            follows = begun_until is not None and phase.begin_ns - begun_until < _AT_ONCE_NS
            number += 0 if follows else 1
        found.append(number if phase.counted else -1)
        begun_until = phase.end_ns if phase.counted else None
    return np.array(found, dtype=np.int64)


def time_of_stretches(
    stretch: npt.NDArray[np.int64],
    due_ns: npt.NDArray[np.int64],
    ended_ns: npt.NDArray[np.int64],
    usable: Truths,
) -> int:
    """Nanoseconds from the first unit due to the last one over, of each stretch, and none of them
    twice. `stretch`: of each unit, -1 where it is not counted; `usable`: those with a known end."""
    total, until = 0, 0
    for number in range(int(stretch.max(initial=-1)) + 1):
        mine = stretch == number
        if not mine.any():
            continue
        begin = int(due_ns[mine].min())
        end = max(int(due_ns[mine].max()), int(ended_ns[mine & usable].max(initial=0)))
        total += max(end - max(begin, until), 0)
        until = max(until, end)
    return total


def time_of_slices(
    plan: SentPhases,
    due_ns: npt.NDArray[np.int64],
    ended_ns: npt.NDArray[np.int64],
    usable: Truths,
) -> int:
    """Nanoseconds of all slices together, each until what was due in it is over."""
    total = 0
    for begin_ns, end_ns in (span for phase in plan for span in phase.spans_ns):
        mine = usable & (due_ns >= begin_ns) & (due_ns < end_ns)
        total += max(end_ns, int(ended_ns[mine].max(initial=0))) - begin_ns
    return total


def on_time(merged: Merged, plan: SentPhases) -> Truths:
    """Units that were sent before the end of their phase. In slices each of them has an end, and a
    load in one stretch has one alone: so a slice's unit may be as much later than its slice's end
    as makes a client that is always late by as much fall behind in slices as it does in one."""
    spans = np.array([span for phase in plan for span in phase.spans_ns], dtype=np.int64)
    late = [
        round(BEHIND * (phase.duration_s * 1e9 - (end - begin)) * bool(phase.slices))
        for phase in plan
        for begin, end in phase.spans_ns
    ]
    until = spans[:, 1] + np.array(late, dtype=np.int64)
    mine = np.maximum(np.searchsorted(spans[:, 0], merged.units.due_ns, side="right") - 1, 0)
    sent: Truths = merged.units.publish_ns <= until[mine]
    return sent


def behind(planned: int, sent_in_time: int) -> bool:
    """Whether the client fell behind its target. One late unit is none, however few there are."""
    return planned - sent_in_time > max(BEHIND * planned, 1)


@dataclass(frozen=True)
class GroupUnits:
    """Units that one group of workers alone may take."""

    group: str
    slots: int
    units: Truths
    run_s: float | None
    """For how long one of their tasks holds a slot, in the mean."""


@dataclass(frozen=True)
class _Block:
    """What the summaries of a block's phases are made of."""

    merged: Merged
    ledger: Ledger
    timing: Phases
    ended_ns: npt.NDArray[np.int64]
    """When each unit was over: seen, or finished where nobody watched."""
    could_end_ns: npt.NDArray[np.int64]
    """When each unit would have been over at the earliest, had it not waited for a worker."""
    owner: npt.NDArray[np.int64]
    """For each unit the phase of the plan in which it was due."""
    sent_in_time: Truths
    whole: bool
    """Whether it came to its end, so that what is missing is missing."""
    describe: Callable[[npt.NDArray[np.int64]], Distribution]
    of_groups: Sequence[GroupUnits]


def summaries(
    merged: Merged,
    ledger: Ledger,
    timing: Phases,
    plan: SentPhases,
    describe: Callable[[npt.NDArray[np.int64]], Distribution],
    own_ns: Times,
    of_groups: Sequence[GroupUnits] = (),
    *,
    whole: bool,
) -> tuple[LoadPhaseRecord, ...]:
    """Each phase by itself. `own_ns`: how long each unit takes that waits for no worker;
    `of_groups`: which of them only one group may take. `whole`: nobody broke the load off. Where
    somebody did, that units were not sent is not the client's fault."""
    if not plan:
        return ()
    block = _Block(
        merged,
        ledger,
        timing,
        merged.units.due_ns + timing.total_ns,
        merged.units.due_ns + own_ns,
        phase_of_unit(merged, plan),
        on_time(merged, plan),
        whole,
        describe,
        of_groups,
    )
    return tuple(_summary(block, index, plan) for index in range(len(plan)))


def _summary(block: _Block, index: int, plan: SentPhases) -> LoadPhaseRecord:
    phase = plan[index]
    mine = block.owner == index
    completed = mine & block.ledger.completed
    usable = completed & block.timing.known
    planned = int(mine.sum()) + phase.unsent
    in_time = int((mine & block.sent_in_time).sum())
    within, could = _within(block, phase)
    return LoadPhaseRecord(
        phase=phase.name,
        counted=phase.counted,
        begin_s=(phase.begin_ns - plan[0].begin_ns) / 1e9,
        duration_s=phase.duration_s,
        rate_per_s=phase.rate_per_s,
        to_per_s=phase.to_per_s,
        planned=planned,
        sent=int(mine.sum()),
        sent_in_time=in_time,
        unsent=phase.unsent,
        client_limited=block.whole and behind(planned, in_time),
        completed=int(completed.sum()),
        completed_per_s=float(within.sum() / phase.duration_s),
        could_complete=phase.unsent + int(could.sum()),
        in_flight_at_end=max(_in_flight(block, end_ns) for _, end_ns in phase.spans_ns),
        latency_s=block.describe(block.timing.total_ns[usable]),
        phases_s={name: block.describe(times[usable]) for name, times in block.timing.by_name()}
        if usable.any()
        else {},
        outcomes=block.ledger.outcomes_of(mine),
        of_groups=tuple(
            GroupLoad(
                group=one.group,
                slots=one.slots,
                planned=int((one.units & mine).sum()),
                completed_per_s=float((one.units & within).sum() / phase.duration_s),
                could_complete=int((one.units & could).sum()),
                run_s=one.run_s,
            )
            for one in block.of_groups
        ),
    )


def _within(block: _Block, phase: PlannedPhase) -> tuple[Truths, Truths]:
    """Units that were completed during a phase, and those that could have been."""
    ended = block.timing.known & block.ledger.completed
    could = _during(phase, block.could_end_ns, edge=_EDGE if phase.slices else 0.0)
    return ended & _during(phase, block.ended_ns), could


def _during(phase: PlannedPhase, at_ns: Times, *, edge: float = 0.0) -> Truths:
    """Whether each moment is in a stretch of the phase; `edge`: but for so much of its end."""
    found = np.zeros(len(at_ns), dtype=bool)
    for begin_ns, end_ns in phase.spans_ns:
        until_ns = end_ns - round(edge * (end_ns - begin_ns))
        found |= (at_ns >= begin_ns) & (at_ns < until_ns)
    return found


def _in_flight(block: _Block, at_ns: int) -> int:
    """Units published by a moment and not over by then."""
    published = (block.merged.units.publish_ns <= at_ns) & ~block.merged.units.publish_failed
    over = block.timing.known & (block.ended_ns <= at_ns)
    return int((published & ~over).sum())


def under_way(
    published_ns: npt.NDArray[np.int64], ended_ns: npt.NDArray[np.int64], phase: PlannedPhase
) -> tuple[float, float]:
    """How many units were under way in the second fifth of a phase, and in its last.

    `ended_ns` may hold MISSING for units that never ended. The first fifth is left out: there the
    number rises from nothing to where it stays.
    """
    fifth = round(phase.duration_s * 1e9 / 5)
    moments = np.linspace(0, fifth, 11)[:-1]
    ended = np.sort(np.where(ended_ns == MISSING, np.iinfo(np.int64).max, ended_ns))
    published = np.sort(published_ns)

    def within(fifths: int) -> float:
        at = phase.begin_ns + fifths * fifth + moments
        return float(
            (
                np.searchsorted(published, at, side="right")
                - np.searchsorted(ended, at, side="right")
            ).mean()
        )

    return within(1), within(4)


def unsent_by_phase(answers: Sequence[Mapping[str, int]], index: int) -> int:
    """Sum over clients of what they left unsent in a phase."""
    return sum(answer.get(str(index), 0) for answer in answers)
