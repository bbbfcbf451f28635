"""Event logs written by the real recorder, as clients and workers of one block write them."""

from __future__ import annotations

from pathlib import Path

from harness.probe.recording.events import Kind, Outcome, UnitFlag, id_bytes
from harness.probe.recording.ids import WHOLE, ident_maker, namer, new_tag
from harness.probe.recording.recorder import Recorder
from harness.results.events.unit_shape import UnitShape

MS = 1_000_000


def shape(tasks: int = 1, *, grouped: bool = False, watched: bool = True) -> UnitShape:
    return UnitShape(
        sequential=False,
        grouped=grouped,
        watched=watched,
        held=not watched,
        stores_results=True,
        tasks_per_unit=tasks,
    )


class Writers:
    """A client and a pool process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.client = Recorder(str(folder), "client")
        self.child = Recorder(str(folder), "child")
        tag = new_tag()
        self._ident, self._name = ident_maker(tag), namer(tag)
        self.client.open()
        self.child.open()

    def publish(
        self,
        unit: int,
        at_ms: int,
        flags: UnitFlag = UnitFlag.MEASURED,
        due_ms: int | None = None,
    ) -> None:
        if due_ms is not None:
            self.client.record(Kind.DUE, self._ident(unit), due_ms * MS, unit)
        self.client.record(Kind.PUBLISH, self._ident(unit), at_ms * MS, unit, 0, flags)

    def refuse(self, unit: int, at_ms: int) -> None:
        self.client.record(Kind.PUBLISH_FAILED, self._ident(unit), at_ms * MS, unit)

    def run(self, unit: int, at_ms: int, position: int = 0) -> None:
        ident = id_bytes(self._name(unit, position))
        self.child.record(Kind.STARTED, ident, at_ms * MS)
        self.child.record(Kind.FINISHED, ident, at_ms * MS)

    def see(self, unit: int, at_ms: int, outcome: Outcome = Outcome.OK, position: int = 0) -> None:
        ident = id_bytes(self._name(unit, position))
        self.client.record(Kind.SEEN, ident, at_ms * MS, unit, position, outcome)

    def see_group(self, unit: int, at_ms: int) -> None:
        ident = id_bytes(self._name(unit, WHOLE))
        self.client.record(Kind.SEEN, ident, at_ms * MS, unit, WHOLE, Outcome.OK)

    def check(self, unit: int, outcome: Outcome) -> None:
        self.client.record(Kind.CHECKED, self._ident(unit), 0, unit, 0, outcome)
