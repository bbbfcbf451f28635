"""Applications of the user's own: where they lie, and whether they can be measured.

The harness never imports one: a process does, under the interpreter that will run the cell.
"""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.environments.building import BuildError
from harness.environments.interpreter import OWN, Interpreter
from harness.errors import Problem, UsageError
from harness.probe.spoken import CelerySettings, Line
from harness.results.record.run import RecordedWarning
from harness.runner.prepare import cellspec
from harness.runner.prepare.asked_app import ask_app
from harness.runner.prepare.interpreters import interpreters
from harness.runner.prepare.revisions.commits import not_in_git
from harness.runner.prepare.revisions.ready import PROJECT_VARIABLE
from harness.scenario.files.document import Document, Location, Mark
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.scenario import Cell, Plan
from harness.scenario.plan.axes import fields_of
from harness.scenario.plan.loader import names_a_scenario, readable_plan
from harness.scenario.settings.celery_sets import title
from harness.scenario.settings.planned import planned
from harness.scenario.vendors.registry import BROKERS
from harness.scenario.workloads.own_tasks import OwnTaskWorkload
from harness.scenario.workloads.registry import Workload
from harness.workspace import Workspace, open_workspace

_MOST_NAMED = 5
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
        assert python.revision is not None  # noqa: S101 - it runs one
        folder = python.revision.resolve() / folder.relative_to(here)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}, which `project:` of a workload names")
    return folder


def refusals(file: Path) -> list[Problem]:
    """Why apps that a scenario names cannot be measured, each at its place in the file and all at
    once, whatever else is wrong with it; empty for any other file.

    Only under Pythons that are there: other environments are built when the scenario is run.
    """
    readable = readable_plan(file) if names_a_scenario(file) else None
    own = {} if readable is None else _own_tasks(readable[0])
    if readable is None or not own:
        return []
    (plan, document), environ = readable, dict(os.environ)
    found: dict[object, Problem] = {}
    with open_workspace(environ) as workspace:
        for cell in own.values():
            place = _place(cell, plan)
            for one in _refused(plan, cell, workspace, environ):
                mark = _mark(document, place, one)
                if mark is not None:  # an import that fails, fails for all that name the app
                    problem = mark.problem(one.text)
                    found.setdefault(one.text if one.part is None else problem, problem)
    return list(found.values())


def _own_tasks(plan: Plan) -> dict[str, Cell]:
    """One cell for each workload of own tasks that a Python that is there can import, for each of
    these and each way to consume the queues of its app."""
    return {
        f"{_key(cell.workload)} {celery} {cellspec.kept_queues(cell.configuration)}": cell
        for cell in plan.cells
        if isinstance(cell.workload, OwnTaskWorkload)
        and ((celery := cell.configuration.celery) is None or celery.python is not None)
    }


def _key(workload: Workload, also_without: Collection[str] = ()) -> str:
    return workload.model_dump_json(exclude={"loads", "measure", *also_without})


def _place(cell: Cell, plan: Plan) -> Location:
    """Where a cell's workload stands: axes may say some of its fields."""
    swept = {field.partition(".")[0] for field in fields_of("workload", cell.axes)}
    here = _key(cell.workload, swept)
    numbers = (n for n, one in enumerate(plan.scenario.workloads) if _key(one, swept) == here)
    return ("workloads", *itertools.islice(numbers, 1))


@dataclass(frozen=True)
class _Refusal:
    """One reason why a workload of own tasks cannot be measured."""

    text: str
    field: str
    part: int | None = None
    """Which of the mix; None where it is about the app as a whole."""


def _refused(
    plan: Plan, cell: Cell, workspace: Workspace, environ: Mapping[str, str]
) -> Iterator[_Refusal]:
    assert isinstance(cell.workload, OwnTaskWorkload)  # noqa: S101 - it was chosen for that
    try:
        project = _project(cell, plan, OWN, Path.cwd())
    except UsageError as error:
        yield _Refusal(str(error), "project")
        return
    try:
        (python,) = interpreters(
            [cell.configuration],
            project=Path.cwd(),
            scenario=Path(plan.source),
            workspace=workspace,
            environ=environ,
            building=list[str]().append,
        )
    except (BuildError, UsageError) as error:
        yield _Refusal(str(error), "app")
        return
    kept = cellspec.kept_queues(cell.configuration)
    look = _Look(replace(python, project=project), cell.workload, "", kept)
    try:
        answer = _imported(look, workspace, environ, seed=0)
    except UsageError as error:
        answer = {"error": str(error)}
    if "error" in answer:
        yield _Refusal(answer["error"], "app")
    for part, field, text in answer.get("complaints", ()):
        yield _Refusal(f"the app {cell.workload.app}: {text}", field, part)


def _mark(document: Document, place: Location, refusal: _Refusal) -> Mark | None:
    """Where it stands; None if it may only follow from what could not be read there."""
    if _is_doubted(document, place, ("app", "project")):
        return None
    if refusal.part is None:
        return document.value_mark((*place, refusal.field))
    if document.get((*place, "mix")) is not None:
        place = (*place, "mix", refusal.part)
    if _is_doubted(document, place, ("task", "args", "kwargs", "expect")):
        return None
    fields = (refusal.field, "kwargs", "task")
    said = (field for field in fields if (*place, field) in document.spots)
    return document.value_mark((*place, *itertools.islice(said, 1)))


