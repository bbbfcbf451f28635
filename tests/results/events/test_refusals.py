"""Messages that workers refuse: from the records of workers to the ledger and the warning."""

from __future__ import annotations

from pathlib import Path

from harness.probe.recording.events import NO_ID, RECORD, REFUSALS, Kind, Outcome
from harness.results.block.ledger import BlockEnd, Stage, settle
from harness.results.block.summary import digest
from harness.results.events.merged import Merged
from tests.results.block.test_failures import Told
from tests.results.events.histories import ident_of
from tests.results.faults.made_blocks import SHAPE

DISALLOWED, UNDECODABLE = REFUSALS.index("ContentDisallowed"), REFUSALS.index("DecodeError")


class Refusing(Told):
    def worker(self, kind: Kind, ident: bytes, at_ns: int = 15, reason: int = 0) -> None:
        self.records.append(RECORD.pack(ident, at_ns, 0, reason, 0, kind))

    def refused(self, unit: int, reason: int = DISALLOWED) -> None:
        self.worker(Kind.REFUSED, ident_of(unit, 0), reason=reason)

    def stages(self, merged: Merged, waiting: int = 0) -> list[str]:
        ledger = settle(merged, BlockEnd(waiting), stores_results=True)
        return [Stage(stage).name.lower() for stage in ledger.stage.tolist()]


def test_a_refused_message_was_received(tmp_path: Path) -> None:
    told = Refusing()
    units = [told.unit(outcome=Outcome.NONE) for _ in range(4)]
    told.refused(units[0])
    told.refused(units[1])
    told.refused(units[2])
    told.worker(Kind.RECEIVED, ident_of(units[2], 0), 17)  # by another worker, the second time
    merged = told.merged(tmp_path)
    assert told.stages(merged) == [
        *("refused_by_worker", "refused_by_worker", "received_not_started", "never_received")
    ]
    fields = digest(merged, SHAPE, BlockEnd(workers_alive=False)).fields
    assert (fields["loss"].refused_by_worker, fields["loss"].never_received) == (2, 1)


def test_what_was_refused_waits_in_no_queue(tmp_path: Path) -> None:
    """The message that still waits is the other one's."""
    told = Refusing()
    waits, refused = (told.unit(outcome=Outcome.NONE) for _ in range(2))
    told.refused(refused)
    outcomes = digest(told.merged(tmp_path), SHAPE, BlockEnd(waiting=2)).fields["outcomes"]
    assert (waits, outcomes.timed_out, outcomes.lost) == (0, 1, 1)


def test_messages_are_counted_by_reason(tmp_path: Path) -> None:
    """Each once, however often it came; those without an id one by one; also somebody else's."""
    told = Refusing()
    unit = told.unit(outcome=Outcome.NONE)
    told.refused(unit)
    told.refused(unit)
    told.worker(Kind.REFUSED, b"f" * 16, reason=DISALLOWED)
    for _ in range(3):
        told.worker(Kind.REFUSED, NO_ID, reason=UNDECODABLE)
    told.worker(Kind.REFUSED, NO_ID, reason=999)  # of a newer harness
    merged = told.merged(tmp_path)
    assert merged.refusals == {"ContentDisallowed": 2, "DecodeError": 3, "unknown reason": 1}
    warnings = digest(merged, SHAPE, BlockEnd()).fields["warnings"]
    assert dict(merged.refusals) in [one.data for one in warnings if one.code == "refused_messages"]


def test_nothing_is_said_where_nothing_was_refused(tmp_path: Path) -> None:
    told = Refusing()
    told.unit(outcome=Outcome.NONE)
    merged = told.merged(tmp_path)
    assert merged.refusals == {}
    warnings = digest(merged, SHAPE, BlockEnd()).fields["warnings"]
    assert "refused_messages" not in {one.code for one in warnings}
