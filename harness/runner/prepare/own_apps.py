"""Applications of the user's own: where they lie, and whether they can be measured.

The harness never imports one: a process does, under the interpreter that will run the cell.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.environments import OWN, Interpreter, source_folder
from harness.errors import UsageError
from harness.processes import spawn
from harness.results.record.run import RecordedWarning
from harness.runner.prepare import cellspec
from harness.scenario.files.yaml12 import read_document
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.scenario import Cell, Plan
from harness.scenario.plan.loader import check_file, names_a_scenario, readable_plan
from harness.scenario.settings.celery_sets import title
from harness.scenario.settings.planned import planned
from harness.scenario.workloads.own_task_forms import with_own_tasks
from harness.scenario.workloads.own_tasks import OwnTaskWorkload
from harness.scenario.workloads.registry import Workload
from harness.workspace import Workspace, open_workspace

_IMPORT_S = 60.0
_CHECK = "harness.probe.own_app_check"


def with_projects(
    plan: Plan, pythons: Sequence[Interpreter], here: Path
) -> tuple[Interpreter, ...]:
    """The cells' interpreters, each with the folder of the app that its cell runs.

    That folder is named from the scenario's file, else it is `here`. Under a revision of the
    project in `here` it is the same folder of that revision. UsageError if it is not there.
    """
    return tuple(
        replace(python, project=_project(cell, plan, python, here))
        if isinstance(cell.workload, OwnTaskWorkload)
        else python
        for cell, python in zip(plan.cells, pythons, strict=True)
    )


def _project(cell: Cell, plan: Plan, python: Interpreter, here: Path) -> Path:
    named = getattr(cell.workload, "project", None)
    folder = here if named is None else Path(plan.source).parent / named
    folder, here = folder.resolve(), here.resolve()
    celery = cell.configuration.celery
    if celery is not None and celery.revision is not None:
        if not folder.is_relative_to(here):
            raise UsageError(
                f"{title(celery)}: the project {folder} is not in {here}, whose revision that is. "
                "Start the harness in the project's folder"
            )
        source = source_folder(python.python.parent.parent).resolve()
        folder = source / folder.relative_to(here)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}, which `project:` of a workload names")
    return folder


def refusals(file: Path) -> list[str]:
    """Why apps that a scenario names cannot be measured, each once, whatever else is wrong with it;
    empty for any other file.

    Only under the harness' own Celery: other environments are built when the scenario is run.
    """
    plan = readable_plan(file) if names_a_scenario(file) else None
    cells = [
        cell
        for cell in (() if plan is None else plan.cells)
        if cell.configuration.celery is None and isinstance(cell.workload, OwnTaskWorkload)
    ]
    if check_file(file):  # a task whose arguments were mended is called with others
        intact = set(_as_written(file))
        cells = [cell for cell in cells if _key(cell.workload) in intact]
    if plan is None or not cells:
        return []
    own = plan.model_copy(update={"cells": tuple(cells)})
    environ = dict(os.environ)
    with open_workspace(environ) as workspace:
        found: list[str] = []
        for one in _apart(own):
            try:
                pythons = with_projects(one, [OWN] * len(one.cells), Path.cwd())
                check_apps(one.cells, pythons, workspace, environ, seed=0)
            except UsageError as error:
                found.append(str(error))
    return list(dict.fromkeys(found))


def _as_written(file: Path) -> Iterator[str]:
    """The own tasks of a file in which nothing is wrong."""
    document = read_document(file, [])
    entries = None if document is None else with_own_tasks(document, []).get(("workloads",))
    for entry in entries if isinstance(entries, list) else ():
        with suppress(ValidationError):
            yield _key(OwnTaskWorkload.model_validate(entry))


def _key(workload: Workload) -> str:
    return workload.model_dump_json(exclude={"loads", "measure"})


def _apart(plan: Plan) -> Iterator[Plan]:
    """One plan for each of its workloads: what is wrong with one app hides no other."""
    by_workload: dict[str, list[Cell]] = {}
    for cell in plan.cells:
        by_workload.setdefault(cell.workload.model_dump_json(), []).append(cell)
    for cells in by_workload.values():
        yield plan.model_copy(update={"cells": tuple(cells)})


@dataclass(frozen=True)
class _Look:
    """One import."""

    interpreter: Interpreter
    workload: OwnTaskWorkload
    under: str
    """Which Celery, in words; empty for the harness' own."""

    @property
    def key(self) -> tuple[Interpreter, str]:
        """Cells that differ in nothing of it share an import."""
        return self.interpreter, self.workload.model_dump_json(exclude={"loads", "measure"})


