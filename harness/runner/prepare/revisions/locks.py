"""Lock files of uv, Poetry, PDM and Pipenv: which versions they hold, without these tools.

pip installs what the project says that it needs, bound by the lock's versions, so markers and
extras are pip's affair. Pipenv's lock alone says all there is.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from harness.environments.building import BuildError

_OF_TOML = ("uv.lock", "poetry.lock", "pdm.lock")
_OF_PIPENV = "Pipfile.lock"
_LOCAL = ("editable", "directory", "virtual", "path", "file")


@dataclass(frozen=True)
class Locked:
    """What pip is told by a lock file."""

    name: str
    """The file's."""
    words: tuple[str, ...]
    """What to install."""
    constraints: str
    """The versions that hold, a requirement a line."""


def toml_of(path: Path) -> dict[str, Any]:
    """A TOML file; nothing if there is none. BuildError where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BuildError(f"its {path.name} cannot be read: {error}") from error


def found(project: Path, top: Path, manifest: Mapping[str, Any]) -> Locked | None:
    """What the lock file of a project says; a workspace of uv's has one in a folder above it."""
    if (project / _OF_PIPENV).is_file():
        return _of_pipenv(project / _OF_PIPENV)
    if "project" not in manifest and "poetry" not in manifest.get("tool", {}):
        return None
    for name in _OF_TOML:
        if (project / name).is_file():
            return _of_toml(project / name, toml_of(project / name), manifest, project)
    for folder in (one for one in project.parents if one.is_relative_to(top)):
        lock = toml_of(folder / "uv.lock")
        if _has_member(lock, os.path.relpath(project, folder)):
            return _of_toml(folder / "uv.lock", lock, manifest, project)
    return None


def _has_member(lock: Mapping[str, Any], place: str) -> bool:
    """Whether a lock of uv's is that of a workspace with a project in this folder."""
    sources = (one.get("source", {}) for one in lock.get("package", ()))
    return any(place in (one.get("editable"), one.get("virtual")) for one in sources)


def _of_toml(
    path: Path, content: Mapping[str, Any], manifest: Mapping[str, Any], project: Path
) -> Locked:
    packages: dict[str, list[dict[str, Any]]] = {}
    for one in content.get("package", ()):
        if isinstance(one, dict) and isinstance(one.get("name"), str) and _is_meant(one):
            packages.setdefault(canonicalize_name(one["name"]), []).append(one)
    needs = _needs(manifest)
    chosen = {name: max(entries, key=_version) for name, entries in sorted(packages.items())}
    lock = _Lock(path.parent, project, chosen)
    meant = [one for one in needs or () if one.marker is None or one.marker.evaluate({"extra": ""})]
    words = (".",) if needs is None else tuple(map(lock.requirement, meant))
    bound = (f"{name}=={one['version']}\n" for name, one in chosen.items() if _is_of_index(one))
    return Locked(path.name, words, "".join(bound))


@dataclass(frozen=True)
class _Lock:
    """What a lock says of packages that the project names itself."""

    folder: Path
    project: Path
    packages: Mapping[str, Mapping[str, Any]]

    def requirement(self, need: Requirement) -> str:
        """In pip's words, from wherever the lock has it."""
        extras = f"[{','.join(sorted(need.extras))}]" if need.extras else ""
        source = _elsewhere(self.packages.get(canonicalize_name(need.name), {}))
        if place := next((str(source[kind]) for kind in _LOCAL if source.get(kind)), ""):
            return f"./{os.path.relpath(self.folder / place, self.project)}{extras}"
        if git := source.get("git"):
            url, _, told = str(git).partition("#")
            commit = source.get("resolved_reference") or source.get("revision") or told
            return f"{need.name}{extras} @ git+{url.partition('?')[0]}@{commit}"
        if source.get("url"):
            return f"{need.name}{extras} @ {source['url']}"
        return f"{need.name}{extras}{need.specifier}"


def _is_meant(package: Mapping[str, Any]) -> bool:
    """Whether an entry is for this Python: a lock may have several versions of one package."""
    told = package.get("resolution-markers") or package.get("markers") or package.get("marker")
    if isinstance(told, dict):  # by group, where these differ
        told = told.get("main")
    markers = [told] if isinstance(told, str) else list(told or ())
    return not markers or any(map(_holds, markers))


def _holds(marker: str) -> bool:
    try:
        return Marker(marker).evaluate({"extra": ""})
    except InvalidMarker:
        return True


def _version(package: Mapping[str, Any]) -> Version:
    """Of several that are for this Python, the newest is taken."""
    try:
        return Version(str(package.get("version", "0")))
    except InvalidVersion:
        return Version("0")


def _is_of_index(package: Mapping[str, Any]) -> bool:
    """Whether a constraint may be made of it."""
    return "version" in package and not _elsewhere(package)


def _elsewhere(package: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where an entry comes from, if from no index."""
    source = package.get("source", {})
    named = source.get("type") if isinstance(source, dict) else None
    if named in ("git", "directory", "file", "url"):  # Poetry
        return {**source, named: source.get("url", "")}
    if any(kind in package for kind in ("git", "path", "url")):  # PDM
        return package
    if isinstance(source, dict) and set(source) & {"git", "url", *_LOCAL}:  # uv
        return source
    return {}


# --- what a project says that it needs ----------------------------------------------------------


def _needs(manifest: Mapping[str, Any]) -> tuple[Requirement, ...] | None:
    """By `[project]`, else by `[tool.poetry]`; None where only a build tells."""
    project, poetry = manifest.get("project", {}), manifest.get("tool", {}).get("poetry", {})
    if "dependencies" in project:
        return tuple(_requirement(str(one)) for one in project["dependencies"])
    if "dependencies" in poetry:
        return tuple(_of_poetry(poetry["dependencies"]))
    return None if not project or "dependencies" in project.get("dynamic", ()) else ()


def _of_poetry(table: Mapping[str, Any]) -> Iterator[Requirement]:
    """Names, extras and markers; which versions, the lock says."""
    for name, told in table.items():
        one = told[0] if isinstance(told, list) and told else told
        of = one if isinstance(one, dict) else {}
        if name == "python" or of.get("optional"):
            continue
        extras = f"[{','.join(of['extras'])}]" if of.get("extras") else ""
        marker = f" ; {of['markers']}" if of.get("markers") and one is told else ""
        yield _requirement(f"{name}{extras}{marker}")


def _requirement(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise BuildError(
            f"its pyproject.toml needs {text!r}, which pip cannot read: {reason}"
        ) from (error)


# --- Pipenv -------------------------------------------------------------------------------------


def _of_pipenv(path: Path) -> Locked:
    try:
        packages = json.loads(path.read_text(encoding="utf-8")).get("default", {})
    except (OSError, ValueError, AttributeError) as error:
        raise BuildError(f"its {path.name} cannot be read: {error}") from error
    return Locked(path.name, tuple(_line(name, one) for name, one in packages.items()), "")


def _line(name: str, package: Mapping[str, Any]) -> str:
    extras = f"[{','.join(package['extras'])}]" if package.get("extras") else ""
    marker = f" ; {package['markers']}" if package.get("markers") else ""
    if place := package.get("path"):
        return f"{place}{extras}"
    if git := package.get("git"):
        return f"{name}{extras} @ git+{git}@{package.get('ref', 'HEAD')}{marker}"
    if url := package.get("file"):
        return f"{name}{extras} @ {url}{marker}"
    return f"{name}{extras}{package.get('version', '')}{marker}"
