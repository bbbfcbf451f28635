"""Which Python each cell's clients and workers run under; built before anything is measured."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import harness
from harness.environments import (
    OWN,
    Interpreter,
    Source,
    ensure_environment,
    environment_folder,
    is_complete,
)
from harness.errors import UsageError
from harness.runner.revisions import find_revision, source_of
from harness.scenario.celery_sets import requirements, title
from harness.scenario.models import CelerySet, Configuration
from harness.workspace import Workspace

_ADVICE = (
    "An environment is built once and kept, so the package index is needed the first time only. "
    "If the index answers, choose other versions under `celery:`"
)
_IMPORT_S = 60.0


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
    `project`. Raises BuildError with the end of pip's message.
    """
    wanted = [(one.celery, _order(one, project, environ)) for one in configurations]
    built: dict[tuple[tuple[str, ...], str], Interpreter] = {}
    folder: Path | None = None
    for celery, (pins, source) in wanted:
        key = (pins, "" if source is None else source.key)
        if celery is None or key in built:
            continue
        folder = folder or _probe_alone(workspace)
        if not is_complete(environment_folder(pins, environ, source)):
            building(title(celery))
        python = ensure_environment(pins, environ=environ, source=source, advice=_ADVICE)
        built[key] = Interpreter(python, folder)
        if source is not None:
            _check_celery(python, celery, environ)
    return tuple(
        OWN if celery is None else built[pins, "" if source is None else source.key]
        for celery, (pins, source) in wanted
    )


def _order(
    configuration: Configuration, project: Path, environ: Mapping[str, str]
) -> tuple[tuple[str, ...], Source | None]:
    celery: CelerySet | None = configuration.celery
    if celery is None:
        return (), None
    pins = requirements(celery, configuration)
    if celery.revision is None:
        return pins, None
    return pins, source_of(find_revision(celery.revision, project, environ), project, environ)


def _check_celery(python: Path, celery: CelerySet, environ: Mapping[str, str]) -> None:
    command = [str(python), "-I", "-c", "import celery"]
    done = subprocess.run(
        command, env=dict(environ), capture_output=True, text=True, timeout=_IMPORT_S, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UsageError(
            f"{title(celery)}: what its requirements install cannot import celery ({reason}). "
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
