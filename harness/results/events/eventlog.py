"""Reads the event logs that `harness.probe.recording.recorder` writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from harness.errors import RecordError
from harness.probe.recording.events import HEADER, HEADER_BYTES, MAGIC, RECORD_BYTES

EVENT = np.dtype(
    [
        ("hi", ">u8"),
        ("lo", ">u8"),
        ("time_ns", "<i8"),
        ("unit", "<u4"),
        ("position", "<u2"),
        ("flags", "u1"),
        ("kind", "u1"),
    ]
)
assert EVENT.itemsize == RECORD_BYTES  # noqa: S101 - two descriptions of one layout

Events = npt.NDArray[np.void]


class Identity(TypedDict, total=False):
    """Who wrote a log: its header. Older versions, and the harness' own log, say less."""

    role: str
    """`client`, `worker`, `child`, `observer`, `beat`, `harness`."""
    pid: int
    ppid: int
    host: str
    monotonic_ns: int
    wall_ns: int
    """Two clocks, read together."""
    versions: dict[str, str]
    """Package -> version, as that process imported it."""
    group: str
    """The group of workers that the process belongs to, where a block has several."""


@dataclass(frozen=True)
class EventLog:
    """One process' events, in the order in which they were written."""

    path: Path
    identity: Identity
    """The header: role, pid, host, python, `monotonic_ns` and `wall_ns` of one moment, and
    the versions of packages where the process says them."""
    events: Events


