"""Made-up histories of a block, as event logs and as the obvious Python values they stand for."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

from harness.probe.events import (
    HEADER,
    HEADER_BYTES,
    MAGIC,
    NO_ID,
    RAISED,
    RECORD,
    Kind,
    Outcome,
    UnitFlag,
)

Record = tuple[int, bytes, int, int, int, int]
"""kind, id, time_ns, unit, position, flags: the order of `Recorder.record`."""


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
    ident: bytes
    publish: int
    tasks: list[Task]
    due: int | None = None
    published: int | None = None
    publish_failed: bool = False
    named: bool = True
    """The client lived long enough to say which tasks the unit consists of."""
    seen: Outcome | None = None
    seen_at: int = 0
    checked: Outcome | None = None
    checked_at: int = 10**15

    def records(self) -> list[Record]:
        number, ident = self.number, self.ident
        records: list[Record] = [(Kind.PUBLISH, ident, self.publish, number, 0, self.flag)]
        if self.due is not None:
            records.append((Kind.DUE, ident, self.due, number, 0, 0))
        if self.published is not None:
            records.append((Kind.PUBLISHED, ident, self.published, number, 0, 0))
        if self.publish_failed:
            records.append((Kind.PUBLISH_FAILED, ident, self.publish + 1, number, 0, 0))
        if self.named:
            records += [
                (Kind.MEMBER, task.ident, 0, number, place, 0)
                for place, task in enumerate(self.tasks)
            ]
        if self.seen is not None:
            records.append((Kind.SEEN, ident, self.seen_at, number, 0, self.seen))
        if self.checked is not None:
            records.append((Kind.CHECKED, ident, self.checked_at, number, 0, self.checked))
        return records + [record for task in self.tasks for record in task.records()]


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

    def write(self, folder: Path) -> None:
        """Lay the records out over `files` logs, in no order, with gaps, some tails cut."""
        shuffler = random.Random(self.seed)  # noqa: S311 - not a secret
        records: list[Record] = [
            (Kind.MEASURE_BEGIN, NO_ID, 1, 0, 0, 0),
            (Kind.RELEASE, NO_ID, self.release, 0, 0, 0),
        ]
        records += [record for unit in self.units for record in unit.records()]
        records += [record for task in self.strangers for record in task.records()]
        shuffler.shuffle(records)
        identity = json.dumps({"role": "any"}).encode()
        header = (HEADER.pack(MAGIC, len(identity)) + identity).ljust(HEADER_BYTES, b"\0")
        for number in range(self.files):
            body = b"".join(
                RECORD.pack(ident, at, unit, position, flags, kind)
                + bytes(RECORD.size * shuffler.choice((0, 0, 0, 2)))
                for kind, ident, at, unit, position, flags in records[number :: self.files]
            )
            rest = bytes(shuffler.randrange(100))
            (folder / f"{number}.evt").write_bytes(header + body + rest)


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


@st.composite
def units(draw: st.DrawFn, number: int, most_tasks: int, *, watched: bool) -> Unit:
    count = draw(st.integers(1, most_tasks))
    # Ids that differ in one half only: nothing may rely on half an id.
    idents = [draw(st.sampled_from((0, 1, 2**64 - 1))).to_bytes(8, "big")] * count
    idents = [half + (number * 100 + place).to_bytes(8, "big") for place, half in enumerate(idents)]
    if draw(st.booleans()):
        idents = [ident[8:] + ident[:8] for ident in idents]
    unit = Unit(
        number=number,
        flag=draw(st.sampled_from((*[UnitFlag.MEASURED] * 4, UnitFlag.WARMUP, UnitFlag.PROBE))),
        ident=idents[-1] if draw(st.booleans()) else (10**9 + number).to_bytes(16, "little"),
        publish=draw(TIMES),
        due=draw(st.none() | TIMES),
        tasks=[draw(tasks(ident)) for ident in idents],
    )
    fate = draw(st.sampled_from(("published",) * 8 + ("failed", "killed")))
    unit.named = fate == "published"
    unit.publish_failed = fate == "failed"
    unit.published = draw(TIMES) if fate == "published" else None
    if fate == "published":
        told = [outcome for outcome in Outcome if outcome is not Outcome.NONE]
        unit.seen = draw(st.sampled_from((None, *told, *LATE))) if watched else None
        unit.seen_at = draw(st.integers(40, 100))
        if unit.seen in (None, Outcome.TIMED_OUT):
            found = [outcome for outcome in Outcome if outcome is not Outcome.TIMED_OUT]
            unit.checked = draw(st.sampled_from((None, *found)))
            unit.checked_at = draw(st.integers(20, 120))
    return unit


@st.composite
def histories(draw: st.DrawFn) -> History:
    watched = draw(st.booleans())
    most_tasks = draw(st.sampled_from((1, 2, 4)))
    numbers = draw(st.lists(st.integers(0, 40), unique=True, max_size=8))
    return History(
        sequential=draw(st.booleans()),
        watched=watched,
        units=[draw(units(number, most_tasks, watched=watched)) for number in numbers],
        strangers=[
            draw(tasks((5000 + place).to_bytes(16, "big")))
            for place in range(draw(st.integers(0, 3)))
        ],
        release=draw(TIMES),
        files=draw(st.integers(1, 4)),
        seed=draw(st.integers(0, 2**16)),
    )
