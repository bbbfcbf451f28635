"""Commits of the user's project, and copies of what they hold.

The project itself is never touched: a commit is exported with `git archive`.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.environments.building import BuildError
from harness.errors import UsageError

_GIT_S = 600.0
"""A clone without blobs fetches them when they are exported."""


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

    def asked(*words: str) -> str:
        return _git(folder, environ, "rev-parse", *words).decode().rstrip("\n")

    try:
        prefix = asked("--show-prefix")
        is_shallow = asked("--is-shallow-repository") == "true"
    except subprocess.CalledProcessError as error:
        raise UsageError(
            f"no git revision {name!r} in {folder.absolute()} ({_said(error)})"
        ) from error
    try:
        commit = asked("--verify", "--quiet", f"{name}^{{commit}}")
    except subprocess.CalledProcessError as error:
        raise UsageError(_unknown(name, folder, is_shallow=is_shallow)) from error
    return Revision(commit, prefix)


def _unknown(name: str, folder: Path, *, is_shallow: bool) -> str:
    unknown = f"no git revision {name!r} in {folder.absolute()}"
    if is_shallow:
        return (
            f"{unknown}: this clone is shallow, it lacks older commits and other branches. Deepen "
            "it: git fetch --unshallow origin '+refs/heads/*:refs/remotes/origin/*'"
        )
    named = "" if name else " (is it the answer of a command that found nothing?)"
    return (
        f"{unknown}{named}. A revision is a commit, branch or tag; versions are "
        "pins:celery==5.7.0, settings set:settings.NAME=VALUE"
    )


def export(revision: Revision, folder: Path, target: Path, environ: Mapping[str, str]) -> None:
    """Fill the empty folder `target` with all that a commit holds, of the whole repository around
    `folder`: what a project's part needs may lie beside it. BuildError where that fails."""
    short = revision.commit[:12]
    archive = target.with_name(f"{target.name}.tar")
    try:
        top = _git(folder, environ, "rev-parse", "--show-toplevel").decode().rstrip("\n")
        _git(Path(top), environ, "archive", "--format=tar", "-o", str(archive), revision.commit)
        with tarfile.open(archive) as tar:
            _check_links(tar)
            # Python knows filters since 3.11.4, Debian 12 has 3.11.2.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(target)  # noqa: S202 - looked at above, with or without a filter
    except subprocess.CalledProcessError as error:
        raise BuildError(f"cannot export commit {short}: {_said(error)}") from error
    except tarfile.TarError as error:  # an archive without members, or one that leads outside
        raise BuildError(f"cannot unpack commit {short}: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise BuildError(f"cannot export commit {short} to {target}: {error}") from error
    finally:
        archive.unlink(missing_ok=True)


def content_of(revision: Revision, place: str, folder: Path, environ: Mapping[str, str]) -> str:
    """What git calls the content of a file or folder of a commit, by its path from the repository's
    top: alike in all commits in which it is the same."""
    path = "" if place == "." else place.rstrip("/")
    return _git(folder, environ, "rev-parse", f"{revision.commit}:{path}").decode().strip()


def _check_links(tar: tarfile.TarFile) -> None:
    """That no link leads outside, else TarError. (Names cannot: git's trees have no `..`.)"""
    for member in tar.getmembers():
        if member.issym():
            place = Path(os.path.normpath(Path(member.name).parent / member.linkname))
            if place.is_absolute() or place.parts[0] == os.pardir:
                raise tarfile.TarError(f"{member.name} links to {member.linkname}, outside of it")


def not_in_git(folder: Path, environ: Mapping[str, str], most: int) -> list[str]:
    """What lies in a folder that git does not have, by its path from there, folders as a whole: the
    first of it, without what tools make."""
    words = ("ls-files", "--others", "--directory", "--no-empty-directory", "-z")
    try:
        said = _git(folder, environ, *words).decode(errors="replace")
    except (subprocess.CalledProcessError, BuildError, UsageError):
        return []
    found = (path for path in said.split("\0") if path)
    return [path for path in found if not _is_made_by_tools(folder, path)][:most]


def _is_made_by_tools(folder: Path, path: str) -> bool:
    name = path.rstrip("/").rpartition("/")[2]
    made = name in ("node_modules", "results", "build", "dist", ".git")
    made = made or name.endswith(("cache", "cache__", ".pyc", ".egg-info"))
    return made or (folder / path / "pyvenv.cfg").exists()


def _said(error: subprocess.CalledProcessError) -> str:
    words: bytes = error.stderr
    return words.decode(errors="replace").strip()


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
