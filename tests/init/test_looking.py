"""An app is described by a process that imports it, however its project is laid out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.init.candidates import home_of
from harness.probe.app_variables import SPEC_VARIABLE
from tests.init import projects
from tests.init.projects import Files, written
from tests.probe.forked import Program

ADD = ("(x: int, y: int)", ["x", "y"])


def seen(app: str, folder: Path) -> Mapping[str, Any]:
    """What the process says; forked, as Celery takes half a second to import."""
    spec = folder / "spec.json"
    named = {"name": app, "project": str(home_of(app, folder))}
    spec.write_text(json.dumps({"app": named}), encoding="utf-8")
    environ = {**os.environ, SPEC_VARIABLE: str(spec)}
    program = Program("harness.probe.own_app_look", (), environ, folder / "log", piped=True)
    try:
        answer: Mapping[str, Any] = json.loads(program.stdout.read())
        assert program.wait(30) == 0
    finally:
        program.kill()
    return answer


@pytest.mark.parametrize(
    ("files", "app", "name", "task"),
    [
        (projects.FLAT, "tasks", "tasks:app", "tasks.add"),
        (projects.FLAT, "tasks.app", "tasks:app", "tasks.add"),
        (projects.PACKAGE, "proj", "proj.celery:app", "proj.tasks.add"),
        (projects.PACKAGE, "proj.celery.app", "proj.celery:app", "proj.tasks.add"),
        (projects.SRC, "proj.celery:app", "proj.celery:app", "proj.tasks.add"),
        (projects.FLASK, "make_celery", "make_celery:celery_app", "task_app.tasks.add"),
        (projects.NAMED_HARNESS, "harness.work", "harness.work:app", "harness.work.add"),
        (projects.NAMED_APP, "app", "app.celery:app", "app.celery.add"),
        (projects.NAMESPACE, "worker.celery", "worker.celery:app", "worker.celery.add"),
    ],
)
def test_the_app_and_its_tasks(
    tmp_path: Path, files: Files, app: str, name: str, task: str
) -> None:
    told = seen(app, written(tmp_path, files))
    assert told["app"] == name, told
    (one,) = told["tasks"]
    assert one["name"] == task
    assert one["signature"].startswith(ADD[0])
    assert [needed["name"] for needed in one["needed"]] == ADD[1]
    source, _, line = one["place"].partition(":")
    home = home_of(app, tmp_path)
    assert "def add" in (home / source).read_text("utf-8").splitlines()[int(line)]


def test_django_s_layout(tmp_path: Path) -> None:
    told = seen("mysite", written(tmp_path, projects.DJANGO))
    (one,) = told["tasks"]
    assert (told["app"], one["name"]) == ("mysite.celery:app", "orders.tasks.ship")
    assert one["signature"] == "(order_id: int, *, express: bool)"
    assert [needed["keyword"] for needed in one["needed"]] == [False, True]
    assert one["place"] == "orders/tasks.py:2"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 5\n", "the app broken could not be imported: broken has neither app nor celery"),
        ("import nowhere_at_all\n", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("raise SystemExit('I end')\n", "SystemExit: I end"),
    ],
)
def test_what_the_user_reads_where_it_fails(tmp_path: Path, text: str, reason: str) -> None:
    told = seen("broken", written(tmp_path, {"broken.py": text}))
    assert reason in told["error"]
    assert ('broken.py", line 1' in told["error"]) == (text != "x = 5\n")


def test_what_an_app_prints_is_no_answer(tmp_path: Path) -> None:
    files = {"loud.py": "print('hello')\n" + projects.APP + "print('bye')\n"}
    told = seen("loud", written(tmp_path, files))
    assert (told["app"], told["tasks"]) == ("loud:app", [])
