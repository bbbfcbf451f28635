"""Result backends without a server: an SQLite file, or a folder of files, for each block."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from harness.errors import ServiceError
from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.base import FolderBackend
from harness.services.base import (
    CeleryEnd,
    Counters,
    Driver,
    Launch,
    Namespace,
    ServerInfo,
    Service,
    StoredResults,
    Surroundings,
    Target,
    Undo,
)
from harness.services.labels import identifier
from harness.services.results_only import TASK_KEY, ResultsNamespace
from harness.services.settings import expand
from harness.workspace import Workspace, remove_folder

_FOLDER_PROMISE = "results-folder"
_PREFIX = "harness-"
_TABLE = "celery_taskmeta"
_BLOCK_BYTES = 512
"""The unit of `st_blocks`, whatever the file system's own is."""


class _FilesDriver(Driver[FolderBackend]):
    """What the two drivers have in common: whoever the provider is, there is nothing to start."""

    name = ""

    def __init__(self) -> None:
        self.compose = None
        self.undo: Mapping[str, Undo] = {_FOLDER_PROMISE: _undo_folder}

    def launch(self, endpoint: FolderBackend, surroundings: Surroundings) -> Launch:
        """The service on the folder that the endpoint names, or on one of the run's own.
        ServiceError if the folder is not there."""
        if endpoint.folder is None:
            parent, lasting = surroundings.workspace.folder(self.name), False
        else:
            folder = expand(endpoint.folder, surroundings.environ, where=f"the {self.name} folder")
            parent, lasting = Path(folder).expanduser().absolute(), True
            _probe(parent, self.name)
        return _Ready(FilesService(self.name, parent, surroundings.workspace, lasting=lasting))

    def target(self, endpoint: FolderBackend, environ: Mapping[str, str]) -> Target:
        """ServiceError always: there is no server elsewhere."""
        del endpoint, environ
        raise ServiceError(
            f"{self.name} has no server: its files are opened by clients and workers"
        )

    def reach(self, target: Target, surroundings: Surroundings) -> Service:
        """ServiceError always: there is no server elsewhere."""
        del target, surroundings
        raise ServiceError(
            f"{self.name} has no server: its files are opened by clients and workers"
        )


class SqliteDriver(_FilesDriver):
    """A database file for each block."""

    name = "sqlite"


class FilesystemDriver(_FilesDriver):
    """A folder of files for each block."""

    name = "filesystem"


class _Ready:
    """A launch that was over before it began."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def ready(self) -> Service:
        """The service, at once: there is nothing to wait for."""
        return self._service

    def close(self) -> None:
        """Nothing to stop: no server runs."""


class FilesService:
    """A folder that holds a folder for each block."""

    def __init__(self, kind: str, parent: Path, workspace: Workspace, *, lasting: bool) -> None:
        self._kind = kind
        self._parent = parent
        self._workspace = workspace
        self._lasting = lasting
        self.secrets: tuple[str, ...] = ()
        self.target = Target("local", parent.as_uri())
        medium = _file_system_of(parent)
        product, version = "filesystem", medium
        if kind == "sqlite":
            product, version = "SQLite", sqlite3.sqlite_version
        self.info = ServerInfo(
            service=kind,
            product=product,
            version=version,
            provider="local",
            emulator=False,
            same_host=True,
            address="",
            detail=f"a file for each {'block' if kind == 'sqlite' else 'result'}, on {medium}",
        )

    def pids(self) -> tuple[int, ...]:
        """Empty: clients and workers open the files themselves."""
        return ()

    def counters(self) -> Counters | None:
        """None: nobody counts what is done to files."""
        return None

    def check(self, configuration: Configuration) -> None:
        """Every configuration can be served."""

    def open_namespace(
        self, label: str, settings: Mapping[str, Any], endpoint: FolderBackend
    ) -> Namespace:
        """A folder for one block. ServiceError if it cannot be made."""
        del endpoint  # one way for all
        folder = self._parent / f"{_PREFIX}{identifier(label)}"
        promise = None
        if self._lasting:
            payload = {"path": str(folder)}
            promise = (self._workspace, self._workspace.promise(_FOLDER_PROMISE, payload))
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise ServiceError(f"cannot make {folder}: {error.strerror}") from error
        if self._kind == "sqlite":
            file = folder / "results.sqlite"
            table = str(settings.get("database_table_names", {}).get("task", _TABLE))
            end = CeleryEnd(f"db+sqlite:///{file}")
            return ResultsNamespace(
                isolation="file",
                end=end,
                stored=lambda: _stored_rows(file, table),
                remove=lambda: remove_folder(folder),
                promised=promise,
            )
        return ResultsNamespace(
            isolation="folder",
            end=CeleryEnd(f"file://{folder}"),
            stored=lambda: _stored_files(folder),
            remove=lambda: remove_folder(folder),
            promised=promise,
        )

    def close(self) -> None:
        """Remove the parent folder where it is the run's own; those of blocks are gone by now."""
        if not self._lasting:
            shutil.rmtree(self._parent, ignore_errors=True)


def _stored_rows(file: Path, table: str) -> StoredResults:
    """Rows of the table of results; the bytes are those of the database and its journals."""
    held = sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))
    if not file.exists():
        return StoredResults(0, held)
    quoted = table.replace('"', '""')
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        try:
            ((rows,),) = database.execute(f'SELECT count(*) FROM "{quoted}"')  # noqa: S608 - quoted
        except sqlite3.OperationalError:  # Celery has not made its tables yet
            rows = 0
    return StoredResults(int(rows), held)


def _stored_files(folder: Path) -> StoredResults:
    """Files of tasks' results; the bytes are what the file system sets aside for them."""
    sizes = [path.stat().st_blocks * _BLOCK_BYTES for path in folder.glob(f"{TASK_KEY}*")]
    return StoredResults(len(sizes), sum(sizes))


def _file_system_of(folder: Path) -> str:
    """`ext4`, `tmpfs`: what the speed of files depends on."""
    mounts = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    places = (mounts.get(str(place)) for place in (folder, *folder.parents))
    return next((kind for kind in places if kind), "unknown")


def _probe(parent: Path, kind: str) -> None:
    if not parent.is_dir():
        raise ServiceError(
            f"the {kind} folder {parent} is not there: make it, or leave `folder:` out"
        )


def _undo_folder(payload: Mapping[str, Any]) -> None:
    folder = Path(str(payload["path"]))
    if not folder.name.startswith(_PREFIX) or len(folder.name) <= len(_PREFIX):
        raise ServiceError(f"refusing to remove the folder {folder}")
    if folder.exists():
        remove_folder(folder)
