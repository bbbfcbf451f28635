"""Run folders on disk: `results/<UTC time>-<scenario>-<short id>/`.

`run.json` is replaced as a whole after each block, by rename, so that a kill at any moment
leaves every finished block readable. A block's folder holds its samples and logs:

    run.json
    blocks/000/units.parquet, tasks.parquet, logs/, (while it runs) events/
    broken-off/000-1/         what a block had left that was measured again
    logs/                     servers
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from harness.errors import RecordError
from harness.results.judge.emulators import with_emulators
from harness.results.judge.kinds import with_kind
from harness.results.record.run import SCHEMA_VERSION, RunRecord
from harness.results.store.liveness import is_being_written

RUN_FILE = "run.json"


def new_run_id(scenario: str, now: datetime, short_id: str) -> str:
    """`20261123T225401Z-quickstart-4f1a9c`: sorts by time, fit for a file name."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", scenario).strip("-.")[:60] or "run"
    return f"{now:%Y%m%dT%H%M%SZ}-{plain}-{short_id}"


class RunFolder:
    """The folder of one run while it runs. Locked for its writer's life: see `liveness`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @classmethod
    def create(cls, parent: Path, run_id: str) -> RunFolder:
        """A new, empty folder. RecordError if it cannot be made."""
        folder = cls(parent / run_id)
        try:
            folder.path.mkdir(parents=True)
            folder.logs.mkdir()
            folder._take_lock()
        except OSError as error:
            raise RecordError(
                f"cannot create the run's folder {folder.path}: {error.strerror}; "
                "choose another place with --out"
            ) from error
        return folder

    @classmethod
    def reopen(cls, path: Path) -> RunFolder:
        """The folder of a run that is to go on. RecordError if it cannot be written, or if
        somebody still writes it."""
        folder = cls(path)
        if is_being_written(path):
            raise RecordError(f"{path}: this run is still going on; wait for its end")
        try:
            folder.logs.mkdir(exist_ok=True)
            folder._take_lock()
        except BlockingIOError as error:  # another resume took it after that look
            folder.close()
            raise RecordError(f"{path}: this run is still going on; wait for its end") from error
        except OSError as error:
            raise RecordError(f"cannot write into {path}: {error.strerror}") from error
        return folder

    def set_aside(self, number: int) -> str | None:
        """Move what block `number` has left out of the way; where to, from the run's folder.

        None if it left nothing. RecordError if it cannot be moved.
        """
        block = self.block(number)
        if not block.exists():
            return None
        taken = len(list(self.path.glob(f"broken-off/{number:03d}-*")))
        name = f"broken-off/{number:03d}-{taken + 1}"
        try:
            (self.path / "broken-off").mkdir(exist_ok=True)
            block.rename(self.path / name)
        except OSError as error:
            raise RecordError(f"cannot move {block}: {error.strerror}") from error
        return name

    @property
    def logs(self) -> Path:
        """Folder of what the servers logged."""
        return self.path / "logs"

    def block(self, number: int) -> Path:
        """The folder of block `number`, from 0."""
        return self.path / "blocks" / f"{number:03d}"

    def _take_lock(self) -> None:
        # On the folder itself, so that nothing is left to clean up: the kernel drops it.
        self._lock = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # some network file systems have no locks
            return

    def close(self) -> None:
        """The run is over. Idempotent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, record: RunRecord) -> None:
        """Replace `run.json`, whole or not at all. RecordError on a full or read-only disk."""
        text = record.model_dump_json(indent=1) + "\n"
        partial = self.path / f"{RUN_FILE}.partial"
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path / RUN_FILE)
        except OSError as error:
            raise RecordError(f"cannot write {self.path / RUN_FILE}: {error.strerror}") from error


def find_run(name: str, results: Path) -> Path:
    """A run's folder from its path, the path of its run.json, its id, the unique end of its
    id, or `latest`. RecordError says what there is."""
    path = Path(name)
    if path.name == RUN_FILE and path.is_file():
        return path.parent
    if (path / RUN_FILE).is_file():
        return path
    runs = sorted(file.parent for file in results.glob(f"*/{RUN_FILE}"))
    dated = [run for run in runs if re.match(r"\d{8}T\d{6}Z-", run.name)]
    if name == "latest" and dated:
        return dated[-1]
    matches = [run for run in runs if run.name == name or run.name.endswith(f"-{name}")]
    if len(matches) == 1:
        return matches[0]
    known = ", ".join(run.name for run in runs[-5:]) or "none"
    what = "several runs match" if matches else "no run"
    raise RecordError(f"{what} {name!r}; the newest in {results}: {known}")


def read_run(folder: Path) -> RunRecord:
    """The stored record. RecordError names the file and what is wrong with it."""
    path = folder / RUN_FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        version = stored["schema_version"]
        if version > SCHEMA_VERSION:
            raise RecordError(
                f"{path}: written by a newer harness (schema {version}, this one reads up to "
                f"{SCHEMA_VERSION}); upgrade the harness to read it"
            )
        return with_kind(with_emulators(RunRecord.model_validate(stored)))
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise RecordError(f"{path}: not a run record ({reason})") from error
