"""A revision made ready for a run: exported, installed, prepared."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.environments.building import (
    BuildError,
    Source,
    ensure_environment,
    ensure_layer,
    environment_folder,
    is_complete,
    is_layer_complete,
    layer_folder,
)
from harness.environments.interpreter import Interpreter
from harness.runner.prepare.revisions.commits import Revision, content_of, export, find_revision
from harness.runner.prepare.revisions.requirements import Installation, installation_of
from harness.scenario.models.configuration import CelerySet
from harness.scenario.settings.celery_sets import title
from harness.workspace import Workspace

PROJECT_VARIABLE = "HARNESS_PROJECT"
"""For commands of `prepare`: the folder that the harness was started in."""
_ADVICE = (
    "That is what this revision asks pip for ({found}); `install:` of its `celery:`, or --install "
    "of harness ab, says it otherwise. An environment is built once and kept, so the package index "
    "is needed the first time only"
)
_NO_TAGS = {
    "SETUPTOOLS_SCM_PRETEND_VERSION": "0",
    "PBR_VERSION": "0",
    "PDM_BUILD_SCM_VERSION": "0",
    "POETRY_DYNAMIC_VERSIONING_BYPASS": "0",
    "UV_DYNAMIC_VERSIONING_BYPASS": "0",
}
"""A copy has no tags for these, or hatch-vcs, to read a version from."""
_PREPARE_S = 900.0
_TAIL = 20
_SHORT = 12


@dataclass(frozen=True)
class Room:
    """Where revisions are made ready, and who is told."""

    project: Path
    """The folder that the harness was started in, whose repository is meant."""
    workspace: Workspace
    """Copies last as long as the run."""
    environ: Mapping[str, str]
    building: Callable[[str], None]
    """Told the title of each environment that has to be built."""
    preparing: Callable[[str, str], None] = lambda *_: None
    """Told the title of a revision, and each command that prepares its copy."""


def made_ready(celery: CelerySet, pins: Sequence[str], room: Room) -> Interpreter:
    """The interpreter of a revision, with its copy of the project. What it needs is shared with
    every revision that needs the same; the copy is this run's own. Raises UsageError for a revision
    that there is not, BuildError with the reason for one that cannot be installed or prepared.
    """
    assert celery.revision is not None  # noqa: S101 - it was chosen for that
    revision = find_revision(celery.revision, room.project, room.environ)
    top = room.workspace.folder(f"revision-{revision.commit[:_SHORT]}")
    export(revision, room.project, top, room.environ)
    folder = top / revision.prefix
    try:
        if not folder.is_dir():
            raise BuildError("it has no such folder")
        found = installation_of(folder, top, celery.install)
    except BuildError as error:
        place = f" {revision.prefix}" if revision.prefix else ""
        raise BuildError(f"commit {revision.commit[:_SHORT]}{place}: {error}") from error
    try:
        python, layer = _installed(found, folder, revision, celery, pins, room)
        ready = Interpreter(python, commit=revision.commit, revision=folder, layer=layer)
        for command in celery.prepare:
            room.preparing(title(celery), command)
            _prepare(command, ready, revision, room)
    except BuildError as error:
        raise BuildError(f"{title(celery)}: {error}") from error
    return ready


def _installed(
    found: Installation,
    folder: Path,
    revision: Revision,
    celery: CelerySet,
    pins: Sequence[str],
    room: Room,
) -> tuple[Path, Path | None]:
    own = [content_of(revision, place, room.project, room.environ) for place in found.own]
    repeat = _copy_for_people(revision, room.project)
    of = f"commit {revision.commit[:_SHORT]} of {room.project.absolute()}"
    source = Source(
        json.dumps(["revision", found.key, *own]),
        folder,
        found.calls,
        found.constraints,
        _NO_TAGS,
        repeat,
        f"what {of} needs ({found.found})",
    )
    if not is_complete(environment_folder(pins, room.environ, source)):
        room.building(f"{title(celery)} ({found.found})")
    advice = _ADVICE.format(found=found.found)
    python = ensure_environment(pins, environ=room.environ, source=source, advice=advice)
    if not found.itself:
        return python, None
    itself = Source(
        json.dumps(["itself", content_of(revision, revision.prefix, room.project, room.environ)]),
        folder,
        [["."]],
        environ=_NO_TAGS,
        repeat=repeat,
        about=f"{of} itself",
    )
    if not is_layer_complete(layer_folder(python, room.environ, itself)):
        room.building(f"{title(celery)} itself")
    return python, ensure_layer(python, environ=room.environ, source=itself, advice=advice)


def _copy_for_people(revision: Revision, project: Path) -> str:
    """A command that makes a copy like ours, and goes there."""
    copy = Path(tempfile.gettempdir()) / f"revision-{revision.commit[:_SHORT]}"
    words = ["git", "-C", str(project.absolute()), "worktree", "add", "--detach", str(copy)]
    return (
        f"{shlex.join([*words, revision.commit])} && cd {shlex.quote(str(copy / revision.prefix))}"
    )


def _prepare(command: str, ready: Interpreter, revision: Revision, room: Room) -> None:
    """Run a command of the user's in the revision's copy of the project, with its environment
    active. BuildError where it fails, with the end of what it printed."""
    assert ready.revision is not None  # noqa: S101 - it is one
    log = room.workspace.folder("prepare") / "prepare.log"
    process = room.workspace.spawn(
        ["/bin/sh", "-c", command],
        name="prepare",
        log=log,
        env={**ready.active(room.environ), PROJECT_VARIABLE: str(room.project.absolute())},
        cwd=ready.revision,
    )
    try:
        code = process.finished(_PREPARE_S)
    finally:
        process.kill()
    if code == 0:
        return
    what = (
        f"did not end within {_PREPARE_S:g} s" if code is None else f"ended with exit code {code}"
    )
    raise BuildError(
        f"prepare: {command}\n{what}, in a copy of commit {revision.commit[:_SHORT]}:\n"
        f"{process.log_tail(_TAIL)}\nTo repeat it: {_copy_for_people(revision, room.project)} && "
        f"{PROJECT_VARIABLE}={shlex.quote(str(room.project.absolute()))} "
        f"PATH={shlex.quote(str(ready.python.parent))}{os.pathsep}$PATH {command}"
    )
