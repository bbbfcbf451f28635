"""Made-up histories of a block, as event logs and as the obvious Python values they stand for."""

from __future__ import annotations

import json
import random
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from harness.probe.recording.events import (
    HEADER,
    HEADER_BYTES,
    MAGIC,
    NO_ID,
    RAISED,
    RECORD,
    Kind,
    Outcome,
    UnitFlag,
    id_bytes,
)
from harness.probe.recording.ids import WHOLE, namer
from harness.scenario.workloads.base import TaskOrder
from harness.scenario.workloads.canvas import CanvasWorkload

Record = tuple[int, bytes, int, int, int, int]
"""kind, id, time_ns, unit, position, flags: the order of `Recorder.record`."""

Look = tuple[int, Outcome]
"""When somebody had a result, and what it was."""

TAG = 0x0123_4567_89AB_8DEF
"""Of the one client of histories written by hand."""


def ident_of(unit: int, position: int, tag: int = TAG) -> bytes:
    return id_bytes(namer(tag)(unit, position))


@dataclass
class Task:
    """Every time stamp that workers wrote about one task. Twice the same stamp: it ran twice."""

    ident: bytes
    received: list[int] = field(default_factory=list)
    started: list[int] = field(default_factory=list)
    finished: list[tuple[int, bool]] = field(default_factory=list)
    """When, and whether it raised."""
    storing: list[int] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)

    def records(self) -> list[Record]:
        stamps = {
            Kind.RECEIVED: self.received,
            Kind.STARTED: self.started,
            Kind.STORING: self.storing,
            Kind.STORED: self.stored,
        }
        plain: list[Record] = [
            (kind, self.ident, at, 0, 0, 0) for kind, times in stamps.items() for at in times
        ]
        ends: list[Record] = [
            (Kind.FINISHED, self.ident, at, 0, 0, RAISED if raised else 0)
            for at, raised in self.finished
        ]
        return plain + ends


@dataclass
class Unit:
    """What the client wrote about one unit, and its tasks."""

    number: int
    flag: UnitFlag
    publish: int
    tasks: list[Task]
    tag: int = TAG
    recorded: bool = True
    """The client told of its publication."""
    due: int | None = None
    published: int | None = None
    publish_failed: bool = False
    seen: Outcome | None = None
    seen_at: int = 0
    seen_again: list[Look] = field(default_factory=list)
    members_seen: list[list[Look]] = field(default_factory=list)
    """Of a group: who saw which member's result, by position, from the first member's on."""
    first_member: int = 0
    position: int = 0
    """What stands in the records of the unit's own result."""
    checked: Outcome | None = None
    checked_at: int = 10**15
    checked_again: list[Look] = field(default_factory=list)

    def own_records(self) -> list[Record]:
        """The client's."""
        number, ident = self.number, ident_of(self.number, 0, self.tag)
        records: list[Record] = []
        if self.recorded:
            records.append((Kind.PUBLISH, ident, self.publish, number, 0, self.flag))
        if self.due is not None:
            records.append((Kind.DUE, ident, self.due, number, 0, 0))
        if self.published is not None:
            records.append((Kind.PUBLISHED, ident, self.published, number, 0, 0))
        if self.publish_failed:
            records.append((Kind.PUBLISH_FAILED, ident, self.publish + 1, number, 0, 0))
        records += [
            (Kind.SEEN, ident, at, number, self.position, outcome) for at, outcome in self.looks()
        ]
        records += [
            (Kind.SEEN, ident_of(number, place, self.tag), at, number, place, outcome)
            for place, looks in enumerate(self.members_seen, self.first_member)
            for at, outcome in looks
        ]
        records += [
            (Kind.CHECKED, ident, at, number, self.position, outcome)
            for at, outcome in self.checks()
        ]
        return records

    def looks(self) -> list[Look]:
        first = [] if self.seen is None else [(self.seen_at, self.seen)]
        return first + self.seen_again

    def checks(self) -> list[Look]:
        first = [] if self.checked is None else [(self.checked_at, self.checked)]
        return first + self.checked_again


