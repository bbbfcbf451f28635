"""Apps are found by commands and source; nothing of a project is imported for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.init.candidates import Candidate, candidates, home_of, settings_module, unparsed
from tests.init import projects
from tests.init.projects import Files, written

C = "from celery import Celery\n"
EXITS = "raise SystemExit('it was executed')\n"


@pytest.mark.parametrize(
    ("files", "app", "home", "seen"),
    [
        (projects.FLAT, "tasks:app", "", "tasks.py:2"),
        (projects.PACKAGE, "proj.celery:app", "", "proj/celery.py:2"),
        (projects.SRC, "proj.celery:app", "src", "src/proj/celery.py:2"),
        (projects.FLASK, "make_celery:celery_app", "", "make_celery.py:3"),
        (projects.DJANGO, "mysite.celery:app", "", "mysite/celery.py:4"),
        (projects.NAMED_HARNESS, "harness.work:app", "", "harness/work.py:2"),
        (projects.NAMED_APP, "app.celery:app", "", "app/celery.py:2"),
        (projects.NAMESPACE, "worker.celery:app", "", "worker/celery.py:2"),
    ],
)
def test_a_project_s_app(tmp_path: Path, files: Files, app: str, home: str, seen: str) -> None:
    folder = written(tmp_path, files)
    assert candidates(folder) == [Candidate(app, folder / home, seen)]
    assert home_of(app, folder) == folder / home


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import celery\nwork = celery.Celery()\n", ["work"]),
        ("from celery import Celery as C\nwork: C = C('x')\n", ["work"]),
        (C + "class Own(Celery):\n    pass\none = two = Own()\n", ["one", "two"]),
        (C + "try:\n    a = Celery()\nexcept OSError:\n    b = Celery()\n", ["a"]),
        (C + "if True:\n    a = Celery()\nelse:\n    b = Celery()\n", ["a", "b"]),
        (C + "def make():\n    c = Celery()\n    return c\na = make()\n", ["a"]),
        (C + "def make() -> Celery:\n    return Celery()\na = make()\n", ["a"]),
        ("from .core import make_celery\ncelery = make_celery(app)\n", ["celery"]),
        (C + "def f():\n    local = Celery()\n", []),
        ("# celery\nclass Celery:\n    pass\nx = Celery()\n", []),
        ("from celery import shared_task, group\ng = group()\n", []),
    ],
)  # fmt: skip
def test_what_makes_an_app(tmp_path: Path, text: str, names: list[str]) -> None:
    written(tmp_path, {"work.py": text + EXITS})
    assert [one.app for one in candidates(tmp_path)] == [f"work:{name}" for name in names]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("Procfile", "worker: celery -A proj worker -l info"),
        ("docker-compose.yml", '    command: ["celery", "-A", "proj", "worker"]'),
        ("compose.yaml", "    command: celery --app=proj worker"),
        ("Makefile", "\tpoetry run celery --app proj worker"),
        ("bin/start", "exec python -m celery -A proj worker"),
        ("worker.service", "ExecStart=/srv/.venv/bin/celery -A proj worker"),
    ],
)
def test_a_command_that_starts_workers_goes_first(tmp_path: Path, file: str, line: str) -> None:
    two = projects.PACKAGE | {"other.py": projects.APP}
    folder = written(tmp_path, two | {file: f"#\n{line}\n"})
    assert candidates(folder) == [Candidate("proj", folder, f"{file}:2", by_command=True)]


def test_a_command_with_a_name_that_leads_nowhere_says_nothing(tmp_path: Path) -> None:
    folder = written(tmp_path, {"README.md": "celery -A yourproject worker\n", **projects.FLAT})
    assert [one.app for one in candidates(folder)] == ["tasks:app"]


def test_several_are_all_told_and_those_of_tests_only_where_there_is_no_other(
    tmp_path: Path,
) -> None:
    folder = written(tmp_path, {"tests/app.py": projects.APP, "test_x.py": projects.APP})
    assert [one.app for one in candidates(folder)] == ["test_x:app", "tests.app:app"]
    written(folder, {"one.py": projects.APP, "two.py": projects.APP})
    assert [one.app for one in candidates(folder)] == ["one:app", "two:app"]


def test_others_code_is_left_out(tmp_path: Path) -> None:
    places = (".tox/a.py", "venv/b.py", "node_modules/c.py", "mine/lib/d.py", "dist/e.py")
    folder = written(tmp_path, dict.fromkeys(places, projects.APP) | {"mine/pyvenv.cfg": ""})
    assert candidates(folder) == []


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path, {"a.py": "import celery\napp = = 1\n", "b.py": "x = = 1\n"})
    assert candidates(folder) == []
    assert list(unparsed(folder)) == ["a.py:2: invalid syntax"]


@pytest.mark.parametrize(
    "text",
    [
        "[tool.setuptools.packages.find]\nwhere = ['lib']\n",
        "[tool.setuptools.package-dir]\n'' = 'lib'\n",
        "[tool.poetry]\npackages = [{include = 'proj', from = 'lib'}]\n",
    ],
)
def test_a_folder_of_packages_is_read_from_pyproject(tmp_path: Path, text: str) -> None:
    files = {f"lib/{name}": one for name, one in projects.PACKAGE.items()}
    folder = written(tmp_path, {"pyproject.toml": text, **files})
    assert home_of("proj.celery:app", folder) == folder / "lib"


@pytest.mark.parametrize("text", ["tool = 5\n", "[tool]\nsetuptools = []\n", "= broken"])
def test_a_pyproject_that_is_not_as_it_should_be_is_no_trouble(tmp_path: Path, text: str) -> None:
    folder = written(tmp_path, {"pyproject.toml": text, **projects.FLAT})
    assert [one.app for one in candidates(folder)] == ["tasks:app"]


def test_a_django_project_below_the_folder(tmp_path: Path) -> None:
    files = {f"backend/{name}": text for name, text in projects.DJANGO.items()}
    folder = written(tmp_path, files)
    (one,) = candidates(folder)
    assert (one.app, one.project) == ("mysite.celery:app", folder / "backend")
    assert settings_module(folder / "backend") == "mysite.settings"
    assert settings_module(folder) is None
