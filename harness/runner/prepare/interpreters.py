"""Which Python each cell's clients and workers run under; built before anything is measured."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import harness
from harness.environments import (
    OWN,
    BuildError,
    Interpreter,
    Source,
    ensure_environment,
    environment_folder,
    is_complete,
    source_folder,
)
from harness.errors import UsageError
from harness.runner.prepare.revisions import find_revision, source_of
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
_IMPORT_S = 60.0
_LOOK = """
from importlib.metadata import distributions
for one in distributions():
    if one.name.lower() in ("celery", "kombu", "billiard"):
        print(f"{one.name}=={one.version}", flush=True)
import celery
"""
IMPORTING = ("imports", "include")
"""Celery settings that name modules of the user's."""


def interpreters(
    configurations: Sequence[Configuration],
    *,
    project: Path,
    workspace: Workspace,
    environ: Mapping[str, str],
    building: Callable[[str], None],
) -> tuple[Interpreter, ...]:
    """The interpreter of each configuration; environments that are not there yet are built.

    `building` is told the title of each one that has to be. Git revisions are those of
    `project`. Modules that a configuration's settings import are found in its revision, else in
    `project`. Raises BuildError with pip's reason, UsageError for a revision without Celery.
    """
    built: dict[tuple[tuple[str, ...], str], Path] = {}
    found = []
    alone: Path | None = None
    for configuration in configurations:
        celery = configuration.celery
        if celery is None:
            found.append(OWN)
            continue
        pins, source = _order(celery, configuration, project, environ)
        key = (pins, "" if source is None else source.key)
        if key not in built:
            built[key] = _built(celery, pins, source, environ, building)
        alone = alone or _probe_alone(workspace)
        modules = project if source is None else source_folder(built[key].parent.parent)
        imports = any(configuration.settings.get(name) for name in IMPORTING)
        within = modules.absolute() if imports else None
        commit = None if source is None else source.commit
        found.append(Interpreter(built[key], alone, within, commit=commit))
    return tuple(found)


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
    done = subprocess.Popen(
        [str(python), "-I", "-c", _LOOK],
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said, errors = done.communicate(timeout=_IMPORT_S)
    except subprocess.TimeoutExpired as error:
        raise BuildError(
            f"{title(celery)}: importing celery took more than {_IMPORT_S:g} s in {python}"
        ) from error
    finally:
        done.kill()
    refused = [why for why in map(cannot_run, said.split()) if why is not None]
    if refused:
        raise UsageError(f"{title(celery)}: {'; '.join(refused)}")
    if done.returncode != 0:
        lines = errors.strip().splitlines() or ["no reason given"]
        raise UsageError(
            f"{title(celery)}: what its requirements install cannot import celery ({lines[-1]}). "
            "Name celery in the requirements.txt or pyproject.toml of that revision"
        )


def _probe_alone(workspace: Workspace) -> Path:
    """A folder with a copy of the probe and nothing else: another interpreter must not find the
    harness' own packages through it, nor whatever lies in the user's folder."""
    folder = workspace.folder("probe")
    package = Path(harness.__file__).parent
    (folder / "harness").mkdir()
    shutil.copy2(package / "__init__.py", folder / "harness")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package / "probe", folder / "harness" / "probe", ignore=ignored)
    return folder