@dataclass
class History:
    """One block."""

    sequential: bool
    watched: bool
    units: list[Unit]
    strangers: list[Task]
    """Tasks that nobody of the block published."""
    release: int
    files: int
    seed: int
    per_unit: int = 1
    grouped: bool = False
    steps: tuple[int, ...] = ()
    """How many tasks each step of a chord, or of a group in a chain, has."""
    strands: tuple[int, ...] = ()
    """Of a canvas that is nested deeper, as its workload says."""
    waits_for: tuple[frozenset[int], ...] = ()
    """The tasks that each task of a unit waits for, where that does not follow from the steps."""
    members: int = 0
    """How many of a unit's last tasks bring its result, where not all of a group do."""
    others: list[Record] = field(default_factory=list)
    """Records of kinds that only some workloads have."""
    mixed: bool = True
    """Everything in every log, whoever wrote it; else logs of clients, an observer, workers."""

    @property
    def order(self) -> TaskOrder:
        one_by_one = (1,) * self.per_unit if self.sequential else ()
        return TaskOrder(self.steps or one_by_one, self.strands)

    def logs(self) -> dict[str, list[Record]]:
        """What stands in which log, by the log's name, in no order."""
        own = [record for unit in self.units for record in unit.own_records()] + self.others
        tasks = [task for unit in self.units for task in unit.tasks] + self.strangers
        ran = [record for task in tasks for record in task.records()]
        moments: list[Record] = [
            (Kind.MEASURE_BEGIN, NO_ID, 1, 0, 0, 0),
            (Kind.RELEASE, NO_ID, self.release, 0, 0, 0),
        ]
        if self.mixed:
            return self._laid_out("any", [*own, *ran, *moments])
        seen = [record for record in own if record[0] == Kind.SEEN]
        received = [record for record in ran if record[0] == Kind.RECEIVED]
        return {
            **self._laid_out("observer", seen),
            **self._laid_out("client", [*(one for one in own if one not in seen), *moments]),
            **self._laid_out("worker", received),
            **self._laid_out("child", [record for record in ran if record not in received]),
        }

    def _laid_out(self, role: str, records: list[Record]) -> dict[str, list[Record]]:
        records = list(records)
        random.Random(self.seed).shuffle(records)  # noqa: S311 - not a secret
        return {f"{role}-{number}": records[number :: self.files] for number in range(self.files)}

    def write(self, folder: Path) -> None:
        """Write the logs, with gaps, some tails cut."""
        shuffler = random.Random(self.seed)  # noqa: S311 - not a secret
        for name, records in self.logs().items():
            identity = json.dumps({"role": name.split("-")[0]}).encode()
            header = (HEADER.pack(MAGIC, len(identity)) + identity).ljust(HEADER_BYTES, b"\0")
            body = b"".join(
                RECORD.pack(ident, at, unit, position, flags, kind)
                + bytes(RECORD.size * shuffler.choice((0, 0, 0, 2)))
                for kind, ident, at, unit, position, flags in records
            )
            rest = bytes(shuffler.randrange(100))
            (folder / f"{name}.evt").write_bytes(header + body + rest)


TIMES = st.integers(0, 60)
"""Few values, so that equal stamps and stamps in the wrong order are common."""

LATE = (Outcome.TIMED_OUT,) * 3
"""More than their share, because what is found out afterwards depends on them."""


@st.composite
def tasks(draw: st.DrawFn, ident: bytes) -> Task:
    task = Task(ident)
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 1, 2, 3)))):
        reached = draw(st.sampled_from((0, 1, 2, 3, 4, 5, 5, 5, 5)))
        at = sorted(draw(st.lists(TIMES, min_size=5, max_size=5)))
        if draw(st.integers(0, 9)) == 0:  # clocks that disagree
            at = draw(st.permutations(at))
        task.received += at[0:1] if reached > 0 else []
        task.started += at[1:2] if reached > 1 else []
        task.finished += [(at[2], draw(st.booleans()))] if reached > 2 else []
        task.storing += at[3:4] if reached > 3 else []
        task.stored += at[4:5] if reached > 4 else []
    return task


