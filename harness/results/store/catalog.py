"""All runs of a store, and what in it is none. Reads only; nothing on disk is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import RecordError, UsageError
from harness.results.block.salvage import salvaged
from harness.results.record.run import RunRecord
from harness.results.store.liveness import is_being_written
from harness.results.store.run_folders import RUN_FILE, read_run


@dataclass(frozen=True)
class StoredRun:
    """A run that can be read, and where it lies."""

    folder: Path
    record: RunRecord
    """From its `run.json`; of a killed run with what its unfinished block had measured."""


@dataclass(frozen=True)
class Skipped:
    """A folder of the store that is not among its runs."""

    folder: Path
    reason: str
    """Why it is none, in words for a user."""

    def __str__(self) -> str:
        return f"skipped {self.folder}: {self.reason}"


@dataclass(frozen=True)
class Catalog:
    """Everything that a store of runs holds."""

    store: Path
    runs: tuple[StoredRun, ...]
    """Oldest first."""
    skipped: tuple[Skipped, ...]


def scan(store: Path) -> Catalog:
    """Read every run of a store; a killed run with what its unfinished block had measured.

    Folders whose names begin with a dot are not looked at; every other one that is no readable
    run is among `skipped`. Raises UsageError if the store is not there.
    """
    runs: list[StoredRun] = []
    skipped: list[Skipped] = []
    first_of: dict[str, Path] = {}
    for folder in _folders(store):
        try:
            record = salvaged(folder, read_run(folder))
        except RecordError as error:
            skipped.append(Skipped(folder, _reason(folder, error)))
            continue
        if record.run_id in first_of:
            reason = f"a copy: {first_of[record.run_id]} holds run {record.run_id} as well"
            skipped.append(Skipped(folder, reason))
            continue
        first_of[record.run_id] = folder
        runs.append(StoredRun(folder, record))
    runs.sort(key=lambda run: (run.record.started_at, run.record.run_id))
    return Catalog(store, tuple(runs), tuple(skipped))


def _folders(store: Path) -> Iterator[Path]:
    try:
        paths = sorted(store.iterdir())
    except OSError as error:
        raise UsageError(
            f"cannot read the store {store}: {error.strerror}; name the folder that holds the "
            "runs with --store"
        ) from error
    yield from (path for path in paths if path.is_dir() and not path.name.startswith("."))


def _reason(folder: Path, error: RecordError) -> str:
    if not isinstance(error.__cause__, FileNotFoundError):
        return str(error)
    return f"no {RUN_FILE}: " + ("a run begins here" if is_being_written(folder) else "no run")