def check_apps(
    cells: Sequence[Cell],
    pythons: Sequence[Interpreter],
    workspace: Workspace,
    environ: Mapping[str, str],
    seed: int,
) -> tuple[RecordedWarning, ...]:
    """Import each app once in a process of its own, and say what of its own will not hold.

    UsageError with the reason, fit to be shown as it is: the traceback of the user's own code,
    a task that is not there, arguments that do not fit.
    """
    warnings: dict[str, RecordedWarning] = {}
    looks: dict[tuple[Interpreter, str], _Look] = {}
    configurations: dict[tuple[Interpreter, str], list[Configuration]] = {}
    for cell, look in _looks(cells, pythons):
        looks.setdefault(look.key, look)
        configurations.setdefault(look.key, []).append(cell.configuration)
    for number, (key, look) in enumerate(looks.items()):
        answer = _imported(look, workspace.folder(f"import-{number:03d}"), workspace, environ, seed)
        if "error" in answer:
            hint = f"\n(under {look.under})" if look.under else ""
            raise UsageError(f"{answer['error']}{hint}")
        for configuration in configurations[key]:
            kept = _kept(answer["kept"], configuration)
            data = {"app": look.workload.app, "overruled": answer["overruled"], "kept": kept}
            warnings.setdefault(json.dumps(data, sort_keys=True), _warning(data))
    return tuple(warnings.values())


def _kept(own: Mapping[str, Any], configuration: Configuration) -> dict[str, Any]:
    """What of the app's own really holds: not what this configuration says otherwise, by a setting,
    an option of its workers, or an annotation of tasks."""
    plan = planned(configuration)
    annotated = plan.settings.get("task_annotations")
    gone = set(plan.decided)
    for task, options in annotated.items() if isinstance(annotated, Mapping) else ():
        gone |= {f"{option} of {task}" for option in options}
    everywhere = {one.removesuffix(" of *") for one in gone if one.endswith(" of *")}
    return {
        name: value
        for name, value in own.items()
        if name not in gone and name.partition(" of ")[0] not in everywhere
    }


def _warning(data: dict[str, Any]) -> RecordedWarning:
    return RecordedWarning(code="app_overruled", data=data)


def _looks(cells: Sequence[Cell], pythons: Sequence[Interpreter]) -> Iterator[tuple[Cell, _Look]]:
    for cell, python in zip(cells, pythons, strict=True):
        if isinstance(cell.workload, OwnTaskWorkload):
            celery = cell.configuration.celery
            under = "" if celery is None else title(celery)
            yield cell, _Look(python, cell.workload, under)


def _imported(
    look: _Look, folder: Path, workspace: Workspace, environ: Mapping[str, str], seed: int
) -> dict[str, Any]:
    spec = folder / "spec.json"
    interpreter, name = look.interpreter, look.workload.app
    project = interpreter.project or Path.cwd()
    cellspec.write_private(spec, cellspec.own_app(look.workload, project, seed))
    process = spawn(
        [interpreter.python, "-m", _CHECK],
        name="import",
        log=folder / "import.log",
        env=workspace.marked(interpreter.environ(cellspec.environ_for("client", spec, environ))),
        cwd=interpreter.folder,
        stdout=subprocess.PIPE,
        on_spawn=workspace.record_process,
    )
    try:
        ended = process.wait(_IMPORT_S)
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        text = process.stdout.read() if ended else b""
        tail = process.log_tail(15)
    finally:
        process.kill()
    if not ended:
        raise UsageError(
            f"the app {name} could not be imported: that took more than {_IMPORT_S:g} s"
        )
    if not text.strip():
        raise UsageError(
            f"the app {name} could not be imported: its process ended with exit code "
            f"{process.returncode}\n{tail}"
        )
    answer: dict[str, Any] = json.loads(text)
    return answer