TOLD: list[Outcome] = [outcome for outcome in Outcome if outcome is not Outcome.NONE]
FOUND: list[Outcome] = [outcome for outcome in Outcome if outcome is not Outcome.TIMED_OUT]
SIGHTS: st.SearchStrategy[list[Look]] = st.lists(
    st.tuples(st.integers(40, 44), st.sampled_from(TOLD)), max_size=2
)
"""Often at the same moment, and not of one mind."""


@dataclass(frozen=True)
class Plan:
    """What the units of one history have in common."""

    workload: str
    per_unit: int
    watched: bool
    members: int


@st.composite
def units(draw: st.DrawFn, number: int, tag: int, plan: Plan) -> Unit:
    flag = draw(st.sampled_from((*[UnitFlag.MEASURED] * 4, UnitFlag.WARMUP, UnitFlag.PROBE)))
    count = 1 if flag == UnitFlag.PROBE else plan.per_unit
    unit = Unit(
        number=number,
        flag=flag,
        tag=tag,
        publish=draw(TIMES),
        due=draw(st.none() | TIMES),
        tasks=[draw(tasks(ident_of(number, place, tag))) for place in range(count)],
    )
    fate = draw(st.sampled_from(("published",) * 8 + ("failed", "killed", "unrecorded")))
    unit.recorded = fate != "unrecorded"
    unit.publish_failed = fate == "failed"
    unit.published = draw(TIMES) if fate == "published" else None
    if fate in ("published", "unrecorded"):
        draw(sights(unit, plan))
    return unit


@st.composite
def sights(draw: st.DrawFn, unit: Unit, plan: Plan) -> None:
    """Who saw the unit's result, or found it afterwards."""
    if plan.workload in ("chain", "steps"):
        unit.position = draw(st.sampled_from((0, plan.per_unit - 1)))
    by_members = False
    if plan.workload in ("group", "canvas"):
        unit.position = WHOLE
        by_members = plan.watched and draw(st.booleans())
    if by_members:  # 5000 is no member's position
        looks = [draw(SIGHTS) or draw(SIGHTS) for _ in range(plan.members)]
        unit.first_member = plan.per_unit - plan.members
        unit.members_seen = looks + draw(st.sampled_from(([], [[(41, Outcome.WRONG)]])))
    if plan.watched and not draw(st.booleans() if by_members else st.just(value=False)):
        unit.seen = draw(st.sampled_from((None, *TOLD, *LATE)))
        unit.seen_at = draw(st.integers(40, 100))
        unit.seen_again = draw(st.just([]) | SIGHTS)
    if draw(st.booleans()):
        unit.checked = draw(st.sampled_from((None, *FOUND)))
        unit.checked_at = draw(st.integers(20, 120))
        unit.checked_again = draw(st.just([]) | st.just([(70, Outcome.OK), (70, Outcome.WRONG)]))


TAGS = (TAG, TAG + 1, TAG - 1, 0x8000, 0xFFFF_FFFF_FFFF_8FFF)


@st.composite
def idents_of_nobody(draw: st.DrawFn, history_units: list[Unit], per_unit: int) -> bytes:
    """An id that no client of the block gave, though most look much like one."""
    near = [(unit.tag, unit.number) for unit in history_units] or [(TAG, 0)]
    tag, number = draw(st.sampled_from(near))
    known = {unit.tag for unit in history_units}
    other = draw(st.sampled_from([one for one in (*TAGS, 0x1234_8000) if one not in known]))
    whole = int.from_bytes(ident_of(number, 0, tag), "big")
    return draw(
        st.sampled_from(
            (
                ident_of(number, 0, other),
                ident_of(999_999, 0, tag),
                ident_of(number, draw(st.sampled_from((per_unit, WHOLE))), tag),
                (whole | draw(st.integers(1, 0xFFFF))).to_bytes(16, "big"),
                (whole ^ draw(st.sampled_from((1 << 62, 1 << 63)))).to_bytes(16, "big"),
                uuid.UUID(int=draw(st.integers(0, 2)), version=4).bytes,
                id_bytes("a name of the user's own"),
            )
        )
    )