def read(path: Path) -> EventLog:
    """One log, whole or cut off at any point by a kill. RecordError if it is not one."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        identity = _identity(path, header)
        whole = (path.stat().st_size - HEADER_BYTES) // RECORD_BYTES
        events = np.fromfile(file, dtype=EVENT, count=max(0, whole))
    return EventLog(path, identity, events[events["kind"] != 0])


def logs_in(folder: Path) -> list[Path]:
    """Every log in `folder`, by name. A file too short for a header holds no record: left out."""
    return [path for path in sorted(folder.glob("*.evt")) if path.stat().st_size > HEADER_BYTES]


def versions_in(folder: Path) -> tuple[dict[str, str], ...]:
    """The different sets of package versions that the writers of the logs in `folder` ran under.

    One, unless something is wrong; none where no writer says (the harness' own log does not).
    """
    found: list[dict[str, str]] = []
    for path in logs_in(folder):
        with path.open("rb") as file:
            versions = _identity(path, file.read(HEADER_BYTES)).get("versions")
        if versions and versions not in found:
            found.append(versions)
    return tuple(found)


def role_of(path: Path) -> str:
    """What the writer of the log at `path` says it is: `client`, `worker`, `child` ..."""
    return str(identity_of(path).get("role", ""))


def identity_of(path: Path) -> Identity:
    """The header of the log at `path`, see EventLog. RecordError if it is damaged."""
    with path.open("rb") as file:
        return _identity(path, file.read(HEADER_BYTES))


def chunks(path: Path) -> Iterator[Events]:
    """The records of one log in the order of writing, a few MB at a time.

    Slots that were never written (kind 0) are among them. A chunk is valid until the next one
    is asked for: there is one buffer.
    """
    buffer = np.empty(_CHUNK_RECORDS, dtype=EVENT)
    whole_buffer = buffer.view(np.uint8).data
    with path.open("rb") as file:
        _identity(path, file.read(HEADER_BYTES))
        # Read, not mapped: mapped pages would count as this process' memory.
        while whole := file.readinto(whole_buffer) // RECORD_BYTES:
            yield buffer[:whole]


def by_kind(chunk: Events) -> Iterator[tuple[int, Events]]:
    """The events of a chunk, those of each kind together and in their order."""
    kinds = chunk["kind"].copy()
    together = _taken(chunk, np.argsort(kinds, kind="stable"))
    end = 0
    for kind, count in enumerate(np.bincount(kinds).tolist()):
        begin, end = end, end + count
        if kind and count:
            yield kind, together[begin:end]


def of_kind(chunk: Events, kind: int) -> Events:
    """The events of one kind, in their order."""
    return _taken(chunk, np.flatnonzero(chunk["kind"] == kind))


def all_of_kind(folder: Path, kind: int) -> Events:
    """The events of one kind of all logs in `folder`."""
    parts = [of_kind(chunk, kind).copy() for path in logs_in(folder) for chunk in chunks(path)]
    return np.concatenate([np.empty(0, dtype=EVENT), *parts])


def ident_of(event: np.void) -> bytes:
    """The 16 bytes of one event's id."""
    return int(event["hi"]).to_bytes(8, "big") + int(event["lo"]).to_bytes(8, "big")


def idents(events: Events) -> npt.NDArray[np.void]:
    """The 16 bytes of each event's id, as values that compare."""
    pairs = np.stack([events["hi"], events["lo"]], axis=1).astype(np.uint64)
    return np.ascontiguousarray(pairs).view(np.dtype((np.void, 16))).reshape(-1)


def _taken(chunk: Events, places: npt.NDArray[np.intp]) -> Events:
    # As rows of plain numbers: numpy copies records field by field, four times as slowly.
    rows = chunk.view(np.uint64).reshape(-1, RECORD_BYTES // 8)
    taken: Events = rows.take(places, axis=0).reshape(-1).view(EVENT)
    return taken


_CHUNK_RECORDS = 1 << 16


def _identity(path: Path, header: bytes) -> Identity:
    if len(header) < HEADER.size:
        raise RecordError(f"{path}: too short for an event log")
    magic, length = HEADER.unpack_from(header)
    if magic != MAGIC:
        raise RecordError(f"{path}: not an event log (it begins with {magic!r})")
    try:
        identity: Identity = json.loads(header[HEADER.size : HEADER.size + length])
    except ValueError as error:
        raise RecordError(f"{path}: the header of this event log is damaged ({error})") from error
    return identity


class Tail:
    """Counts events in logs that are still being written, reading only what is new.

    The harness watches a block's progress this way: no broker and no backend is asked.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._logs: dict[Path, _Progress] = {}
        self._groups: dict[Path, str] = {}

    def refresh(self) -> None:
        """Read what has been written since the last call."""
        for path in self._folder.glob("*.evt"):
            known = self._logs.get(path, _NOTHING_READ)
            self._logs[path] = known.advanced(_kinds_from(path, known.settled_records))

    def count(self, kind: int) -> int:
        """Events of that kind so far, over all processes."""
        return sum(log.count(kind) for log in self._logs.values())

    def count_by_pid(self, kind: int) -> dict[int, int]:
        """Process id -> its events of that kind so far, for each process that wrote a log: the
        file's name holds the id."""
        counts: dict[int, int] = {}
        for path, log in self._logs.items():
            pid = int(path.stem.split("-")[1])
            counts[pid] = counts.get(pid, 0) + log.count(kind)
        return counts

    def writers(self, kind: int, group: str | None = None) -> int:
        """How many processes have written at least one event of that kind; only those of workers of
        a group, if one is named."""
        paths = [path for path, log in self._logs.items() if log.count(kind)]
        return sum(1 for path in paths if group is None or self._group(path) == group)

    def _group(self, path: Path) -> str:
        """The group that the writer of a log has said it is of. Its header is whole: events follow
        it."""
        if path not in self._groups:
            self._groups[path] = str(identity_of(path).get("group", ""))
        return self._groups[path]


@dataclass(frozen=True)
class _Progress:
    """What is known of one growing log.

    A slot is taken before it is filled, so threads leave gaps for a moment, and a writer that
    died or found the disk full leaves one for good. What lies before the first gap is settled;
    what lies after it is read anew each time.
    """

    settled_records: int
    settled: npt.NDArray[np.intp]
    """Events before the first gap, by kind."""
    loose: npt.NDArray[np.intp]
    """Events after it, by kind."""

    def count(self, kind: int) -> int:
        return int(self.settled[kind] + self.loose[kind])

    def advanced(self, kinds: npt.NDArray[np.uint8]) -> _Progress:
        gaps = np.flatnonzero(kinds == 0)
        first_gap = int(gaps[0]) if len(gaps) else len(kinds)
        loose = np.bincount(kinds[first_gap:], minlength=_KINDS)
        loose[0] = 0
        settled = self.settled + np.bincount(kinds[:first_gap], minlength=_KINDS)
        return _Progress(self.settled_records + first_gap, settled, loose)


_KINDS = 256
_NOTHING_READ = _Progress(0, np.zeros(_KINDS, dtype=np.intp), np.zeros(_KINDS, dtype=np.intp))
_CHUNK_BYTES = 2048 * RECORD_BYTES


def _kinds_from(path: Path, record: int) -> npt.NDArray[np.uint8]:
    """Kinds of all records from number `record` on. The preallocated rest is megabytes of
    zeros: reading ends with the first chunk that holds nothing else."""
    parts = [np.empty(0, dtype=np.uint8)]
    with path.open("rb") as file:
        file.seek(HEADER_BYTES + record * RECORD_BYTES)
        while data := file.read(_CHUNK_BYTES):
            whole = len(data) - len(data) % RECORD_BYTES
            kinds = np.frombuffer(data[:whole], dtype=EVENT)["kind"]
            if not kinds.any():
                break
            parts.append(kinds)
    return np.concatenate(parts)
