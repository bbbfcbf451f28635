"""Which units clients have published, from their event logs, read while they grow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from harness.probe.recording.events import HEADER_BYTES, RECORD, RECORD_BYTES, Kind, UnitFlag

_CHUNK_BYTES = 2048 * RECORD_BYTES
_NOT_MEASURED = (UnitFlag.WARMUP, UnitFlag.PROBE)


class Publication(NamedTuple):
    """A publish call that began, or one that failed."""

    tag: int
    unit: int
    time_ns: int
    failed: bool


class PublishedUnits:
    """The measured units of the watched tags, each once."""

    def __init__(self, folder: str, tags: frozenset[int]) -> None:
        self._folder = Path(folder)
        self._tags = tags
        self._logs: dict[Path, _Growing] = {}

    def fresh(self) -> Iterator[Publication]:
        """What has been published since the last call."""
        for path in sorted(self._folder.glob("client-*.evt")):
            yield from self._fresh_in(self._logs.setdefault(path, _Growing(path)))

    def _fresh_in(self, log: _Growing) -> Iterator[Publication]:
        for ident, time_ns, unit, flags, kind in log.fresh():
            tag = int.from_bytes(ident[:8], "big")
            if tag not in self._tags:
                continue
            if kind == Kind.PUBLISH and flags not in _NOT_MEASURED:
                yield Publication(tag, unit, time_ns, failed=False)
            elif kind == Kind.PUBLISH_FAILED:
                yield Publication(tag, unit, time_ns, failed=True)


class _Growing:
    """One log that is still being written.

    A slot is taken before it is filled, so threads leave gaps for a moment, and a writer that
    died leaves one for good. What lies behind the first gap is looked at again, but told once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._settled = 0
        """Slots before the first gap."""
        self._ahead: set[int] = set()
        """Slots behind it that were told already."""

    def fresh(self) -> Iterator[tuple[bytes, int, int, int, int]]:
        """Id, time_ns, unit, flags and kind of records that were not told yet."""
        slot, gap = self._settled, None
        with self._path.open("rb") as file:
            file.seek(HEADER_BYTES + slot * RECORD_BYTES)
            while data := _written(chunk := file.read(_CHUNK_BYTES)):
                for ident, time_ns, unit, _, flags, kind in RECORD.iter_unpack(data):
                    if kind == 0:
                        gap = slot if gap is None else gap
                    elif slot not in self._ahead:
                        if gap is not None:
                            self._ahead.add(slot)
                        yield ident, time_ns, unit, flags, kind
                    slot += 1
                if behind := (len(chunk) - len(data)) // RECORD_BYTES:
                    gap = slot if gap is None else gap
                    slot += behind
        self._settled = slot if gap is None else gap
        self._ahead = {ahead for ahead in self._ahead if ahead >= self._settled}


def _written(data: bytes) -> bytes:
    """Whole records, without the preallocated zeros behind them. A record ends with its kind,
    which is not zero: so a zero at the end is no part of any."""
    used = len(data.rstrip(b"\0"))
    return data[: used - used % RECORD_BYTES]