@st.composite
def canvases(draw: st.DrawFn) -> CanvasWorkload:
    """Of few tasks: with more, hardly any unit has all of its stamps."""
    of, depth = draw(st.sampled_from((("group", 2), ("group", 3), ("chain", 2), ("chain", 3))))
    width, length = draw(st.sampled_from(((2, 2), (3, 2), (2, 3))))
    return CanvasWorkload.model_validate(
        {"workload": "canvas", "of": of, "depth": depth, "width": width, "length": length}
    )


Tree = tuple[str, list[Any]]
"""`group` or `chain`, and what is in it: further trees, or None for a task."""


def tree_of(workload: CanvasWorkload) -> Tree:
    """As the fields say it, level by level."""

    def at(level: int) -> Any:
        if level == workload.depth:
            return None
        kind = workload.of if level % 2 == 0 else {"group": "chain", "chain": "group"}[workload.of]
        count = workload.width if kind == "group" else workload.length
        return kind, [at(level + 1) for _ in range(count)]

    tree: Tree = at(0)
    return tree


def waits_for(workload: CanvasWorkload) -> tuple[frozenset[int], ...]:
    """Worked out by walking through the canvas, one task after the other: a chain's link begins
    when the whole link before it is over. Positions go by how many tasks come before a task at
    most, and then by their place in the canvas."""
    before: list[frozenset[int]] = []

    def walk(tree: Tree | None, waits: frozenset[int]) -> frozenset[int]:
        if tree is None:
            before.append(waits)
            return frozenset((len(before) - 1,))
        kind, inside = tree
        if kind == "group":
            return frozenset().union(*(walk(one, waits) for one in inside))
        for link in inside:
            waits = walk(link, waits)
        return waits

    walk(tree_of(workload), frozenset())
    ranks: list[int] = []
    for waits in before:
        ranks.append(1 + max((ranks[other] for other in waits), default=-1))
    in_order = sorted(range(len(before)), key=lambda task: (ranks[task], task))
    position = {task: at for at, task in enumerate(in_order)}
    return tuple(frozenset(position[other] for other in before[task]) for task in in_order)


@st.composite
def histories(draw: st.DrawFn) -> History:
    workload = draw(st.sampled_from(("single", "group", "chain", "steps", "canvas")))
    per_unit = 1 if workload == "single" else draw(st.sampled_from((1, 2, 4)))
    steps: tuple[int, ...] = ()
    if workload == "steps":
        steps = draw(st.sampled_from(((2, 1), (3, 1), (1, 2, 1), (1, 3, 1), (1, 2), (2, 2))))
        per_unit = sum(steps)
    nested = None
    if workload == "canvas":
        nested = draw(canvases())
        per_unit, steps = sum(nested.steps), nested.steps
    members = per_unit if nested is None else steps[-1]
    plan = Plan(workload, per_unit, draw(st.booleans()), members)
    tags = draw(st.lists(st.sampled_from(TAGS), unique=True, min_size=1, max_size=3))
    apart = draw(st.booleans())  # else the numbers of several clients lie among each other
    numbers = draw(st.lists(st.integers(0, 12), unique=True, max_size=8))
    made = []
    for number in numbers:
        client = draw(st.integers(0, len(tags) - 1))
        own = number + (client << 24 if apart else 0)
        made.append(draw(units(own, tags[client], plan)))
    return History(
        sequential=workload == "chain",
        watched=plan.watched,
        units=made,
        strangers=[
            draw(tasks(draw(idents_of_nobody(made, per_unit))))
            for _ in range(draw(st.integers(0, 3)))
        ],
        release=draw(TIMES),
        files=draw(st.integers(1, 4)),
        seed=draw(st.integers(0, 2**16)),
        per_unit=per_unit,
        grouped=workload in ("group", "canvas"),
        steps=steps,
        strands=() if nested is None else nested.strands,
        waits_for=() if nested is None else waits_for(nested),
        members=members,
        mixed=draw(st.booleans()),
    )
