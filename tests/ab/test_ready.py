"""Revisions made ready for a run, without any index: a project that builds itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.environments.building import BuildError
from harness.environments.interpreter import Interpreter
from harness.environments.kept import kept_environments
from harness.runner.prepare.own_apps import _left_behind
from harness.runner.prepare.revisions.ready import Room, made_ready
from harness.scenario.models.configuration import CelerySet
from harness.workspace import open_workspace
from tests.ab.repository import git, make_repository

BACKEND = """\
import pathlib, zipfile

def build_wheel(folder, settings=None, metadata=None):
    if "broken" in pathlib.Path("src/shop.py").read_text():
        print("compiling shop.c")
        raise SystemExit("fatal error: libshop.h: No such file or directory")
    name = "shop-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.write("src/shop.py", "shop.py")
        about = "Metadata-Version: 2.1\\nName: shop\\nVersion: 1\\n"
        wheel.writestr("shop-1.dist-info/METADATA", about)
        wheel.writestr("shop-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("shop-1.dist-info/RECORD", "")
    return name
"""
MANIFEST = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "shop"
version = "1"
dependencies = []
"""
TELLS = "import shop, importlib.metadata as m; print(shop.NUMBER, m.version('shop'))"


def files(number: str) -> dict[str, str]:
    of_project = {
        "pyproject.toml": MANIFEST,
        "backend.py": BACKEND,
        "src/shop.py": f"NUMBER = {number}\n",
        "email.py": "raise RuntimeError('not that of the standard library')\n",
    }
    return {f"api/{name}": text for name, text in of_project.items()} | {"libs/ours.py": ""}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of a repository that has four commits of it."""
    top = tmp_path_factory.mktemp("revisions")
    make_repository(top / "all", files("1"), files("2"), files("broken"), {"README.md": ""})
    git(top / "all", "checkout", "--quiet", "--force", "--detach", "HEAD~1")
    return top / "all" / "api"


@pytest.fixture
def room(project: Path) -> Iterator[Room]:
    environ = {**os.environ, "XDG_CACHE_HOME": str(project.parents[1]), "PIP_NO_INDEX": "1"}
    with open_workspace(environ) as workspace:
        yield Room(project, workspace, environ, list[str]().append)


def ready(room: Room, revision: str, *prepare: str) -> Interpreter:
    return made_ready(CelerySet(revision=revision, prepare=prepare), (), room)


def said(one: Interpreter, room: Room) -> str:
    return subprocess.run(
        [one.python, "-c", TELLS], env=one.active(room.environ), capture_output=True, check=True
    ).stdout.decode()


def test_commits_that_need_the_same_share_an_environment(project: Path, room: Room) -> None:
    """And each has the project itself, as it is installed, beside it."""
    told: list[str] = []
    room = replace(room, building=told.append)
    two, one, again = (ready(room, name) for name in ("main~2", "main~3", "main~2"))
    whole, *parts = told
    assert whole == "revision main~2 (pyproject.toml)"
    assert parts == ["revision main~2 itself", "revision main~3 itself"]
    assert again.layer == two.layer
    assert (said(one, room), said(two, room)) == ("1 1\n", "2 1\n")
    assert one.python == two.python
    assert one.layer != two.layer
    assert len(kept_environments(room.environ)[1]) == 3
    assert one.revision is not None
    assert (one.revision.name, (one.revision.parent / "libs/ours.py").exists()) == ("api", True)
    assert git(project, "status", "--porcelain") == ""


def test_commands_that_prepare_a_copy(project: Path, room: Room) -> None:
    (project / "local.txt").write_text("here")
    kept = 'cp "$HARNESS_PROJECT/local.txt" . && python -c "import shop; print(shop.NUMBER)" > n'
    told: list[tuple[str, str]] = []
    telling = replace(room, preparing=lambda *words: told.append(words))
    one = ready(telling, "main~2", kept, "cat n >> local.txt")
    assert told == [("revision main~2", kept), ("revision main~2", "cat n >> local.txt")]
    assert one.revision is not None
    assert (one.revision / "local.txt").read_text() == "here2\n"
    (project / "local.txt").unlink()
    again = ready(room, "main~2")
    assert again.revision is not None
    assert not (again.revision / "n").exists()
    with pytest.raises(BuildError) as caught:
        ready(room, "main~2", "echo migrating; ls /nowhere/at/all >&2; exit 3")
    assert "prepare: echo migrating; ls /nowhere/at/all >&2; exit 3\nended with exit code 3" in str(
        caught.value
    )
    assert "migrating\n" in str(caught.value)
    assert "/nowhere/at/all" in str(caught.value)


def test_what_cannot_be_built_says_why_and_leaves_only_its_log(project: Path, room: Room) -> None:
    before = kept_environments(room.environ)[1]
    with pytest.raises(BuildError) as caught:
        ready(room, "main~1")
    text = str(caught.value)
    assert text.startswith("revision main~1: building a private Python environment failed")
    assert "\nfatal error: libshop.h: No such file or directory\n" in text
    repeat = next(line for line in text.splitlines() if line.startswith("To repeat it: "))
    assert f"git -C {project} worktree add --detach" in repeat
    assert "/api && " in repeat
    assert ".venv/bin/python -m pip install ." in repeat
    assert "(pyproject.toml); `install:`" in text
    log = Path(text.partition("Its whole output is in ")[2].partition("\n")[0])
    assert "libshop.h" in log.read_text()
    assert not log.with_suffix("").exists()
    assert set(before) <= set(kept_environments(room.environ)[1])


def test_a_commit_in_which_the_part_is_not_there_yet(room: Room) -> None:
    with pytest.raises(BuildError, match=r"commit \w{12} api/: it has no such folder"):
        ready(room, "main")


def test_what_git_does_not_have_is_named_with_a_command_that_copies_it(
    project: Path, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an app cannot be imported under a revision."""
    monkeypatch.chdir(project)
    one = ready(room, "main~2")
    assert _left_behind(one, room.environ) == ""
    (project / "conf").mkdir()
    (project / "conf" / "local.py").write_text("here")
    told = _left_behind(one, room.environ)
    assert told.startswith("\nGit does not have conf/, so no revision does.")
    command = told.partition("--prepare '")[2].partition("'")[0]
    two = ready(room, "main~2", command)
    (project / "conf" / "local.py").unlink()
    assert two.revision is not None
    assert (two.revision / "conf" / "local.py").read_text() == "here"
