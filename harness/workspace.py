"""The private folder of one run, and what the next run needs to clean up after a killed one.

A workspace is a folder of mode 0700 with `owner.json` (who made it), `journal.jsonl` (what it
started, and what it promised to remove from servers that outlive it) and whatever servers
and workers keep there. The owner holds a lock on `owner.json` for as long as it lives: the
kernel drops it with the process, so neither a reused pid nor a container's own pid numbers
can make a living run look dead, and two sweeps never clean the same folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from harness.errors import HarnessError
from harness.processes import Process, Spawning, create_time, spawn

MARK = "HARNESS_WORKSPACE"
"""Environment variable that marks every process of a run with the path of its workspace."""

_BIRTH_S = 60.0
"""A folder younger than this whose owner cannot be read may still be in the making."""


@dataclass(frozen=True)
class Promise:
    """Something created on a server that outlives the harness, to be removed by it."""

    id: str
    kind: str
    """Which code undoes it, e.g. `redis-keys`."""
    payload: dict[str, Any]
    """What that code needs; may hold credentials, hence the folder's modes."""


class Workspace:
    """The folder of a living run. Use `open_workspace`."""

    def __init__(self, path: Path, owner: int) -> None:
        self.path = path
        self._owner: int | None = owner
        self._journal = os.open(
            path / "journal.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
        )
        self._unfulfilled: dict[str, Promise] = {}

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def unfulfilled(self) -> tuple[Promise, ...]:
        """Promises that nobody has kept yet."""
        return tuple(self._unfulfilled.values())

    def folder(self, name: str) -> Path:
        """A fresh private folder inside; a number is added where the name is taken."""
        number = 1
        while True:
            path = self.path / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir(mode=0o700)
            except FileExistsError:
                number += 1
            else:
                return path

    def marked(self, env: Mapping[str, str]) -> dict[str, str]:
        """`env` with the mark by which the sweep recognises the processes of this run."""
        return {**env, MARK: str(self.path)}

    def spawn(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        on_spawn: Callable[[Process], None] | None = None,
        **how: Unpack[Spawning],
    ) -> Process:
        """`processes.spawn` of a marked process that is in the journal at once."""

        def note(process: Process) -> None:
            self._record(process)
            if on_spawn is not None:
                on_spawn(process)

        return spawn(argv, env=self.marked(env), on_spawn=note, **how)

    def _record(self, process: Process) -> None:
        self._write(
            event="spawned",
            name=process.name,
            pid=process.pid,
            pgid=process.pid,
            create_time=process.create_time,
        )

    def promise(self, kind: str, payload: Mapping[str, Any]) -> Promise:
        """Write down, *before* it is created, what has to be removed from a lasting server."""
        promise = Promise(secrets.token_hex(8), kind, dict(payload))
        self._write(event="promised", id=promise.id, kind=kind, payload=promise.payload)
        self._unfulfilled[promise.id] = promise
        return promise

    def fulfil(self, promise: Promise) -> None:
        """Write down that it is removed. Idempotent."""
        if self._unfulfilled.pop(promise.id, None) is not None:
            self._write(event="fulfilled", id=promise.id)

    def close(self) -> None:
        """Remove the folder. Idempotent.

        With a promise still unfulfilled the journal stays, for the next run's sweep to try
        again; everything else goes.
        """
        if self._owner is None:
            return
        os.close(self._journal)
        if self._unfulfilled:
            _remove_all_but_journal(self.path)
        else:
            remove_folder(self.path)
        os.close(self._owner)
        self._owner = None

    def _write(self, **entry: Any) -> None:
        line = json.dumps(entry, separators=(",", ":")) + "\n"
        os.write(self._journal, line.encode())  # one call: a kill leaves whole lines


@dataclass(frozen=True)
class DeadWorkspace:
    """The folder of a run that ended without cleaning up. Locked against other sweeps."""

    path: Path
    owner: Mapping[str, Any]
    processes: tuple[Mapping[str, Any], ...]
    promises: tuple[Promise, ...]
    """Promises of the killed run that nobody has kept."""
    same_boot: bool
    """Whether its processes could still be alive at all."""

    def fulfil(self, promise: Promise) -> None:
        """Write down that a promise was kept, lest a sweep that fails later repeats it."""
        with (self.path / "journal.jsonl").open("a") as stream:
            stream.write("\n" + json.dumps({"event": "fulfilled", "id": promise.id}) + "\n")


