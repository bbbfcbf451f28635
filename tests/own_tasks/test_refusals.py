"""An app that cannot be measured: the user's own words, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.errors import ExitCode
from harness.probe.own_app import application as own_app
from harness.probe.own_app.find_app import NoAppError
from tests.own_tasks.projects import Files
from tests.runner.running import Ended, Site

APP = "from celery import Celery\napp = Celery('shop')\n"
TASKS = (
    "from shop.celery import app\n"
    "@app.task\n"
    "def resize(width, height, *, limit=1):\n"
    "    return width\n"
)


def place_of(site: Site, text: str) -> str:
    """`LINE:COLUMN` of the value in the first line of the scenario that has `key: value`."""
    lines = (site.folder / "scenarios" / "s.yaml").read_text(encoding="utf-8").splitlines()
    number, line = next((n, line) for n, line in enumerate(lines, 1) if text in line)
    return f"{number}:{line.index(text) + text.index(': ') + 3}"


def refused(site: Site, files: Files, *, app: str = "shop.celery:app", **task: Any) -> Ended:
    for name, text in ({"shop/__init__.py": ""} | files).items():
        path = site.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    fields = {"task": "shop.tasks.resize", "args": [1, 2]} | task
    site.scenario(workloads=[{"workload": {"app": app, **fields}}])
    ended = site.run()
    assert (ended.code, ended.stdout) == (ExitCode.USAGE, "")
    assert not site.results.exists()
    assert list(site.temporary.iterdir()) == []
    return ended


def test_an_exception_in_the_users_modules(site: Site) -> None:
    settings = "def read(name):\n    return {}[name]\nurl = read('SHOP_URL')\n"
    files = {"shop/celery.py": APP + "app.config_from_object('shop.settings')\n"}
    files["shop/settings.py"] = settings
    ended = refused(site, files)
    # Where Python points to within a line differs from version to version.
    lines = ended.stderr.splitlines(keepends=True)
    assert "".join(line for line in lines if line.strip("~^ \n")) == (
        "the app shop.celery:app could not be imported:\n"
        "Traceback (most recent call last):\n"
        f'  File "{site.folder}/shop/settings.py", line 3, in <module>\n'
        "    url = read('SHOP_URL')\n"
        f'  File "{site.folder}/shop/settings.py", line 2, in read\n'
        "    return {}[name]\n"
        "KeyError: 'SHOP_URL'\n"
    )


def test_a_mistake_in_the_syntax(site: Site) -> None:
    ended = refused(site, {"shop/celery.py": "app = = 1\n"})
    assert ended.stderr == (
        "the app shop.celery:app could not be imported:\n"
        f'  File "{site.folder}/shop/celery.py", line 1\n'
        "    app = = 1\n"
        "          ^\n"
        "SyntaxError: invalid syntax\n"
    )


def test_a_module_that_is_not_there(site: Site) -> None:
    ended = refused(site, {}, app="shoop.celery:app")
    assert ended.stderr == (
        "the app shoop.celery:app could not be imported:\n"
        "ModuleNotFoundError: No module named 'shoop'\n"
        f"It was looked for in {site.folder}: `project:` names another folder\n"
    )


@pytest.mark.parametrize(
    ("text", "app", "reason"),
    [
        (APP, "shop.celery:application", "shop.celery has no application; its apps: app"),
        ("app = 5\n", "shop.celery:app", "shop.celery:app is no Celery app, but int"),
        (
            "x = 5\n",
            "shop.celery",
            "shop.celery has neither app nor celery: write shop.celery:NAME",
        ),
    ],
)
def test_a_name_that_leads_to_no_app(site: Site, text: str, app: str, reason: str) -> None:
    ended = refused(site, {"shop/celery.py": text}, app=app)
    assert ended.stderr == f"the app {app} could not be imported: {reason}\n"


@pytest.mark.parametrize("within", [{}, 5, type("Settings", (), {})])
def test_a_name_within_what_is_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, within: object
) -> None:
    """A dict and a number have no `vars`."""
    module = ModuleType("within_shop")
    module.settings = within  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "within_shop", module)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(own_app, "watch_binding", lambda: None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoAppError, match=r"^within_shop has no settings\.app$"):
        own_app.load({"project": str(tmp_path), "name": "within_shop:settings.app"})


def test_a_module_that_ends_the_process(site: Site) -> None:
    ended = refused(
        site, {"shop/celery.py": "import os, sys\nsys.stderr.write('bye')\nos._exit(7)\n"}
    )
    assert ended.stderr == (
        "the app shop.celery:app could not be imported: its process ended with exit code 7\nbye\n"
    )


def test_tasks_and_arguments_that_do_not_fit(site: Site) -> None:
    mix = [
        {"task": "shop.tasks.resise"},
        {"task": "shop.tasks.resize", "args": [1]},
        {"task": "shop.tasks.resize", "name": "b", "args": [1, 2], "expect": {"argument": 2}},
        {
            "task": "shop.tasks.resize",
            "name": "c",
            "args": [1, "x"],
            "expect": {"sum": [{"argument": 1}]},
        },
    ]
    site.scenario()
    files = {"shop/celery.py": APP + "app.conf.include = ['shop.tasks']\n", "shop/tasks.py": TASKS}
    ended = refused(site, files, task=None, args=[], mix=mix)
    assert ended.stderr.splitlines() == [
        "the app shop.celery:app: it has no task shop.tasks.resise (did you mean"
        ' "shop.tasks.resize"?); its tasks: shop.tasks.resize',
        "the app shop.celery:app: shop.tasks.resize cannot be called with these arguments: "
        "resize() missing 1 required positional argument: 'height'",
        "the app shop.celery:app: what is expected of shop.tasks.resize does not fit its "
        "arguments: IndexError: tuple index out of range",
        "the app shop.celery:app: what is expected of shop.tasks.resize does not fit its "
        "arguments: TypeError: unsupported operand type(s) for +: 'int' and 'str'",
    ]


def test_check_says_the_same(site: Site) -> None:
    ended = refused(site, {"shop/celery.py": APP})
    assert ended.stderr == (
        "the app shop.celery:app: it has no task shop.tasks.resize; its tasks: none\n"
    )
    checked = site.harness("check", ".")
    assert (checked.code, checked.stderr) == (ExitCode.USAGE, "")
    place = place_of(site, "task: shop.tasks.resize")
    assert checked.stdout == f"scenarios/s.yaml:{place}: {ended.stderr}"
    assert list(site.temporary.iterdir()) == []


def test_a_folder_that_is_not_there(site: Site) -> None:
    ended = refused(site, {"shop/celery.py": APP}, project="../elsewhere")
    assert ended.stderr == (
        f"there is no folder {site.folder}/elsewhere, which `project:` of a workload names\n"
    )


def test_check_tells_of_every_app_beside_all_other_problems(site: Site) -> None:
    for name, text in (("one.py", APP), ("two.py", "raise RuntimeError('away')\n")):
        (site.folder / name).write_text(text, encoding="utf-8")
    tasks: list[dict[str, Any]] = [
        {"app": "one:app", "task": "gone"},
        {"app": "two:app", "task": "any"},
        {"app": "one:app", "task": "with", "args": [{"range": 5}]},
    ]
    site.scenario(
        workloads=[{"workload": "task", **task} for task in tasks],
        loads=["backlog"],
        gates=["p99(latency.totl) < 1s"],
        nonsense=1,
    )
    ended = site.harness("check", "scenarios/s.yaml")
    assert ended.code == ExitCode.USAGE
    gone, two = (place_of(site, text) for text in ("task: gone", "app: two:app"))
    for told in (
        'unknown key "nonsense"',
        'unknown metric "latency.totl"',
        f"scenarios/s.yaml:{gone}: the app one:app: it has no task gone",
        f"scenarios/s.yaml:{two}: the app two:app could not be imported",
        "RuntimeError: away",
    ):
        assert told in ended.stdout, told
    assert "no task with" not in ended.stdout, "what it would be called with is not known"


def test_a_bad_part_hides_nothing_of_the_others(site: Site) -> None:
    """Each part that could not be measured is told at its own place, whatever else is wrong."""
    (site.folder / "one.py").write_text(
        APP + "@app.task(name='resize')\ndef resize(width, height):\n    return width\n",
        encoding="utf-8",
    )
    mix: list[dict[str, Any]] = [
        {"task": "gone", "wieght": 2},
        {"task": "resize", "args": [1]},
        {"task": "resize", "name": "unknown", "args": [{"range": 5}]},
        {"task": "resize", "name": "late", "args": [1, 2], "expect": {"argument": 2}},
        {"name": "no-task"},
    ]
    site.scenario(workloads=[{"workload": "task", "app": "one:app", "mix": mix}], loads=["backlog"])
    ended = site.harness("check", "scenarios/s.yaml")
    assert ended.code == ExitCode.USAGE
    told = [line.partition(": ") for line in ended.stdout.splitlines()]
    for (place, _, text), begins in zip(
        told,
        (
            "the app one:app: it has no task gone; its tasks: resize",
            'unknown key "wieght"',
            "the app one:app: resize cannot be called with these arguments",
            "range needs two whole numbers",
            "the app one:app: what is expected of resize does not fit its arguments: IndexError",
            'missing key "task"',
        ),
        strict=True,
    ):
        assert place.startswith("scenarios/s.yaml:")
        assert text.startswith(begins)
