"""Blocks with faults, made by hand: logs of several processes, and what is read from them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.probe.recording.events import (
    HEADER,
    HEADER_BYTES,
    MAGIC,
    RECORD,
    Kind,
    Outcome,
    cpu_fields,
)
from harness.results.block.by_queue import EVERYBODY, Takers
from harness.results.block.ledger import BlockEnd, Final
from harness.results.block.summary import Digest, digest
from harness.results.events.merge import merge
from harness.results.events.ran_with import ran_or_planned
from harness.results.events.unit_shape import UnitShape
from harness.results.faults.notes import Fallen, FaultNote
from harness.results.faults.of_a_block import aftermath, with_faults, with_orphans
from harness.results.record.faults import FaultRecord, Trouble
from harness.results.record.parts import LogFigures
from tests.results.events.histories import ident_of

BEGIN_NS = 1_000_000_000_000
CLIENT, MAIN, CHILD = 10, 20, 21
OTHER_MAIN, OTHER_CHILD = 30, 31
CONFIG: dict[str, Any] = {
    "broker": {"service": "redis", "persistence": "none"},
    "backend": {"service": "redis"},
    "settings": {},
}
SHAPE = UnitShape(
    sequential=False, grouped=False, watched=True, held=False, stores_results=True, tasks_per_unit=1
)


def ns(seconds: float) -> int:
    """A moment so long after the first unit was due."""
    return BEGIN_NS + round(seconds * 1e9)


@dataclass
class Read:
    """What the harness makes of a block."""

    result: Digest
    fields: LogFigures

    @property
    def fault(self) -> FaultRecord:
        """The only one, or the first."""
        return self.fields["faults"][0]

    @property
    def unattributed(self) -> Trouble:
        """Trouble that nobody is to blame for, in a block in which something was broken."""
        found = self.fields["unattributed"]
        assert found is not None
        return found

    def outcome(self, unit: int) -> str:
        """Of one unit."""
        return Final(self.result.ledger.final[unit]).name.lower()


@dataclass
class MadeBlock:
    """Units numbered from 0, due where the test says; every stamp with its process."""

    logs: dict[int, list[bytes]] = field(default_factory=dict)
    units: int = 0
    takers: Callable[[int], Takers] = lambda _: EVERYBODY
    """Who may take what, of so many units."""
    parents: dict[int, int] = field(default_factory=lambda: {CHILD: MAIN, OTHER_CHILD: OTHER_MAIN})
    """Pool process -> its worker's main process."""
    tasks: int = 1
    """Of each unit, side by side."""

    def unit(self, due_s: float, *, fails: int | None = None) -> int:
        """Publish one, or have its publish call raise after 0.1 s, for the reason of a number."""
        number, self.units = self.units, self.units + 1
        self.stamp(CLIENT, Kind.DUE, number, due_s)
        self.stamp(CLIENT, Kind.PUBLISH, number, due_s)
        if fails is None:
            self.stamp(CLIENT, Kind.PUBLISHED, number, due_s + 0.001)
        else:
            self.stamp(CLIENT, Kind.PUBLISH_FAILED, number, due_s + 0.1, position=fails)
        return number

    def done(self, due_s: float, took_s: float = 0.01, *, other: bool = False) -> int:
        """One that goes well, in the worker or in the other one."""
        number = self.unit(due_s)
        self.receive(number, due_s + took_s / 4, other=other)
        self.run(number, due_s + took_s / 2, due_s + took_s * 0.9, other=other)
        self.see(number, due_s + took_s)
        return number

    def receive(self, unit: int, at_s: float, *, other: bool = False) -> None:
        self.stamp(OTHER_MAIN if other else MAIN, Kind.RECEIVED, unit, at_s)

    def run(self, unit: int, at_s: float, until_s: float | None, *, other: bool = False) -> None:
        """Start, and unless it does not come to that, finish and store."""
        pid = OTHER_CHILD if other else CHILD
        self.stamp(pid, Kind.STARTED, unit, at_s)
        if until_s is not None:
            for kind in (Kind.FINISHED, Kind.STORING, Kind.STORED):
                self.stamp(pid, kind, unit, until_s)

    def see(self, unit: int, at_s: float, outcome: Outcome = Outcome.OK) -> None:
        self.stamp(CLIENT, Kind.SEEN, unit, at_s, flags=outcome)

    def stamp(
        self,
        pid: int,
        kind: Kind,
        unit: int,
        at_s: float,
        *,
        task: int = 0,
        position: int = 0,
        flags: int = 0,
        cpu_s: float = 0.0,
    ) -> None:
        own = unit if pid == CLIENT else 0
        if cpu_s:
            own, position = cpu_fields(round(cpu_s * 1e9))
        record = RECORD.pack(ident_of(unit, task), ns(at_s), own, position, flags, kind)
        self.logs.setdefault(pid, []).append(record)

    def read(
        self,
        folder: Path,
        *notes: FaultNote,
        end: BlockEnd | None = None,
        unacknowledged: int = 0,
        settings: dict[str, Any] | None = None,
        reasons: Sequence[Sequence[str]] = (),
        load_s: float = 10.0,
        fallen: tuple[Fallen, ...] = (),
        over_s: float = 20.0,
    ) -> Read:
        """Write the logs and have them judged."""
        self.write(folder)
        merged = merge(folder, self.tasks, grouped=False)
        who = self.takers(len(merged.units.unit))
        after = aftermath(folder, merged, notes, reasons, ns(load_s), fallen, ns(over_s), who)
        end = with_orphans(end or BlockEnd(), merged, after, unacknowledged)
        result = digest(merged, dataclasses.replace(SHAPE, tasks_per_unit=self.tasks), end)
        config = {**CONFIG, "settings": settings or {}}
        return Read(
            result, with_faults(result, after, config, ran_or_planned((), config), unacknowledged)
        )

    def write(self, folder: Path) -> None:
        """The event logs, into a folder that is there."""
        roles = {CLIENT: "client", **dict.fromkeys(self.parents.values(), "worker")}
        for pid, records in self.logs.items():
            role = roles.get(pid, "child")
            identity = json.dumps(
                {"role": role, "pid": pid, "ppid": self.parents.get(pid, 1)}
            ).encode()
            header = (HEADER.pack(MAGIC, len(identity)) + identity).ljust(HEADER_BYTES, b"\0")
            (folder / f"{role}-{pid}-1.evt").write_bytes(header + b"".join(records))


def fell(at_s: float = 3.0) -> Fallen:
    """The worker ended by itself at a moment, as some do when their broker is cut off."""
    return Fallen(MAIN, "worker1", "AttributeError", ns(at_s))


def note(fault: str, begin_s: float, over_s: float | None = None, **fields: Any) -> FaultNote:
    """A fault that was done at once, and undone at a moment, if it was to be."""
    over_ns = None if over_s is None else ns(over_s)
    fields.setdefault("mains", (MAIN,))
    fields.setdefault("model", {"fault": fault, "to": "broker"})
    return FaultNote(
        number=fields.pop("number", 0),
        fault=fault,
        planned_ns=ns(begin_s),
        load_begin_ns=BEGIN_NS,
        begin_ns=ns(begin_s),
        struck_ns=ns(begin_s),
        mending_ns=over_ns,
        mended_ns=over_ns,
        **fields,
    )
