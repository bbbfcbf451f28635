"""The flight recorder: an append-only, preallocated, memory-mapped file of events.

A record costs one `pack_into`: no system call, no lock, no broker traffic. What was written
survives SIGKILL of its writer, because the pages belong to the kernel. Each process owns a
file of its own; after a `fork` the child opens a new one with its first record.
"""

from __future__ import annotations

import itertools
import json
import mmap
import os
import platform
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from harness.probe.recording.events import HEADER, HEADER_BYTES, MAGIC, NO_ID, RECORD, RECORD_BYTES

_FIRST_RECORDS = 1 << 13
_MOST_RECORDS_PER_STEP = 1 << 18


class Recorder:
    """Writes one process' events to `<directory>/<role>-<pid>-<ns>.evt`.

    Safe for threads and greenlets: a slot is taken by one `next()` on a shared counter.
    """

    def __init__(
        self,
        directory: str,
        role: str,
        *,
        child_role: str | None = None,
        versions: Mapping[str, str] | None = None,
        group: str = "",
    ) -> None:
        """`child_role` names the files of processes forked from this one; `versions` of the
        packages in use stand in the header, as does the worker's group where there are several."""
        self._directory = Path(directory)
        self._role = role
        self._child_role = child_role or role
        self._versions = dict(versions or {})
        self._group = {"group": group} if group else {}
        self._lock = threading.Lock()
        self._forget()
        os.register_at_fork(after_in_child=self._after_fork)

    def record(
        self,
        kind: int,
        ident: bytes = NO_ID,
        time_ns: int = 0,
        unit: int = 0,
        position: int = 0,
        flags: int = 0,
        *,
        _pack: Callable[..., None] = RECORD.pack_into,
        _size: int = RECORD_BYTES,
    ) -> None:
        """Append one record. OSError (disk full) is raised before anything is lost."""
        slot = next(self._slots)
        if slot >= self._capacity:
            self._grow(slot)
        _pack(self._map, HEADER_BYTES + slot * _size, ident, time_ns, unit, position, flags, kind)

    def record_units(
        self,
        kind: int,
        idents: Iterable[bytes],
        times_ns: Iterable[int],
        units: Iterable[int],
        flags: int = 0,
    ) -> None:
        """Append one record per unit, as `record` does one by one: a third of the cost is the
        call."""
        pack: Callable[..., None] = RECORD.pack_into
        slots, size = self._slots, RECORD_BYTES
        for ident, time_ns, unit in zip(idents, times_ns, units):
            slot = next(slots)
            if slot >= self._capacity:
                self._grow(slot)
            pack(self._map, HEADER_BYTES + slot * size, ident, time_ns, unit, 0, flags, kind)

    def open(self) -> None:
        """Create the file now instead of with the first record."""
        if self._capacity == 0:
            self._grow(0)

    def close(self, *, flush: bool = True) -> None:
        """Give the unused tail of the file back. Nothing may be recorded afterwards. `flush`: wait
        until the disk has what was written; the system has it anyway."""
        with self._lock:
            if self._map is not None and self._file is not None:
                used = next(self._slots)
                if flush:
                    self._map.flush()
                os.ftruncate(self._file, HEADER_BYTES + min(used, self._capacity) * RECORD_BYTES)
                os.close(self._file)
                self._forget()

    def _forget(self) -> None:
        self._slots = itertools.count()
        self._capacity = 0
        self._map: mmap.mmap | None = None
        self._file: int | None = None

    def _after_fork(self) -> None:
        # The mapping is shared with the parent: writing here would overwrite its records.
        self._lock = threading.Lock()
        self._role = self._child_role
        self._forget()

    def _grow(self, slot: int) -> None:
        with self._lock:
            if self._file is None:
                self._file = self._create()
            while slot >= self._capacity:
                step = min(max(self._capacity, _FIRST_RECORDS), _MOST_RECORDS_PER_STEP)
                # Blocks are reserved now: a full disk is an OSError here, not a SIGBUS later.
                try:
                    size = _reserve_records(self._file, self._capacity + step)
                except OSError:  # a small step may still fit
                    step = _FIRST_RECORDS
                    size = _reserve_records(self._file, self._capacity + step)
                # Threads that still write through the old mapping write to the same pages.
                self._map = mmap.mmap(self._file, size, flags=_MAP_FLAGS)
                self._capacity += step

    def _create(self) -> int:
        monotonic_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        identity = {
            "role": self._role,
            "pid": os.getpid(),
            "ppid": os.getppid(),
            "host": socket.gethostname(),
            "python": platform.python_version(),
            "monotonic_ns": monotonic_ns,
            "wall_ns": wall_ns,
            "versions": self._versions,
            **self._group,
        }
        name = f"{self._role}-{os.getpid()}-{monotonic_ns}.evt"
        path, text = self._directory / name, json.dumps(identity).encode()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _reserve(handle, HEADER_BYTES)  # or a full disk cuts the header short
            os.write(handle, HEADER.pack(MAGIC, len(text)) + text)
        except OSError:
            os.close(handle)
            path.unlink()
            raise
        return handle


def _reserve_records(file: int, records: int) -> int:
    """Room for so many records in all; the file's size then."""
    size = HEADER_BYTES + records * RECORD_BYTES
    _reserve(file, size)
    return size


def _reserve(file: int, size: int) -> None:
    """Make the file that large, with its blocks where the system can promise them."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:  # macOS: a full disk is found out when a page is written back
        os.ftruncate(file, size)


# Populating touches every page once, so that no record pays for a page fault.
_MAP_FLAGS = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
