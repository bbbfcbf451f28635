"""Which Python each cell's clients and workers run under; built before anything is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import harness
from harness.environments.asking import installed_in
from harness.environments.building import (
    BuildError,
    ensure_environment,
    environment_folder,
    is_complete,
)
from harness.environments.interpreter import OWN, Interpreter
from harness.errors import UsageError
from harness.runner.prepare.revisions.ready import Room, made_ready
from harness.scenario.checks.own_python import missing_there, python_at
from harness.scenario.models.configuration import CelerySet, Configuration
from harness.scenario.settings.celery_sets import cannot_run, requirements, title
from harness.workspace import Workspace

_ADVICE = (
    "An environment is built once and kept, so the package index is needed the first time only. "
    "If the index answers, choose other versions under `celery:`"
)
IMPORTING = ("imports", "include")
"""Celery settings that name modules of the user's."""


def interpreters(
    configurations: Sequence[Configuration],
    *,
    project: Path,
    scenario: Path,
    workspace: Workspace,
    environ: Mapping[str, str],
    building: Callable[[str], None],
    preparing: Callable[[str, str], None] = lambda *_: None,
) -> tuple[Interpreter, ...]:
    """The interpreter of each configuration; environments that are not there yet are built.

    `building` is told the title of each one that has to be, `preparing` that of a revision and each
    command that prepares its copy. Git revisions are those of
    `project`, environments of the user's own count from the scenario's file. Modules that a
    configuration's settings import are found in its revision, else in `project`. Raises BuildError
    with pip's reason, UsageError for a revision without Celery or an environment that lacks
    something.
    """
    room = Room(project, workspace, environ, building, preparing)
    built: dict[object, Interpreter] = {}
    found = []
    alone: Path | None = None
    for configuration in configurations:
        celery = configuration.celery
        imports = any(configuration.settings.get(name) for name in IMPORTING)
        if celery is None and not _has_namesake(project):
            found.append(OWN)
            continue
        alone = alone or _probe_alone(workspace)
        one = OWN
        if celery is not None and celery.python is not None:
            _check_own(configuration, scenario.parent, environ)
            one = Interpreter(python_at(celery.python, scenario.parent))
        elif celery is not None:
            pins = requirements(celery, configuration)
            key = (pins, celery.revision, celery.install, celery.prepare)
            one = built.get(key) or _built(celery, pins, room)
            built[key] = one
        modules = (one.revision or project).absolute() if imports else None
        found.append(replace(one, folder=alone, modules=modules))
    return tuple(found)


def without_modules(python: Path | None, project: Path, workspace: Workspace) -> Interpreter:
    """An environment of the user's, or the harness' own (None), to import the app in a folder by.
    Nothing is asked of it."""
    if python is None and not _has_namesake(project):
        return replace(OWN, project=project)
    return Interpreter(python or OWN.python, _probe_alone(workspace), project=project)


def _check_own(configuration: Configuration, folder: Path, environ: Mapping[str, str]) -> None:
    """Once more where no files were read just now: of a run that is taken up again."""
    for _, message in missing_there(configuration, folder, environ):
        raise UsageError(f'configuration "{configuration.name}": {message}')


def _built(celery: CelerySet, pins: tuple[str, ...], room: Room) -> Interpreter:
    if celery.revision is not None:
        ready = made_ready(celery, pins, room)
        _check_celery(ready.python, celery, room.environ)
        return ready
    if not is_complete(environment_folder(pins, room.environ)):
        room.building(title(celery))
    try:
        return Interpreter(ensure_environment(pins, environ=room.environ, advice=_ADVICE))
    except BuildError as error:
        raise BuildError(f"{title(celery)}: {error}") from error


def _check_celery(python: Path, celery: CelerySet, environ: Mapping[str, str]) -> None:
    """Of a revision, whose requirements nobody has read before pip did."""
    try:
        found = installed_in(python, environ, ("celery", "kombu", "billiard"))
    except BuildError as error:
        raise BuildError(f"{title(celery)}: {error}") from error
    pins = [f"{name}=={version}" for name, version in found.versions.items()]
    refused = [why for why in map(cannot_run, pins) if why is not None]
    if refused:
        raise UsageError(f"{title(celery)}: {'; '.join(refused)}")
    if found.trouble:
        raise UsageError(
            f"{title(celery)}: what its requirements install cannot import celery "
            f"({found.trouble}). Name celery among them, or say how it is installed: `install:`, "
            "or --install of harness ab"
        )


def _has_namesake(project: Path) -> bool:
    """Whether the current folder has a package of the harness' name, in which a Python that is
    started there would look for the probe."""
    name = harness.__name__
    ours = Path(harness.__file__).parent
    theirs = [place for end in ("", ".py") if (place := project / f"{name}{end}").exists()]
    return any(place.resolve() != ours.resolve() for place in theirs)


def _probe_alone(workspace: Workspace) -> Path:
    """A folder with a copy of the probe and nothing else: another interpreter must not find the
    harness' own packages through it, nor whatever lies in the user's folder."""
    folder = workspace.folder("probe")
    package = Path(harness.__file__).parent
    for source in (package / "__init__.py", *(package / "probe").rglob("*.py")):
        target = folder / source.relative_to(package.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())  # and may be removed, though the source may not
    return folder
