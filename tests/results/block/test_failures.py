"""What failed units raised: from the records of clients and observers to the figures of a block."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.probe.recording.events import (
    HEADER,
    HEADER_BYTES,
    MAGIC,
    NAME_PART_BYTES,
    RECORD,
    Kind,
    Outcome,
    UnitFlag,
    name_of,
    name_parts,
)
from harness.results.block.ledger import BlockEnd
from harness.results.block.summary import digest
from harness.results.events.merge import merge
from harness.results.events.merged import Merged
from tests.results.events.histories import ident_of
from tests.results.faults.made_blocks import SHAPE


class Told:
    """Records of one client, about units of one task."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self._units = 0

    def unit(self, *names: str, kind: Kind = Kind.SEEN, outcome: int = Outcome.FAILED) -> int:
        """One that was published, and what is known of its end."""
        number, self._units = self._units, self._units + 1
        self._record(Kind.PUBLISH, number, 10, flags=UnitFlag.MEASURED)
        self._record(kind, number, 20, flags=outcome)
        for name in names:
            self.names(number, name_parts(name))
        return number

    def names(self, unit: int, parts: list[bytes]) -> None:
        self.records += [
            RECORD.pack(part, 20, unit, place, 0, Kind.FAILURE) for place, part in enumerate(parts)
        ]

    def _record(self, kind: Kind, unit: int, at_ns: int, flags: int = 0) -> None:
        self.records.append(RECORD.pack(ident_of(unit, 0), at_ns, unit, 0, flags, kind))

    def merged(self, folder: Path) -> Merged:
        header = (HEADER.pack(MAGIC, 2) + b"{}").ljust(HEADER_BYTES, b"\0")
        (folder / "client-1-1.evt").write_bytes(header + b"".join(self.records))
        return merge(folder, 1, grouped=False)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=15))
def test_a_name_is_kept_as_it_is(name: str) -> None:
    assert name_of(name_parts(name)) == name


@pytest.mark.parametrize("length", [1, 15, 16, 17, 32, 63, 64, 200])
def test_long_names_are_cut_off(length: int) -> None:
    parts = name_parts("E" * length)
    assert {len(part) for part in parts} == {NAME_PART_BYTES}
    assert len(parts) <= 4
    assert name_of(parts) == "E" * min(length, 63)


def test_failures_are_counted_by_type(tmp_path: Path) -> None:
    """Those of units that were not meant to fail, and ended that way: not of one that timed out
    first, nor of one that was meant to."""
    told = Told()
    told.unit("WorkerLostError")
    told.unit("WorkerLostError", kind=Kind.CHECKED)
    told.unit("SoftTimeLimitExceeded")
    late = told.unit(outcome=Outcome.TIMED_OUT)
    told.names(late, name_parts("KeyError"))
    told.unit(outcome=Outcome.FAILED_AS_MEANT)
    told.unit(outcome=Outcome.OK)
    fields = digest(told.merged(tmp_path), SHAPE, BlockEnd()).fields
    assert fields["failures"] == {"WorkerLostError": 2, "SoftTimeLimitExceeded": 1}
    assert (fields["outcomes"].failed, fields["failed_as_meant"]) == (4, 1)


def test_the_first_member_of_a_group_gives_the_name(tmp_path: Path) -> None:
    """Whole, whatever the lengths are: 16 bytes fill a part, and the next begins anew."""
    told = Told()
    names = ("OperationalError", "SoftTimeLimitExceeded", "ValueError")
    rows = [told.unit(*order) for order in (names, names[::-1], (names[1], names[0]))]
    found = told.merged(tmp_path).failures
    assert found == {
        rows[0]: "OperationalError",
        rows[1]: "ValueError",
        rows[2]: "SoftTimeLimitExceeded",
    }


def test_a_name_that_a_kill_cut_short(tmp_path: Path) -> None:
    told = Told()
    unit = told.unit()
    told.names(unit, name_parts("SoftTimeLimitExceeded")[:1])
    assert told.merged(tmp_path).failures == {unit: "SoftTimeLimitExc"}
