"""What a user's app is, and which tasks it has: `python -m harness.probe.own_app_look`

The spec holds `app` (`name`, `project`). The answer is one JSON object: `{"error": TEXT}` with the
reason as the user has to read it; or `app` (its name as `module:attribute`) and `tasks`, sorted by
name, of each `name`, `place` (file from the project's folder, with the line), `signature` in words
and `needed` (see `own_app.parameters`). No task is called, and no server is asked.
"""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery

from harness.probe.answers import answer, keep_output_apart
from harness.probe.app_variables import load_spec
from harness.probe.own_app import application as own_app
from harness.probe.own_app.failed_import import import_failed
from harness.probe.own_app.parameters import parameters_of
from harness.probe.spoken import Line

_NOT_THEIRS = ("celery.", "harness.probe.")


def main() -> None:
    """Look, and say what was found."""
    keep_output_apart()
    named = load_spec()["app"]
    own_app.give_back()
    own_app.guard("memory://", "disabled://")
    try:
        app, name = own_app.located(named)
        own_app.ready(app)
        told = {"app": name, "tasks": tasks_of(app, Path(named["project"]))}
    except BaseException as error:  # whatever its code raises, sys.exit() too  # noqa: BLE001
        answer({"done": "look", "error": import_failed(named, error)})
    else:
        answer({"done": "look", **told})
    sys.stdout.flush()
    os._exit(0)  # threads that the app has started do not keep it


def tasks_of(app: Celery, project: Path) -> list[Line]:
    """The tasks that are not Celery's or the harness' own."""
    own = sorted(name for name in app.tasks if not name.startswith(_NOT_THEIRS))
    return [_told(name, app.tasks[name], project) for name in own]


def _told(name: str, task: Any, project: Path) -> Line:
    signature, needed = parameters_of(task)
    return {"name": name, "place": _place(task, project), "signature": signature, "needed": needed}


def _place(task: Any, project: Path) -> str:
    """Where its function begins; nothing where nobody knows."""
    code = getattr(inspect.unwrap(getattr(task.run, "__func__", task.run)), "__code__", None)
    if code is None:
        return ""
    path = Path(code.co_filename)
    shown = path.relative_to(project) if path.is_relative_to(project) else path
    return f"{shown}:{code.co_firstlineno}"


if __name__ == "__main__":
    main()
