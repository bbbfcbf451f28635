"""Where configurations and scenarios lie: by a path, or by a name in one's own folders, then among
what is shipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness import shipped
from harness.scenario.files.wording import did_you_mean, shown
from harness.scenario.files.yaml12 import read_document, shown_path

SUFFIXES = (".yaml", ".yml")
Kind = Literal["configs", "scenarios"]
KIND_WORDS: dict[Kind, str] = {"configs": "configuration", "scenarios": "scenario"}
_WITHIN = ("", "benchmarks")
"""Where a project has its own folders, from the current one."""


@dataclass(frozen=True)
class Found:
    """A file that was found by its name, such as `configs/redis.yaml` by `redis`."""

    name: str
    """Of files below the folder with the way to it: `faults/redis-aof`."""
    path: Path
    is_shipped: bool
    shadows: Path | None = None
    """The shipped file of that name, where one's own was found before it."""


def own_folders(kind: Kind, near: Path | None = None) -> tuple[Path, ...]:
    """Where one's own files of a kind are looked up by name: first beside the folder of the
    scenario `near` that names them, then from the current folder. They need not be there."""
    beside = [] if near is None else [Path(os.path.normpath(near.parent / ".." / kind))]
    here = [Path(part) / kind for part in _WITHIN]
    return tuple(dict.fromkeys(one for one in (*beside, *here) if not _same(one, kind)))


def _same(place: Path, kind: Kind) -> bool:
    """Whether a folder is that of what is shipped, as all of a checkout is at its top."""
    return place.resolve() == shipped.folder(kind)


def find_shipped(kind: Kind, name: str) -> Path | None:
    """The shipped file of a name, as an absolute path."""
    return _in(shipped.folder(kind), name)


def find(kind: Kind, name: str, near: Path | None = None) -> Found | None:
    """The file of a name without suffix: one's own before the one that is shipped."""
    theirs = find_shipped(kind, name)
    for folder in own_folders(kind, near):
        if (path := _in(folder, name)) is not None:
            return Found(name, path, False, shadows=theirs)
    return None if theirs is None else Found(name, as_seen_from_here(theirs), True)


def _in(folder: Path, name: str) -> Path | None:
    if name.startswith(("/", "..")):
        return None
    paths = (folder / f"{name}{suffix}" for suffix in SUFFIXES)
    return next((path for path in paths if _is_file(path)), None)


def every(kind: Kind, near: Path | None = None) -> Iterator[Found]:
    """All that have a name, in the order of their names; each name once, as `find` has it."""
    folders = (*own_folders(kind, near), shipped.folder(kind))
    there = [folder for folder in folders if folder.is_dir()]
    names = {
        path.relative_to(folder).with_suffix("").as_posix()
        for folder in there
        for path in yaml_files(folder)
    }
    for name in sorted(names, key=lambda one: (one.count("/"), one)):
        if (found := find(kind, name, near)) is not None:
            yield found


def find_either(name: str) -> Found | None:
    """The configuration of a name, else the scenario: one's own of either first."""
    found = [one for kind in KIND_WORDS if (one := find(kind, name)) is not None]
    return min(found, key=lambda one: one.is_shipped, default=None)


def unknown_either(name: str) -> str:
    """What is said of a name that neither a configuration nor a scenario has."""
    known = [one.name for kind in KIND_WORDS for one in every(kind)]
    guess = did_you_mean(name, known) or "; harness list shows which there are"
    return f"no configuration or scenario {shown(name)}{guess}"


def unknown(kind: Kind, name: str, near: Path | None = None) -> str:
    """What is said of a name that no file has."""
    known = list(every(kind, near))
    there = [folder for folder in own_folders(kind, near) if folder.is_dir()] or [Path(kind)]
    places = " or ".join(map(shown_path, there))
    named = next((one.path for one in known if not one.is_shipped and _name_in(one) == name), None)
    guess = did_you_mean(name, [one.name for one in known])
    if named is not None:
        guess = f": {shown_path(named)} has that name, write {shown(named.stem)} in both"
    return f"no {KIND_WORDS[kind]} {shown(name)} in {places}, nor shipped{guess}"


def _name_in(found: Found) -> object:
    """What a file calls what is in it; it should be the file's name."""
    document = read_document(found.path, [])
    return document.get(("name",)) if document is not None else None


def as_seen_from_here(path: Path) -> Path:
    """A shipped file's path, short where the current folder is the checkout's."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def scenario_file(given: Path) -> Path:
    """The file that a scenario on the command line means: a path, or a name. What is neither is
    left as it is, for whoever reads it to say so."""
    if given.suffix in SUFFIXES or _is_file(given):
        return given
    found = find("scenarios", given.as_posix())
    return given if found is None else found.path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def file_exists(path: Path) -> bool:
    """Whether there is something of that name, which may be one that no file system takes."""
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, a NUL in it
        return False


def yaml_files(folder: Path) -> list[Path]:
    """The YAML files of a folder and below, sorted, hidden ones left out."""
    found = [path for suffix in SUFFIXES for path in folder.rglob(f"*{suffix}")]
    visible = (
        path
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    return sorted(visible, key=lambda path: (path.parent, path.stem))
