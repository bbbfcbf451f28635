"""Reading clients' event logs while they grow."""

from __future__ import annotations

from pathlib import Path

from harness.probe.loads.published import Publication, PublishedUnits
from harness.probe.recording.events import (
    HEADER_BYTES,
    RECORD,
    RECORD_BYTES,
    Kind,
    UnitFlag,
    id_bytes,
)
from harness.probe.recording.ids import namer

TAG, OTHER = 0x1234567890AB8DEF, 0x1234567890AB8DEE
ROOM = 5000


class Log:
    """A log that is filled slot by slot, as threads do."""

    def __init__(self, folder: Path, name: str = "client-1-1.evt") -> None:
        self._path = folder / name
        self._path.write_bytes(bytes(HEADER_BYTES + ROOM * RECORD_BYTES))

    def fill(
        self, slot: int, unit: int, kind: int = Kind.PUBLISH, flags: int = 0, tag: int = TAG
    ) -> None:
        ident = id_bytes(namer(tag)(unit, 0))
        with self._path.open("r+b") as file:
            file.seek(HEADER_BYTES + slot * RECORD_BYTES)
            file.write(RECORD.pack(ident, 1000 + unit, unit, 0, flags, kind))


def units(found: list[Publication]) -> list[int]:
    return [one.unit for one in found]


def test_each_publication_is_told_once(tmp_path: Path) -> None:
    log, published = Log(tmp_path), PublishedUnits(str(tmp_path), frozenset({TAG}))
    assert list(published.fresh()) == []
    log.fill(0, unit=7)
    assert list(published.fresh()) == [Publication(TAG, 7, 1007, failed=False)]
    assert list(published.fresh()) == []
    log.fill(1, unit=8)
    log.fill(2, unit=8, kind=Kind.PUBLISH_FAILED)
    assert list(published.fresh()) == [
        Publication(TAG, 8, 1008, failed=False),
        Publication(TAG, 8, 1008, failed=True),
    ]


def test_only_measured_units_of_watched_clients_count(tmp_path: Path) -> None:
    """Not warm-up, not probes, not other kinds of record, not workers, not other clients."""
    log = Log(tmp_path)
    log.fill(0, unit=0, flags=UnitFlag.WARMUP)
    log.fill(1, unit=1, flags=UnitFlag.PROBE)
    log.fill(2, unit=2, kind=Kind.PUBLISHED)
    log.fill(3, unit=3, tag=OTHER)
    log.fill(4, unit=4)
    Log(tmp_path, "worker-1-1.evt").fill(0, unit=5)
    (tmp_path / "client-2-2.evt").write_bytes(b"short")
    assert units(list(PublishedUnits(str(tmp_path), frozenset({TAG})).fresh())) == [4]
    both = PublishedUnits(str(tmp_path), frozenset({TAG, OTHER}))
    assert units(list(both.fresh())) == [3, 4]


def test_gaps_hide_nothing(tmp_path: Path) -> None:
    """What lies behind a slot that is not filled yet is told, once, and so is the slot."""
    log, published = Log(tmp_path), PublishedUnits(str(tmp_path), frozenset({TAG}))
    for slot in (0, 2, 4):
        log.fill(slot, unit=slot)
    assert units(list(published.fresh())) == [0, 2, 4]
    log.fill(5, unit=5)
    assert units(list(published.fresh())) == [5]
    log.fill(1, unit=1)
    assert units(list(published.fresh())) == [1]
    log.fill(3, unit=3)
    log.fill(6, unit=6)
    assert units(list(published.fresh())) == [3, 6]
    assert list(published.fresh()) == []


def test_a_lasting_gap_at_the_end_of_a_chunk(tmp_path: Path) -> None:
    """A writer died in slot 0, and the last slot of what is read at once is empty, too."""
    log, published = Log(tmp_path), PublishedUnits(str(tmp_path), frozenset({TAG}))
    slots = [slot for slot in range(1, 4500) if slot != 2047]
    for slot in slots:
        log.fill(slot, unit=slot)
    assert units(list(published.fresh())) == slots
    assert list(published.fresh()) == []
    log.fill(4500, unit=4500)
    assert units(list(published.fresh())) == [4500]


def test_a_torn_record_is_not_there_yet(tmp_path: Path) -> None:
    """Its kind is written last."""
    log, published = Log(tmp_path), PublishedUnits(str(tmp_path), frozenset({TAG}))
    log.fill(0, unit=0, kind=0)
    assert list(published.fresh()) == []
    log.fill(0, unit=0)
    assert units(list(published.fresh())) == [0]