def open_workspace(environ: Mapping[str, str]) -> Workspace:
    """Create `$TMPDIR/harness-<uid>-<random>`; a context manager that removes it."""
    root = temporary_root(environ)
    try:
        path = Path(tempfile.mkdtemp(prefix=_prefix(), dir=root))
    except OSError as error:
        raise HarnessError(
            f"cannot create a private folder in {root}: {error}. "
            "Point TMPDIR at a folder that can be written"
        ) from error
    owner = os.open(path / "owner.json", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(owner, fcntl.LOCK_EX)
    identity = {"pid": os.getpid(), "create_time": create_time(os.getpid()), "boot_id": _boot_id()}
    os.write(owner, json.dumps(identity).encode())
    return Workspace(path, owner)


@contextlib.contextmanager
def dead_workspaces(environ: Mapping[str, str]) -> Iterator[list[DeadWorkspace]]:
    """Folders of this user whose owner is dead, locked until the context ends."""
    found: list[DeadWorkspace] = []
    with contextlib.ExitStack() as locks:
        for path in sorted(temporary_root(environ).glob(f"{_prefix()}*")):
            lock = _lock(path)
            if lock is None:
                continue
            dead = _read(path, lock)
            if dead is None:
                os.close(lock)  # at once: a run being born may be waiting for it
            else:
                locks.callback(os.close, lock)
                found.append(dead)
        yield found


def living_workspaces(root: Path) -> Iterator[Path]:
    """Folders of this user whose owner lives: somebody holds their lock. Changes nothing."""
    for path in root.glob(f"{_prefix()}*"):
        try:
            descriptor = os.open(path / "owner.json", os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            yield path
        finally:
            os.close(descriptor)


def temporary_root(environ: Mapping[str, str]) -> Path:
    """The folder in which workspaces are made: TMPDIR, or the system's."""
    return Path(environ.get("TMPDIR") or tempfile.gettempdir())


def remove_folder(path: Path) -> None:
    """Remove a folder even while a dying process still writes into it; HarnessError if it stays."""
    for _ in range(50):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(0.02)
    raise HarnessError(f"cannot remove {path}: remove it by hand")


def _prefix() -> str:
    return f"harness-{os.getuid()}-"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _lock(path: Path) -> int | None:
    """The lock that a living owner would hold; None if there is one, or another user's folder."""
    try:
        if path.is_symlink() or path.stat().st_uid != os.getuid():
            return None
        owner = path / "owner.json"
        # Without the file the owner was killed at birth, or is being born: see `_read`.
        descriptor = os.open(owner if owner.exists() else path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _read(path: Path, lock: int) -> DeadWorkspace | None:
    """What a locked folder says; None if it is being born, or was just removed by another."""
    try:
        locked = path / "owner.json" if (path / "owner.json").exists() else path
        if not os.path.samestat(locked.stat(), os.fstat(lock)):
            return None
        age_s = time.time() - path.stat().st_mtime
        owner = _owner(path)
        if owner is None and age_s < _BIRTH_S:
            return None
        processes, promises = _replay(path / "journal.jsonl")
    except OSError:
        return None
    same_boot = owner is not None and owner.get("boot_id") == _boot_id()
    return DeadWorkspace(path, owner or {}, processes, promises, same_boot)


def _owner(path: Path) -> Mapping[str, Any] | None:
    try:
        owner = json.loads((path / "owner.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return owner if isinstance(owner, dict) else None


def _replay(journal: Path) -> tuple[tuple[Mapping[str, Any], ...], tuple[Promise, ...]]:
    processes: list[Mapping[str, Any]] = []
    promises: dict[str, Promise] = {}
    try:
        lines = journal.read_bytes().splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines:
        try:
            entry = json.loads(line)
            if entry["event"] == "spawned":
                processes.append(entry)
            elif entry["event"] == "promised":
                promises[entry["id"]] = Promise(entry["id"], entry["kind"], entry["payload"])
            elif entry["event"] == "fulfilled":
                promises.pop(entry["id"], None)
        except (ValueError, KeyError, TypeError):
            continue  # half a line: the write that a full disk or a power cut broke
    return tuple(processes), tuple(promises.values())


def _remove_all_but_journal(path: Path) -> None:
    for child in path.iterdir():
        if child.is_dir() and not child.is_symlink():
            remove_folder(child)
        elif child.name not in {"owner.json", "journal.jsonl"}:
            child.unlink(missing_ok=True)