def _is_doubted(document: Document, place: Location, fields: Collection[str]) -> bool:
    """Whether one of these fields at a place is not known, or may stand there under another key."""
    depth = len(place)
    around = any(place[: len(at)] == at for at in document.unknown)
    within = (at for at in document.unknown | document.partial if at[:depth] == place != at)
    return around or place in document.partial or any(at[depth] in fields for at in within)


@dataclass(frozen=True)
class _Look:
    """A user's app as one interpreter imports it, before anything is measured."""

    interpreter: Interpreter
    workload: OwnTaskWorkload
    under: str
    """Which Celery, in words; empty for the harness' own."""
    kept_queues: cellspec.KeptQueues | None
    """Where the app's queues are kept, see there."""

    @property
    def key(self) -> _Key:
        """Cells that differ in nothing of it share an import."""
        work = self.workload.model_dump_json(exclude={"loads", "measure"})
        return self.interpreter, work, self.kept_queues


_Key = tuple[Interpreter, str, cellspec.KeptQueues | None]


def check_apps(
    cells: Sequence[Cell],
    pythons: Sequence[Interpreter],
    workspace: Workspace,
    environ: Mapping[str, str],
    seed: int,
) -> tuple[tuple[RecordedWarning, ...], tuple[Interpreter, ...]]:
    """Import each app once in a process of its own, and say what of its own will not hold; with the
    cells' interpreters, which know the queues of an app that keeps them.

    UsageError with the reason, fit to be shown as it is: the traceback of the user's own code,
    a task that is not there, arguments that do not fit, a queue that nobody consumes.
    """
    warnings: dict[str, RecordedWarning] = {}
    answers: dict[_Key, Line] = {}
    found = list(pythons)
    for index, cell, look in _looks(cells, pythons):
        if look.key not in answers:
            answers[look.key] = _imported(look, workspace, environ, seed)
            if refused := _words(look, answers[look.key]):
                hint = f"\n(under {look.under})" if look.under else ""
                raise UsageError(f"{refused}{hint}{_left_behind(look.interpreter, environ)}")
        answer = answers[look.key]
        kept = _kept(answer["kept"], cell.configuration)
        data = {"app": look.workload.app, "overruled": answer["overruled"], "kept": kept}
        one = RecordedWarning(code="app_overruled", data=data)
        if queues := answer.get("queues"):
            _check_names(look, queues["declared"], cell.configuration)
            names, consumed = tuple(queues["declared"]), tuple(queues["consumed"])
            found[index] = replace(found[index], queues=names, consumed=consumed)
            one = RecordedWarning(code="app_queues", data={**data, **queues})
        warnings.setdefault(one.model_dump_json(), one)
    return tuple(warnings.values()), tuple(found)


def _left_behind(interpreter: Interpreter, environ: Mapping[str, str]) -> str:
    """Of a revision: what is in the folder and not in its copy, as git does not have it."""
    if interpreter.revision is None:
        return ""
    names = [shlex.quote(name) for name in not_in_git(Path.cwd(), environ, _MOST_NAMED)]
    if not names:
        return ""
    copying = f'tar -C "${PROJECT_VARIABLE}" -cf - {" ".join(names)} | tar -xf -'
    return (
        f"\nGit does not have {', '.join(names)}, so no revision does. If it needs one of them: "
        f"harness ab --prepare '{copying}', or prepare: of its celery:"
    )


def _check_names(look: _Look, names: Iterable[str], configuration: Configuration) -> None:
    """UsageError for a queue that the broker would call otherwise, or not have."""
    broker = BROKERS[configuration.broker.service]
    for name in names:
        if reason := broker.queue_name_problem(name):
            who = f'configuration "{configuration.name}"'
            raise UsageError(
                f"the app {look.workload.app} has the queue {name}, and {who}: {reason}"
            )


def _words(look: _Look, answer: Mapping[str, Any]) -> str:
    """Why an app cannot be measured; nothing if it can."""
    if "error" in answer:
        return str(answer["error"])
    texts = [f"the app {look.workload.app}: {text}" for *_, text in answer.get("complaints", ())]
    return "\n".join(texts)


def _kept(own: Mapping[str, Any], configuration: Configuration) -> CelerySettings:
    """What of the app's own really holds in any worker: not what this configuration says otherwise,
    by a setting, an option of its workers, or an annotation of tasks."""
    plans = planned(configuration).values()
    annotated = configuration.settings.get("task_annotations")
    gone = set[str].intersection(*(set(plan.decided) for plan in plans))
    for task, options in annotated.items() if isinstance(annotated, Mapping) else ():
        gone |= {f"{option} of {task}" for option in options}
    everywhere = {one.removesuffix(" of *") for one in gone if one.endswith(" of *")}
    return {
        name: value
        for name, value in own.items()
        if name not in gone and name.partition(" of ")[0] not in everywhere
    }


def _looks(
    cells: Sequence[Cell], pythons: Sequence[Interpreter]
) -> Iterator[tuple[int, Cell, _Look]]:
    """The cells with an app, by their number."""
    for index, (cell, python) in enumerate(zip(cells, pythons, strict=True)):
        if isinstance(cell.workload, OwnTaskWorkload):
            celery = cell.configuration.celery
            under = "" if celery is None else title(celery)
            kept = cellspec.kept_queues(cell.configuration)
            yield index, cell, _Look(python, cell.workload, under, kept)


def _imported(look: _Look, workspace: Workspace, environ: Mapping[str, str], seed: int) -> Line:
    project = look.interpreter.project or Path.cwd()
    told = cellspec.own_app(look.workload, project, seed, look.kept_queues)
    return ask_app(_CHECK, told, look.interpreter, workspace, environ)
