"""Room for servers that refuse to run as root: a user of their own, and a folder it can reach.

The harness' private folder is closed to everybody else. When the harness runs as root, such a
server gets a folder beside it that belongs to an ordinary user, removed when the server stops,
and by the next run if this one is killed.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ServiceError
from harness.processes import Process
from harness.services.base import Surroundings
from harness.workspace import Promise, remove_folder, temporary_root

ROOM_PROMISE = "server-folder"


@dataclass(frozen=True)
class Room:
    """Where one server lives."""

    name: str
    """Of the server."""
    folder: Path
    words: tuple[str, ...]
    """What goes before its command line, so that it runs as the ordinary user."""
    surroundings: Surroundings
    promise: Promise | None

    def write(self, name: str, text: str) -> Path:
        """A file that only the server's user can read."""
        path = self.folder / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        _give(path)
        return path

    def write_script(self, template: str, words: Mapping[str, object]) -> Path:
        """A shell script, from a template whose gaps the words fill, each quoted."""
        quoted = {name: shlex.quote(str(word)) for name, word in words.items()}
        return self.write("start.sh", template.format(**quoted))

    def spawn(self, *argv: str | Path, env: Mapping[str, str]) -> Process:
        """The server, as the ordinary user; what programs keep at home is kept in the folder."""
        surroundings = self.surroundings
        return surroundings.workspace.spawn(
            [*self.words, *argv],
            name=self.name,
            log=surroundings.log_dir / f"{self.folder.name}.log",
            env={**env, "HOME": str(self.folder), "TMPDIR": str(self.folder)},
            cwd=self.folder,
            cores=surroundings.cores,
        )

    def close(self) -> None:
        """Remove it. Idempotent."""
        remove_folder(self.folder)
        if self.promise is not None:
            self.surroundings.workspace.fulfil(self.promise)


def make_room(name: str, surroundings: Surroundings) -> Room:
    """A fresh folder, and how to run a program in it as an ordinary user."""
    workspace = surroundings.workspace
    if os.geteuid() != 0:
        return Room(name, workspace.folder(name), (), surroundings, None)
    setpriv = shutil.which("setpriv", path=surroundings.environ.get("PATH"))
    if setpriv is None:
        raise ServiceError(
            f"{name} does not run as root, and there is no `setpriv` to run it as somebody else: "
            "install util-linux, or run the harness as an ordinary user"
        )
    # The name is written down before the folder is there.
    folder = _open_root(surroundings) / f"{_prefix()}{name}-{os.urandom(6).hex()}"
    promise = workspace.promise(ROOM_PROMISE, {"path": str(folder)})
    folder.mkdir(mode=0o700)
    _give(folder)
    user = pwd.getpwnam("nobody")
    words = (
        *(setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"),
        # A change of user takes the kernel's order to die with the harness away: give it again.
        *("--pdeathsig=KILL", "--"),
    )
    return Room(name, folder, words, surroundings, promise)


def may_run(program: Path) -> bool:
    """Whether the user of a room can execute a program, wherever it lies."""
    if os.geteuid() != 0:
        return os.access(program, os.X_OK)
    return program.is_file() and _open_to_all((program, *program.parents))


def undo_room(payload: Mapping[str, Any]) -> None:
    """Remove the folder of a run that was killed."""
    folder = Path(str(payload["path"]))
    if not folder.name.startswith(_prefix()):
        raise ServiceError(f"refusing to remove the folder {folder}")
    if folder.exists():
        remove_folder(folder)


def _prefix() -> str:
    return "harness-server-"


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(path, user.pw_uid, user.pw_gid)


def _open_root(surroundings: Surroundings) -> Path:
    """A folder for temporary files that everybody can pass through."""
    for root in _roots(surroundings.environ):
        if root.is_dir() and _open_to_all((root, *root.parents)):
            return root
    raise ServiceError(
        "no folder for temporary files that an ordinary user can reach: run the harness as an "
        "ordinary user, or point TMPDIR at one"
    )


def _roots(environ: Mapping[str, str]) -> Iterator[Path]:
    yield temporary_root(environ).absolute()
    yield from map(Path, ("/tmp", "/var/tmp", tempfile.gettempdir()))  # noqa: S108 - as root


def _open_to_all(paths: Sequence[Path]) -> bool:
    return all(path.stat().st_mode & 0o001 for path in paths)
