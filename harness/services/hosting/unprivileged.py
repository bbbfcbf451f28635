"""Room for servers that refuse to run as root: a user of their own, and a folder it can reach.

The harness' private folder is closed to everybody else. When the harness runs as root, such a
server gets a folder beside it that belongs to an ordinary user, removed when the server stops,
and by the next run if this one is killed. Programs below a folder that this user cannot pass, as
those of a checkout in root's home, are copied into it.
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

from harness.errors import OutOfReachError, ServiceError
from harness.processes import Process
from harness.services.base import Surroundings
from harness.workspace import Promise, remove_folder, temporary_root

ROOM_PROMISE = "server-folder"
_USER = "nobody"
_ALL_PASS = 0o001
_ALL_READ = 0o444


@dataclass(frozen=True)
class Quarters:
    """The folder and the user with which one server runs that refuses to run as root."""

    name: str
    """Name of the server, for messages and for its folder."""
    folder: Path
    """Belongs to the ordinary user; the server keeps everything below it."""
    words: tuple[str, ...]
    """Words before the server's command line, so that it runs as the ordinary user."""
    surroundings: Surroundings
    promise: Promise | None
    """To remove the folder, where it lies outside the run's own."""

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

    def bring(self, base: Path, parts: Sequence[str]) -> Path:
        """Copies of files and folders below `base`, for the server's user to run; their new base.

        Parts that are not there are left out.
        """
        target = self.folder / "programs"
        for source in (base / part for part in parts):
            copy = target / source.relative_to(base)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy)
            elif source.exists():
                shutil.copy2(source, copy)
        for path in (target, *target.rglob("*")):  # where the installer's umask was strict
            mode = path.stat().st_mode
            runs = 0o111 if path.is_dir() or mode & 0o100 else 0
            path.chmod(mode | _ALL_READ | runs)
        return target

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
        """Remove the folder with all that is in it. Idempotent."""
        remove_folder(self.folder)
        if self.promise is not None:
            self.surroundings.workspace.fulfil(self.promise)


def make_quarters(name: str, surroundings: Surroundings, *, brings: bool = False) -> Quarters:
    """A fresh folder, and how to run a program in it as an ordinary user.

    `brings`: programs will be copied there.
    """
    workspace = surroundings.workspace
    if os.geteuid() != 0:
        return Quarters(name, workspace.folder(name), (), surroundings, None)
    setpriv = _setpriv(surroundings.environ)
    # The name is written down before the folder is there.
    folder = (
        _open_root(surroundings.environ, brings=brings) / f"{_prefix()}{name}-{os.urandom(6).hex()}"
    )
    promise = workspace.promise(ROOM_PROMISE, {"path": str(folder)})
    folder.mkdir(mode=0o700)
    _give(folder)
    user = pwd.getpwnam(_USER)
    words = (
        *(setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"),
        # A change of user takes the kernel's order to die with the harness away: give it again.
        *("--pdeathsig=KILL", "--"),
    )
    return Quarters(name, folder, words, surroundings, promise)


def may_run(program: Path) -> bool:
    """Whether the user of a room can execute a program, wherever it lies."""
    return os.access(program, os.X_OK) and closed_by(program) is None


def closed_by(program: Path) -> Path | None:
    """What keeps a room's user from a program that is here: a folder above it, or itself."""
    if os.geteuid() != 0:
        return None  # the user is who looks
    program = program.absolute()
    lying = program.resolve()
    above = (*reversed(program.parents), *reversed(lying.parents), lying)
    return next((path for path in above if not path.stat().st_mode & _ALL_PASS), None)


def check_quarters(name: str, environ: Mapping[str, str], *, brings: bool) -> None:
    """Ask whether `make_quarters` will find what it needs. Raises OutOfReachError; changes
    nothing."""
    if os.geteuid() == 0:
        try:
            _setpriv(environ)
            _open_root(environ, brings=brings)
        except ServiceError as error:
            raise OutOfReachError(f"as root, {name} is run by the user {_USER}: {error}") from error


def out_of_reach(program: Path) -> OutOfReachError:
    """The error for a program that cannot be copied, and that `closed_by` says is out of reach."""
    closed = closed_by(program)
    return OutOfReachError(
        f"as root, {program} is run by the user {_USER}, who cannot pass {closed}: "
        f"`chmod o+x {closed}`, install it elsewhere, or run the harness as an ordinary user"
    )


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
        user = pwd.getpwnam(_USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def _setpriv(environ: Mapping[str, str]) -> str:
    setpriv = shutil.which("setpriv", path=environ.get("PATH"))
    if setpriv is None:
        raise ServiceError(
            "there is no `setpriv` to run a server as somebody else: install util-linux, or run "
            "the harness as an ordinary user"
        )
    return setpriv


def _open_root(environ: Mapping[str, str], *, brings: bool) -> Path:
    """A folder for temporary files that everybody can pass through, and run programs in."""
    for root in _roots(environ):
        usable = root.is_dir() and closed_by(root) is None
        if usable and not (brings and os.statvfs(root).f_flag & os.ST_NOEXEC):
            return root
    programs = " and run programs in" if brings else ""
    raise ServiceError(
        f"no folder for temporary files that an ordinary user can reach{programs}: run the harness "
        "as an ordinary user, or point TMPDIR at one"
    )


def _roots(environ: Mapping[str, str]) -> Iterator[Path]:
    yield temporary_root(environ).absolute()
    yield from map(Path, ("/tmp", "/var/tmp", tempfile.gettempdir()))  # noqa: S108 - as root
