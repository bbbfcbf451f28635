"""Where environments are kept, which there are, and what removes them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

COMPLETE = ".complete"
"""The file that an environment has that was built to its end. Its time is that of the last use."""
PINS = ".pins"
"""What pip was asked for."""
ABOUT = ".about"
"""What it is, in words, where `PINS` does not say it."""
LOCK = ".lock"
"""Suffix of the file that whoever builds or removes an environment holds locked."""


@dataclass(frozen=True)
class Kept:
    """What is kept under one name: an environment, or what is left of a build of one."""

    folder: Path
    """The environment itself; others of its name lie beside it (`.log`, `.constraints`)."""
    what: str
    """In one line: what was installed, or whose leavings these are."""
    size_bytes: int
    """Of all its files, as they count themselves."""
    used_s: float | None
    """When it was last used, in seconds of the epoch; None for leavings, which nobody uses."""


def kept_environments(environ: Mapping[str, str]) -> tuple[Path, Sequence[Path]]:
    """The folder that holds every environment, and those that are complete."""
    home = home_of(environ)
    return home, sorted(marker.parent for marker in home.glob(f"*/{COMPLETE}"))


def all_kept(environ: Mapping[str, str]) -> list[Kept]:
    """Everything that is kept, with its size; the longest unused first, leavings before all."""
    home = home_of(environ)
    names = {path.name.partition(".")[0] for path in home.glob("*") if path.suffix != LOCK}
    found = [_looked_at(home / name) for name in names]
    return sorted(found, key=lambda one: (one.used_s or 0, one.folder))


def _looked_at(folder: Path) -> Kept:
    size_bytes = sum(map(_size_bytes, _all_of(folder)))
    try:
        used_s = (folder / COMPLETE).stat().st_mtime
    except OSError:
        return Kept(folder, "left by a build that did not end well", size_bytes, None)
    texts = (_text_of(folder / name) for name in (ABOUT, PINS))
    what = next((text for text in texts if text), "nothing but Python")
    return Kept(folder, what, size_bytes, used_s)


def _all_of(folder: Path) -> list[Path]:
    return [path for path in folder.parent.glob(f"{folder.name}*") if path.suffix != LOCK]


def _text_of(path: Path) -> str:
    try:
        return " ".join(path.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return ""


def _size_bytes(path: Path) -> int:
    with contextlib.suppress(OSError):  # it may be removed meanwhile
        if path.is_symlink() or not path.is_dir():
            return path.lstat().st_size
        return sum(_size_bytes(Path(entry.path)) for entry in os.scandir(path))
    return 0


def remove_kept(one: Kept) -> bool:
    """Remove what is kept under a name; False where somebody builds it just now, or where it is
    another user's."""
    try:
        with _alone(one.folder.with_suffix(LOCK)):
            with contextlib.suppress(OSError):
                (one.folder / COMPLETE).unlink()  # first: half of an environment is none
            for path in _all_of(one.folder):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """OSError where another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The folder that keeps what is costly to make, for this user on this machine."""
    cache = environ.get("XDG_CACHE_HOME")
    if not cache:
        cache = str(Path(environ.get("HOME") or str(Path.home())) / ".cache")
    return Path(cache) / "harness"


def home_of(environ: Mapping[str, str]) -> Path:
    """The folder that holds every environment."""
    return cache_folder(environ) / "envs"
