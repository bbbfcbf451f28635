"""A project's app as it is seen from outside: imported once, by a process of the project's Python,
which describes its tasks. Nothing is called."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.environments.asking import installed_in
from harness.environments.building import BuildError
from harness.errors import UsageError
from harness.init.candidates import Candidate, candidates, home_of, settings_module, unparsed
from harness.probe.spoken import Line, OwnAppSpec
from harness.runner.prepare.asked_app import ask_app
from harness.runner.prepare.interpreters import without_modules
from harness.scenario.checks.own_python import python_at
from harness.scenario.files.yaml12 import shown_path
from harness.workspace import open_workspace

_LOOK = "harness.probe.own_app_look"
_ENVIRONMENTS = (".venv", "venv", "env")
_MOST_LISTED = 12


@dataclass(frozen=True)
class Parameter:
    """What a task has to be given."""

    name: str
    keyword: bool
    """Whether it has to be given by its name."""
    type: str
    """In words; empty where the source has no type."""
    schema: Line
    """A JSON Schema of its values; empty where nothing is known of them."""


@dataclass(frozen=True)
class Task:
    """A task of the app, as its function says it."""

    name: str
    place: str
    """File and line, from the folder that the app is imported from."""
    signature: str
    """`(width: int, height: int)`, without `self`."""
    needed: tuple[Parameter, ...]
    """Those without a default."""


@dataclass(frozen=True)
class App:
    """An app that could be imported."""

    name: str
    """`module:attribute`."""
    tasks: tuple[Task, ...]


def chosen(app: str | None, folder: Path) -> Candidate:
    """The app that is named, else the only one that a folder seems to have. UsageError where it has
    none or several: which, and how to say it."""
    if app is not None:
        return Candidate(app, home_of(app, folder), "-A")
    found = candidates(folder)
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            f"no Celery app was found in {folder}: no `NAME = Celery(...)` in its Python files, no "
            "`celery -A NAME` in its Procfile, compose files, Makefile and the like. Name it as "
            "`celery -A` takes it: harness init -A package.module:NAME"
            + "".join(f"\nnot read: {one}" for one in itertools.islice(unparsed(folder), 3))
        )
    lines = [f"  harness init -A {one.app}    ({one.seen})" for one in found[:_MOST_LISTED]]
    more = [f"  ... and {len(found) - _MOST_LISTED} more"] if len(found) > _MOST_LISTED else []
    raise UsageError("\n".join([f"{folder} has several Celery apps; say which:", *lines, *more]))


def python_for(given: str | None, folder: Path, environ: Mapping[str, str]) -> Path | None:
    """The Python that a project runs in: the one that is given, else that of its own environment
    which has Celery; None for the harness' own. UsageError for one that is not there, or has none.
    """
    if given is not None:
        python = python_at(given, Path.cwd())
        return None if _is_own(python) else _with_celery(python, environ)
    for python in _environments(folder, environ):
        if _is_own(python):
            return None
        try:
            return _with_celery(python, environ)
        except UsageError:
            continue
    return None


def _environments(folder: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    active = environ.get("VIRTUAL_ENV")
    for place in (*(folder / one for one in _ENVIRONMENTS), *([Path(active)] if active else [])):
        if (python := place / "bin" / "python").exists():
            yield python


def _is_own(python: Path) -> bool:
    """A virtual environment is known by its folder: the interpreter in it is a link. In /usr/bin
    there may be several."""
    mine = Path(sys.executable)
    return python.parent.resolve() == mine.parent.resolve() and python.resolve() == mine.resolve()


def _with_celery(python: Path, environ: Mapping[str, str]) -> Path:
    if not python.exists():
        raise UsageError(f"there is no {python}: name the Python that your project runs in")
    try:
        found = installed_in(python, environ, (), ("celery",))
    except BuildError as error:
        raise UsageError(str(error)) from error
    if "celery" not in found.modules or found.trouble:
        raise UsageError(f"{python} has no celery that can be imported. {found.trouble}".rstrip())
    return python


def look_at(candidate: Candidate, python: Path | None, environ: Mapping[str, str]) -> App:
    """Import the app, and have its tasks described. UsageError with the reason, fit to be shown:
    the end of the user's own traceback, or that it has no tasks."""
    with open_workspace(environ) as workspace:
        interpreter = without_modules(python, candidate.project, workspace)
        named: OwnAppSpec = {"name": candidate.app, "project": str(candidate.project)}
        answer = ask_app(_LOOK, {"app": named}, interpreter, workspace, environ)
    if "error" in answer:
        raise UsageError("\n".join([answer["error"], *_advice(candidate, python, answer["error"])]))
    app = App(answer["app"], tuple(_task(one) for one in answer["tasks"]))
    if not app.tasks:
        raise UsageError(
            f"the app {app.name} has no tasks: none are in modules that it imports. A worker would "
            "find none either: name them in `include=[...]`, or call app.autodiscover_tasks([...])"
        )
    return app


def _advice(candidate: Candidate, python: Path | None, error: str) -> Iterator[str]:
    """What may help an app that could not be imported."""
    settings = settings_module(candidate.project)
    if settings is not None and "DJANGO_SETTINGS_MODULE" in error:
        yield f"manage.py has it: export DJANGO_SETTINGS_MODULE={settings}"
    if "ModuleNotFoundError" in error and python is None:
        yield (
            f"It was imported by the harness' own Python ({sys.executable}): "
            "`--python .venv/bin/python` names your project's"
        )
    elif "ModuleNotFoundError" in error:
        yield f"It was imported from {shown_path(candidate.project)}; `--folder` names another one"


def _task(told: Line) -> Task:
    needed = tuple(Parameter(**one) for one in told["needed"])
    return Task(told["name"], told["place"], told["signature"], needed)
