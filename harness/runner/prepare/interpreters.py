"""Which Python each cell's clients and workers run under; built before anything is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import harness
from harness.environments.asking import installed_in
from harness.environments.building import (
    BuildError,
    Source,
    ensure_environment,
    environment_folder,
    is_complete,
    source_folder,
)
from harness.environments.interpreter import OWN, Interpreter
from harness.errors import UsageError
from harness.runner.prepare.revisions import find_revision, source_of
from harness.scenario.checks.own_python import missing_there, python_at
from harness.scenario.models.configuration import CelerySet, Configuration
from harness.scenario.settings.celery_sets import cannot_run, requirements, title
from harness.workspace import Workspace

_ADVICE = (
    "An environment is built once and kept, so the package index is needed the first time only. "
    "If the index answers, choose other versions under `celery:`"
)
_REVISION_ADVICE = (
    "That is what this revision asks pip for. An environment is built once and kept, so the "
    "package index is needed the first time only"
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
) -> tuple[Interpreter, ...]:
    """The interpreter of each configuration; environments that are not there yet are built.

    `building` is told the title of each one that has to be. Git revisions are those of
    `project`, environments of the user's own count from the scenario's file. Modules that a
    configuration's settings import are found in its revision, else in `project`. Raises BuildError
    with pip's reason, UsageError for a revision without Celery or an environment that lacks
    something.
    """
    built: dict[tuple[tuple[str, ...], str], Path] = {}
    found = []
    alone: Path | None = None
    for configuration in configurations:
        celery = configuration.celery
        imports = any(configuration.settings.get(name) for name in IMPORTING)
        if celery is None and not _has_namesake(project):
            found.append(OWN)
            continue
        alone = alone or _probe_alone(workspace)
        if celery is None:
            within = project.absolute() if imports else None
            found.append(Interpreter(OWN.python, alone, within))
            continue
        if celery.python is not None:
            _check_own(configuration, scenario.parent, environ)
            python = python_at(celery.python, scenario.parent)
            found.append(Interpreter(python, alone, project.absolute() if imports else None))
            continue
        pins, source = _order(celery, configuration, project, environ)
        key = (pins, "" if source is None else source.key)
        if key not in built:
            built[key] = _built(celery, pins, source, environ, building)
        modules = project if source is None else source_folder(built[key].parent.parent)
        within = modules.absolute() if imports else None
        commit = None if source is None else source.commit
        found.append(Interpreter(built[key], alone, within, commit=commit))
    return tuple(found)


def _check_own(configuration: Configuration, folder: Path, environ: Mapping[str, str]) -> None:
    """Once more where no files were read just now: of a run that is taken up again."""
    for _, message in missing_there(configuration, folder, environ):
        raise UsageError(f'configuration "{configuration.name}": {message}')


def _built(
    celery: CelerySet,
    pins: tuple[str, ...],
    source: Source | None,
    environ: Mapping[str, str],
    building: Callable[[str], None],
) -> Path:
    if not is_complete(environment_folder(pins, environ, source)):
        building(title(celery))
    advice = _ADVICE if source is None else _REVISION_ADVICE
    try:
        python = ensure_environment(pins, environ=environ, source=source, advice=advice)
    except BuildError as error:
        raise BuildError(f"{title(celery)}: {error}") from error
    if source is not None:
        _check_celery(python, celery, environ)
    return python


def _order(
    celery: CelerySet, configuration: Configuration, project: Path, environ: Mapping[str, str]
) -> tuple[tuple[str, ...], Source | None]:
    pins = requirements(celery, configuration)
    if celery.revision is None:
        return pins, None
    return pins, source_of(find_revision(celery.revision, project, environ), project, environ)


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
            f"({found.trouble}). Name celery in the requirements.txt or pyproject.toml of that "
            "revision"
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
