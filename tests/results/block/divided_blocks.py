"""Blocks whose work is divided: event logs of two groups of workers and their queues, by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.probe.recording.events import (
    HEADER,
    HEADER_BYTES,
    MAGIC,
    NO_ID,
    RECORD,
    Kind,
    Limit,
    Outcome,
    name_parts,
    reception_position,
)
from harness.results.block.ledger import BlockEnd
from harness.results.block.summary import Digest, digest
from harness.results.events.merge import merge
from harness.results.events.mix import Mix
from harness.results.events.routes import Routes
from harness.results.events.unit_shape import UnitShape
from tests.results.events.histories import ident_of

BEGIN_NS = 1_000_000_000_000
CLIENT = 10
FAST, FAST_CHILD, SLOW, SLOW_CHILD = 20, 21, 30, 31
WORKER_OF = {FAST: FAST, FAST_CHILD: FAST, SLOW: SLOW, SLOW_CHILD: SLOW}
GROUPS = {FAST: "fast", SLOW: "slow"}
CONFIG: dict[str, Any] = {
    "workers": {
        "fast": {"queues": ["urgent", "celery"], "concurrency": 2, "count": 2},
        "slow": {"queues": ["reports"], "concurrency": 1},
    },
    "settings": {},
}
MIX = Mix(labels=("add", "report"), unchecked=(False, False), slots=(0, 1), countdowns_s=(0.0, 0.0))
"""Units take turns: the even ones run `add`, the odd ones `report`."""
SHAPE = UnitShape(
    sequential=False,
    grouped=False,
    watched=True,
    held=False,
    stores_results=True,
    tasks_per_unit=1,
    mix=MIX,
    routes=Routes.of(CONFIG, ["urgent", "reports"]),
)


def ns(at_s: float) -> int:
    """A moment so long after the first unit was due."""
    return BEGIN_NS + round(at_s * 1e9)


@dataclass
class Divided:
    """Stamps by process. Each worker numbers the queues that it meets by itself."""

    groups: dict[int, str] = field(default_factory=lambda: dict(GROUPS))
    logs: dict[int, list[bytes]] = field(default_factory=dict)
    numbers: dict[tuple[int, str], int] = field(default_factory=dict)
    units: int = 0

    def unit(self, at_s: float) -> int:
        number, self.units = self.units, self.units + 1
        for kind, after_s in ((Kind.DUE, 0.0), (Kind.PUBLISH, 0.0), (Kind.PUBLISHED, 0.001)):
            self._put(CLIENT, kind, ident_of(number, 0), ns(at_s + after_s), number)
        return number

    def receive(
        self,
        unit: int,
        at_s: float,
        queue: str = "",
        worker: int = FAST,
        why: int = 0,
        position: int = 0,
    ) -> None:
        """`why`: a Reception; `position`: which of the unit's tasks, here and below."""
        place = self._number(worker, queue, at_s) if queue else 0
        limit = reception_position(Limit.SOFT, place)
        self._put(worker, Kind.RECEIVED, ident_of(unit, position), ns(at_s), 100, limit, why)

    def begin(self, unit: int, at_s: float, process: int = FAST_CHILD, position: int = 0) -> None:
        self._put(process, Kind.STARTED, ident_of(unit, position), ns(at_s))

    def end(self, unit: int, at_s: float, process: int = FAST_CHILD, position: int = 0) -> None:
        for kind in (Kind.FINISHED, Kind.STORING, Kind.STORED):
            self._put(process, kind, ident_of(unit, position), ns(at_s))

    def see(self, unit: int, at_s: float) -> None:
        self._put(CLIENT, Kind.SEEN, ident_of(unit, 0), ns(at_s), unit, 0, Outcome.OK)

    def done(
        self, at_s: float, taken_s: float, begun_s: float, over_s: float, queue: str, process: int
    ) -> int:
        """A unit that went well, by moments; seen a millisecond after its end."""
        unit = self.unit(at_s)
        self.receive(unit, taken_s, queue, WORKER_OF[process])
        self.begin(unit, begun_s, process)
        self.end(unit, over_s, process)
        self.see(unit, over_s + 0.001)
        return unit

    def read(self, folder: Path, shape: UnitShape = SHAPE, end: BlockEnd | None = None) -> Digest:
        """Write the logs and have them judged."""
        self.write(folder)
        return digest(merge(folder, 1, grouped=False), shape, end or BlockEnd())

    def write(self, folder: Path) -> None:
        for pid, records in self.logs.items():
            worker = WORKER_OF.get(pid, 0)
            role = "client" if pid == CLIENT else "worker" if pid == worker else "child"
            identity: dict[str, Any] = {"role": role, "pid": pid, "ppid": worker}
            if pid in self.groups:
                identity["group"] = self.groups[pid]
            text = json.dumps(identity).encode()
            header = (HEADER.pack(MAGIC, len(text)) + text).ljust(HEADER_BYTES, b"\0")
            (folder / f"{role}-{pid}-1.evt").write_bytes(header + b"".join(records))

    def _number(self, worker: int, queue: str, at_s: float) -> int:
        if (worker, queue) not in self.numbers:
            number = 1 + sum(pid == worker for pid, _ in self.numbers)
            self.numbers[worker, queue] = number
            for part, ident in enumerate(name_parts(queue, 255)):
                self._put(worker, Kind.QUEUE, ident, ns(at_s), number, part)
        return self.numbers[worker, queue]

    def _put(
        self, pid: int, kind: Kind, ident: bytes, at_ns: int, unit: int = 0, position: int = 0,
        flags: int = 0,
    ) -> None:  # fmt: skip
        record = RECORD.pack(ident or NO_ID, at_ns, unit, position, flags, kind)
        self.logs.setdefault(pid, []).append(record)


def starved(folder: Path) -> Digest:
    """Ten units in ten seconds: each report runs for 1.5 s, and the next one waits for it."""
    block = Divided()
    for number in range(5):
        at_s = 2.0 * number
        block.done(at_s, at_s + 0.01, at_s + 0.02, at_s + 0.03, "urgent", FAST_CHILD)
        block.done(at_s, at_s + 0.1, at_s + 0.2, at_s + 1.7, "reports", SLOW_CHILD)
    return block.read(folder)


def with_routes(config: dict[str, Any], *asked: str | None) -> UnitShape:
    """The shape of the mix above with another configuration, or other queues for its parts."""
    return replace(SHAPE, routes=Routes.of({**CONFIG, **config}, asked))
