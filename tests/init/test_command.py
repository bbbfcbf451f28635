"""`harness init`, from the command line to a run of what it wrote."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.cli.init import is_wanted
from harness.errors import ExitCode
from harness.init.guessing import guess
from harness.init.looking import Task
from harness.results.store.run_folders import read_run
from tests.cli.project import ROOT, harness
from tests.init import projects
from tests.init.projects import written

SHOP = {
    "shop/__init__.py": "",
    "shop/celery.py": "from celery import Celery\napp = Celery('shop', include=['shop.tasks'])\n",
    "shop/tasks.py": """\
from __future__ import annotations
from pathlib import Path
from celery import Task, shared_task
from pydantic import BaseModel, Field

class Line(BaseModel):
    count: int = Field(ge=2, le=4)

class Order(BaseModel):
    lines: list[Line]

@shared_task
def add(x: int, y: int) -> int:
    return x + y

@shared_task(bind=True, pydantic=True)
def order(self: Task, order: Order) -> int:
    return sum(line.count for line in order.lines)

@shared_task
def refuse(name: str) -> None:
    with Path('called').open('a') as file:
        file.write('x')
    raise LookupError(f'nobody is called so')

@shared_task
def charge(customer: object, *args: int, **kwargs: int) -> None: ...
""",
}


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == ExitCode.PASS, done.stdout + done.stderr
    return done.stdout.splitlines()


def below(folder: Path) -> Mapping[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def init(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return harness("init", *arguments, folder=folder, environ={"VIRTUAL_ENV": ""}, timeout_s=120)


def test_a_project_is_measured(tmp_path: Path) -> None:
    """From an empty hand to a run: what could not be guessed or failed is left out and told."""
    folder = written(tmp_path, SHOP)
    lines = said(init(folder, "--call"))
    assert lines[0].startswith("app: shop.celery:app (shop/celery.py:2), imported by ")
    assert lines[1:7] == [
        "4 tasks:",
        "  shop.tasks.add(x: int, y: int)",
        "  shop.tasks.charge(customer: object, *args: int, **kwargs: int)",
        "      cannot be guessed: customer (object)",
        "  shop.tasks.order(order: shop.tasks.Order)",
        "  shop.tasks.refuse(name: str)",
    ]
    assert lines[7:9] == [
        "calling 3, for real, on redis ...",
        "  shop.tasks.refuse fails before it is measured: LookupError: nobody is called so "
        "(its only call)",
    ]
    assert (folder / "called").read_text() == "x"
    assert "2 of 4 tasks are left out: see benchmarks/scenarios" in lines
    assert lines[-4:] == [
        "next:",
        "  harness check benchmarks",
        "  harness run tasks-smoke",
        "  harness ab --base main --head HEAD tasks-speed",
    ]
    checked = harness("check", "benchmarks", folder=folder)
    assert said(checked)[-1] == "4 files, no problems"
    ran = harness("run", "tasks-smoke", "--quiet", "--no-files", folder=folder, timeout_s=120)
    said(ran)
    (path,) = (folder / "results").glob("*/run.json")
    (block,) = read_run(path.parent).blocks
    assert {one.task: one.outcomes.ok for one in block.by_task} == {
        "shop.tasks.add": 25,
        "shop.tasks.order": 25,
    }
    assert (folder / "called").read_text() == "x", "it was left out"


def test_a_dry_run_writes_nothing_and_a_second_run_overwrites_nothing(tmp_path: Path) -> None:
    folder = written(tmp_path, projects.SRC)
    before = below(folder)
    dry = said(init(folder, "--dry-run", "--call", "--ci", "gitlab"))
    assert below(folder) == before
    shown = [line.removeprefix("--- ") for line in dry if line.startswith("--- ")]
    assert len(shown) == 7
    first = said(init(folder, "--ci", "gitlab"))
    assert [line.removeprefix("wrote ") for line in first if line.startswith("wrote ")] == shown
    assert "no task was called: harness init --call tries each of them, for real" in first
    after = below(folder)
    assert set(after) == {*before, *shown}
    printed = "\n".join(dry)
    assert all(after[name].rstrip("\n") in printed for name in shown)
    assert "for the workflow: in .gitlab-ci.yml: include: benchmarks/gitlab-ci.yml" in first
    again = said(init(folder, "--ci", "gitlab"))
    kept = [line.removeprefix("kept yours: ") for line in again if line.startswith("kept yours: ")]
    assert kept == shown
    assert below(folder) == after


def test_with_nothing_guessed_it_says_what_comes_first(tmp_path: Path) -> None:
    tasks = "@app.task\ndef charge(customer): ...\n"
    lines = said(init(written(tmp_path, {"tasks.py": projects.APP + tasks}), "--call"))
    assert lines[-5:-3] == [
        "1 of 1 tasks are left out: see benchmarks/scenarios",
        "next, once one of them is filled in:",
    ]
    assert not [line for line in lines if line.startswith("calling")]


def test_what_is_told_where_it_cannot_be_done(tmp_path: Path) -> None:
    nothing, two, none, broken = (tmp_path / name for name in ("nothing", "two", "none", "broken"))
    nothing.mkdir()
    written(two, {"one.py": projects.APP, "other.py": projects.APP})
    written(none, {"tasks.py": projects.APP})
    written(
        broken, {"tasks.py": f"import celery\nimport gone_for_good\n{projects.FLAT['tasks.py']}"}
    )
    for folder, words in (
        (nothing, f"no Celery app was found in {nothing}: "),
        (
            two,
            f"{two} has several Celery apps; say which:\n"
            "  harness init -A one:app    (one.py:2)\n"
            "  harness init -A other:app    (other.py:2)\n",
        ),
        (none, "the app tasks:app has no tasks: "),
        (
            broken,
            f'  File "{broken}/tasks.py", line 2, in <module>\n'
            "    import gone_for_good\n"
            "ModuleNotFoundError: No module named 'gone_for_good'\n"
            "It was imported by the harness' own Python",
        ),
    ):
        before = below(folder)
        done = init(folder)
        assert done.returncode == ExitCode.USAGE
        assert words in done.stderr
        assert "Traceback" not in done.stderr.replace("Traceback (most recent call last):\n", "", 1)
        assert below(folder) == before


class Terminal(io.StringIO):
    """Standard input as somebody types there."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("call", "typed", "wanted"),
    [
        (None, "\n", False),
        (None, "n\n", False),
        (None, "y\n", True),
        (True, "", True),
        (False, "", False),
    ],
)
def test_in_a_terminal_it_asks_before_it_calls(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    call: bool | None,
    typed: str,
    wanted: bool,
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    measured = [guess(Task("shop.add", "", "()", ()))]
    assert is_wanted(call, measured) == wanted
    told = capsys.readouterr().out
    assert ("Call shop.add now" in told) == ("FOR REAL" in told) == (call is None)
    assert not is_wanted(True, [])


def test_a_python_that_is_not_there_or_has_no_celery(tmp_path: Path) -> None:
    folder = written(tmp_path, projects.FLAT)
    done = init(folder, "--python", "gone/bin/python")
    assert done.returncode == ExitCode.USAGE
    assert f"there is no {folder}/gone/bin/python" in done.stderr
    (folder / "sh").symlink_to("/bin/sh")
    done = init(folder, "--python", "sh")
    assert done.returncode == ExitCode.USAGE
    assert str(ROOT) not in done.stderr
    assert "is no Python" in done.stderr
