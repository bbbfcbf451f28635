"""Revisions of the user's project, and what each of them asks pip to install.

The project is never touched: a revision is exported with `git archive` beside the environment
that is built from it, and named by its commit.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from harness.environments.building import BuildError, Source
from harness.errors import UsageError

_GIT_S = 120.0
_REQUIREMENTS = "requirements.txt"
_NO_REPOSITORY = {"SETUPTOOLS_SCM_PRETEND_VERSION": "0"}
"""An export has no tags for setuptools-scm or hatch-vcs to read a version from."""


@dataclass(frozen=True)
class Revision:
    """One commit of the project in a folder."""

    commit: str
    """In full."""
    prefix: str
    """The folder's place in its repository, e.g. `services/api/`; empty at the top."""


def find_revision(name: str, folder: Path, environ: Mapping[str, str]) -> Revision:
    """The commit that `name` means in the repository around `folder`. UsageError if none."""
    if name.startswith("-"):
        raise UsageError(f"{name!r} is no git revision")
    try:
        commit = _git(folder, environ, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        prefix = _git(folder, environ, "rev-parse", "--show-prefix")
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()
        shallow = "a shallow clone lacks older commits: git fetch --unshallow"
        raise UsageError(
            f"no git revision {name!r} in {folder.absolute()} ({reason or shallow}). "
            "A revision is a commit, branch or tag; versions are pins:celery==5.7.0, "
            "settings set:settings.NAME=VALUE"
        ) from error
    return Revision(commit.decode().strip(), prefix.decode().rstrip("\n"))


def source_of(revision: Revision, folder: Path, environ: Mapping[str, str]) -> Source:
    """What to install for a revision: its requirements.txt, else the project itself."""

    def unpack(target: Path) -> Sequence[str]:
        try:
            archive = _git(folder, environ, "archive", "--format=tar", revision.commit)
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode(errors="replace").strip()
            raise BuildError(f"cannot export commit {revision.commit[:12]}: {reason}") from error
        try:
            with tarfile.open(fileobj=BytesIO(archive)) as tar:
                _check_links(tar)
                # Python knows filters since 3.11.4, Debian 12 has 3.11.2.
                tar.extraction_filter = getattr(tarfile, "data_filter", None)
                tar.extractall(target)  # noqa: S202 - looked at above, with or without a filter
        except tarfile.TarError as error:  # an archive without members, or one that leads outside
            raise BuildError(
                f"cannot unpack commit {revision.commit[:12]}: {str(error).splitlines()[0]}"
            ) from error
        return _words(target, revision)

    key = f"git {revision.commit} {revision.prefix}"
    return Source(key, unpack, _NO_REPOSITORY, revision.commit)


def _check_links(tar: tarfile.TarFile) -> None:
    """That no link leads outside, else TarError. (Names cannot: git's trees have no `..`.)"""
    for member in tar.getmembers():
        if member.issym():
            place = Path(os.path.normpath(Path(member.name).parent / member.linkname))
            if place.is_absolute() or place.parts[0] == os.pardir:
                raise tarfile.TarError(f"{member.name} links to {member.linkname}, outside of it")


def _words(folder: Path, revision: Revision) -> Sequence[str]:
    if (folder / _REQUIREMENTS).is_file():
        return ("-r", _REQUIREMENTS)
    if (folder / "setup.py").is_file() or _is_project(folder / "pyproject.toml", revision):
        return (".",)
    place = f" {revision.prefix}" if revision.prefix else ""
    raise BuildError(
        f"commit {revision.commit[:12]}{place} says nowhere what it needs: it has no "
        f"{_REQUIREMENTS}, no setup.py, and no pyproject.toml with [project] or [tool.poetry]"
    )


def _is_project(path: Path, revision: Revision) -> bool:
    """Many a pyproject.toml only configures tools."""
    if not path.is_file():
        return False
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BuildError(
            f"commit {revision.commit[:12]}: its pyproject.toml cannot be read: {error}"
        ) from error
    return "project" in content or "poetry" in content.get("tool", {})


def _git(folder: Path, environ: Mapping[str, str], *words: str) -> bytes:
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(
            command, env=dict(environ), capture_output=True, check=True, timeout=_GIT_S
        )
    except FileNotFoundError as error:
        raise UsageError("git is needed to compare revisions: install it") from error
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"git {words[0]} did not end within {_GIT_S:g} s in {folder}") from error
    return done.stdout
