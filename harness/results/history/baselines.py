"""Named baselines: `baselines.json` in the store says which run a name stands for."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from harness.clock import utc_now
from harness.errors import RecordError
from harness.results.record.run import RunRecord
from harness.results.record.stored import Stored
from harness.results.store.run_folders import RUN_FILE, find_run, read_run
from harness.scenario.files.wording import did_you_mean, listed, shown

BASELINES_FILE = "baselines.json"
_SCHEMA_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Baseline(Stored):
    """What a name stands for."""

    run: str
    """Name of the run's folder in the store."""
    set_at: str
    """UTC, ISO 8601."""


class _File(Stored):
    schema_version: int
    baselines: dict[str, Baseline]


def read_baselines(results: Path) -> dict[str, Baseline]:
    """Name -> baseline, of a folder of runs; empty where none was ever set. RecordError if the file
    cannot be read."""
    path = results / BASELINES_FILE
    try:
        stored = _File.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error
    except (ValueError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise RecordError(f"{path}: not a file of baselines ({reason}); repair it") from error
    if stored.schema_version > _SCHEMA_VERSION:
        raise RecordError(
            f"{path}: written by a newer harness (schema {stored.schema_version}, this one reads "
            f"up to {_SCHEMA_VERSION}); upgrade the harness to read it"
        )
    return dict(sorted(stored.baselines.items()))


def resolve(name: str, results: Path) -> RunRecord:
    """The run that a baseline stands for.

    RecordError if there is no baseline of that name, or its run is gone or cannot be read.
    """
    known = read_baselines(results)
    if name not in known:
        raise RecordError(f"{_unknown(name, known, results)}; harness baseline set NAME RUN")
    folder = results / known[name].run
    if not (folder / RUN_FILE).is_file():
        raise RecordError(
            f"baseline {name!r}: its run {folder} is gone; "
            f"bring it back, or choose another one: harness baseline set {name} RUN"
        )
    return read_run(folder)


def set_baseline(name: str, run: str, results: Path) -> Baseline:
    """Let `name` stand for a run of the store, whatever it stood for before.

    `run` is anything that `find_run` knows. RecordError for a name that is no name, a run that
    lies elsewhere, or one that did not end well: a baseline is what others are measured by.
    """
    if _NAME.fullmatch(name) is None:
        raise RecordError(
            f"a baseline cannot be called {shown(name)}: letters, digits, dots, dashes and "
            "underscores, at most 64, the first one a letter or a digit"
        )
    folder = find_run(run, results)
    if folder.resolve().parent != results.resolve():
        raise RecordError(f"{folder} is not in the store {results}: copy it there first")
    record = read_run(folder)
    if record.status != "complete":
        raise RecordError(
            f"run {record.run_id} is {record.status}: a baseline must be a complete run"
        )
    baseline = Baseline(run=folder.resolve().name, set_at=utc_now().isoformat(timespec="seconds"))
    with _locked(results):
        _write(results, read_baselines(results) | {name: baseline})
    return baseline


def remove_baseline(name: str, results: Path) -> Baseline:
    """Forget a name; its run stays. RecordError if there is no such name."""
    known = read_baselines(results)  # before the lock: there may be no store at all
    if name not in known:
        raise RecordError(_unknown(name, known, results))
    with _locked(results):
        known = read_baselines(results)
        removed = known.pop(name, None)
        if removed is None:
            raise RecordError(_unknown(name, known, results))
        _write(results, known)
    return removed


def _unknown(name: str, known: dict[str, Baseline], results: Path) -> str:
    guess = did_you_mean(name, known)
    return f"no baseline {name!r} in {results}{guess}; there are: {listed(known) or 'none'}"


@contextlib.contextmanager
def _locked(results: Path) -> Iterator[None]:
    """Two `harness baseline set` at a time must not lose one another's names."""
    try:
        handle = os.open(results, os.O_RDONLY)
    except OSError as error:
        raise RecordError(f"cannot open the store {results}: {error.strerror}") from error
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(results: Path, baselines: dict[str, Baseline]) -> None:
    text = _File(schema_version=_SCHEMA_VERSION, baselines=baselines).model_dump_json(indent=1)
    path = results / BASELINES_FILE
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=results, prefix=".baselines-", delete=False, encoding="utf-8"
        ) as file:
            partial = Path(file.name)
            try:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
                partial.chmod(0o644)  # as run.json: CI reads it as another user
                partial.replace(path)
            except OSError:
                partial.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror}") from error
