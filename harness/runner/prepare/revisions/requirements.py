"""How a revision of the user's project is installed: found in its files, or told.

What it needs and the project itself are two things, as commits that need the same share an
environment: found are a lock file, a requirements file, or the dependencies that `pyproject.toml`
says; the project itself is installed beside them, if it is one that can be.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.environments.building import BuildError
from harness.runner.prepare.revisions import locks
from harness.runner.prepare.revisions.locks import toml_of

_CONSTRAINTS = "constraints.txt"
_REQUIREMENTS = (
    "requirements.txt",
    *(f"requirements/{name}.txt" for name in ("production", "prod", "base", "requirements")),
)
"""In this order, the first that there is."""
_INCLUDED = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[\s=]*(\S+)")
_FILES = ("-r", "--requirement", "-c", "--constraint")
_EDITABLE = re.compile(r"^(\s*)(?:-e|--editable)[\s=]+(?=[^\s:]+(?:\s|$))", re.MULTILINE)
"""Before a folder; one of a repository has a `://`."""


@dataclass(frozen=True)
class Installation:
    """What pip is told for one revision."""

    found: str
    """Where it was found, in words: `uv.lock`, `requirements.txt and constraints.txt`."""
    calls: tuple[tuple[str, ...], ...]
    """In pip's words, in calls of their own, from the project's folder."""
    itself: bool
    """Whether the project itself is to be installed besides, without what it needs."""
    constraints: str = ""
    """Versions that hold for all of them, a requirement a line."""
    texts: tuple[str, ...] = ()
    """What the files hold that the calls name."""
    own: tuple[str, ...] = ()
    """What of the revision's own files the calls install: paths from the repository's top."""

    @property
    def key(self) -> str:
        """Alike for revisions that need the same; their own files are no part of it."""
        return json.dumps([self.calls, self.constraints, self.texts])


def installation_of(project: Path, top: Path, told: Sequence[str]) -> Installation:
    """How the revision is installed whose files lie in `project`, in a copy of its repository at
    `top`; `told` are calls of pip's, as the user says them. BuildError where nothing is found.

    Folders that requirements files install as editable are installed as they are: the copy is gone
    after the run.
    """
    if told:
        calls = tuple(_as_they_are(shlex.split(one)) for one in told)
        return _with_files(Installation("install", calls, itself=False), project, top)
    manifest = toml_of(project / "pyproject.toml")
    itself = _is_package(project, manifest)
    if (locked := locks.found(project, top, manifest)) is not None:
        calls = (locked.words,) if locked.words else ()
        found = Installation(locked.name, calls, itself, locked.constraints)
        return _with_files(found, project, top)
    bound = (project / _CONSTRAINTS).is_file()
    words = ("-c", _CONSTRAINTS) if bound else ()
    besides = f" and {_CONSTRAINTS}" if bound else ""
    name = next((one for one in _REQUIREMENTS if (project / one).is_file()), None)
    if name is not None:
        found = Installation(f"{name}{besides}", (("-r", name, *words),), itself)
        return _with_files(found, project, top)
    static = _static(manifest)
    if static is not None:
        calls = ((*static, *words),) if static else ()
        found = Installation(f"pyproject.toml{besides}", calls, itself)
        return _with_files(found, project, top)
    if itself:
        whole = "pyproject.toml" if manifest else "setup.py"
        calls = ((".", *words),)
        return _with_files(Installation(f"{whole}{besides}", calls, itself=False), project, top)
    raise BuildError(
        "it says nowhere what it needs: it has no lock file of uv, Poetry, PDM or Pipenv, no "
        "requirements.txt, no setup.py, and no pyproject.toml with [project] or [tool.poetry]. "
        "Say how it is installed: --install '-r deploy/requirements.txt'"
    )


def _static(manifest: Mapping[str, Any]) -> tuple[str, ...] | None:
    """What `[project]` says that it needs; None where only a build tells."""
    project = manifest.get("project")
    if not isinstance(project, dict) or "dependencies" in project.get("dynamic", ()):
        return None
    return tuple(map(str, project.get("dependencies", ())))


def _is_package(project: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether the project can be installed: many a `pyproject.toml` only says what is needed."""
    tools = manifest.get("tool", {})
    if tools.get("poetry", {}).get("package-mode") is False:
        return False
    told = tools.get("uv", {}).get("package")
    if told is not None:
        return bool(told)
    if (project / "setup.py").is_file():
        return True
    named = "project" in manifest or "poetry" in tools or (project / "setup.cfg").is_file()
    return "build-system" in manifest and named


def _as_they_are(words: Sequence[str]) -> tuple[str, ...]:
    """Without `-e` before folders."""
    following = (*words[1:], "")
    kept = (
        word
        for word, then in zip(words, following, strict=True)
        if word not in ("-e", "--editable") or "://" in then
    )
    return tuple(kept)


def _with_files(found: Installation, project: Path, top: Path) -> Installation:
    """With what the files hold that its calls name, and whether they install anything of the
    revision's own."""
    texts: dict[Path, str] = {}
    said: list[str] = []
    for call in found.calls:
        named = [_INCLUDED.match(" ".join(pair)) for pair in itertools.pairwise((*call, ""))]
        for one in named:
            if one is not None:
                _read(project / one[1], top, texts)
        said += (
            word for option, word in zip(("", *call), call, strict=False) if option not in _FILES
        )
    said += (line for text in texts.values() for line in text.splitlines())
    local = [place for one in said if (place := _local(one, project)) is not None]
    itself = found.itself and project.resolve() not in local
    within = (place for place in local if place.is_relative_to(top.resolve()))
    own = sorted({place.relative_to(top.resolve()).as_posix() for place in within})
    return replace(found, itself=itself, texts=tuple(texts.values()), own=tuple(own))


def _read(path: Path, top: Path, texts: dict[Path, str]) -> None:
    """A file of requirements and those that it names; where one lies outside or is not there, pip
    says so."""
    path = path.resolve()
    if path in texts or not path.is_relative_to(top.resolve()) or not path.is_file():
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    plain = _EDITABLE.sub(r"\1", text)
    if plain != text:
        path.write_text(plain, encoding="utf-8")
    texts[path] = plain
    for included in _included(plain):
        _read(path.parent / included, top, texts)


def _included(text: str) -> Iterator[str]:
    found = (_INCLUDED.match(line) for line in text.splitlines())
    yield from (match[1] for match in found if match)


def _local(requirement: str, project: Path) -> Path | None:
    """The file or folder that a requirement is, if it is one."""
    words = requirement.partition("#")[0].partition(";")[0]
    place = words.rpartition("@")[2].strip().removeprefix("file:").partition("[")[0]
    is_path = place in (".", "..") or "/" in place
    if place.startswith("-") or "://" in place or not is_path:
        return None
    path = (project / place).resolve()
    return path if path.exists() else None
