"""How a revision is installed: what its files say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from harness.environments.building import BuildError
from harness.runner.prepare.revisions.requirements import Installation, installation_of

BUILT = "[build-system]\nrequires = []\n"
PROJECT = "[project]\nname = 'x'\nversion = '1'\ndependencies = ['celery[redis]>=5', 'kombu']\n"
POETRY = """\
[tool.poetry]
name = "x"
[tool.poetry.dependencies]
python = "^3.11"
celery = {version = "^5.3", extras = ["redis"]}
requests = "^2"
gone = {version = "1", markers = "python_version < '3'"}
maybe = {version = "1", optional = true}
ours = {git = "https://example.org/ours.git", branch = "main"}
"""
POETRY_LOCK = """\
[[package]]
name = "celery"
version = "5.6.3"
[[package]]
name = "Requests"
version = "2.32.0"
[[package]]
name = "old"
version = "1.0"
markers = "python_version < '3'"
[[package]]
name = "old"
version = "2.0"
markers = "python_version >= '3'"
[[package]]
name = "ours"
version = "0.1"
[package.source]
type = "git"
url = "https://example.org/ours.git"
reference = "main"
resolved_reference = "abc123"
"""
UV_LOCK = """\
version = 1
[[package]]
name = "x"
version = "1"
source = { editable = "." }
[[package]]
name = "celery"
version = "5.6.3"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "kombu"
version = "5.6.2"
source = { git = "https://github.com/celery/kombu?rev=main#f00d" }
[[package]]
name = "redis"
version = "6.4.0"
source = { registry = "https://pypi.org/simple" }
resolution-markers = ["python_full_version < '3'"]
[[package]]
name = "redis"
version = "7.0.0"
source = { registry = "https://pypi.org/simple" }
resolution-markers = ["python_full_version >= '3'"]
"""
PIPENV = {
    "default": {
        "celery": {"version": "==5.6.3", "extras": ["redis"]},
        "redis": {"version": "==6.4.0", "markers": "python_version >= '3.8'"},
        "ours": {"git": "https://example.org/ours.git", "ref": "abc123"},
    },
    "develop": {"pytest": {"version": "==8.0"}},
}


def found(folder: Path, files: Mapping[str, str], *told: str, within: str = "") -> Installation:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return installation_of(folder / within, folder, told)


KINDS: Mapping[str, tuple[Mapping[str, str], str, Sequence[Sequence[str]], bool]] = {
    "requirements, and a setup.py for itself": (
        {"requirements.txt": "celery", "setup.py": ""},
        "requirements.txt",
        [["-r", "requirements.txt"]],
        True,
    ),
    "requirements and constraints": (
        {"requirements.txt": "celery", "constraints.txt": "celery==5.6.3"},
        "requirements.txt and constraints.txt",
        [["-r", "requirements.txt", "-c", "constraints.txt"]],
        False,
    ),
    "the requirements of production": (
        {"requirements/dev.txt": "", "requirements/prod.txt": "", "requirements/base.txt": ""},
        "requirements/prod.txt",
        [["-r", "requirements/prod.txt"]],
        False,
    ),
    "a pyproject.toml that only configures tools": (
        {"requirements.txt": "celery", "pyproject.toml": f"{BUILT}[tool.ruff]\n"},
        "requirements.txt",
        [["-r", "requirements.txt"]],
        False,
    ),
    "setup.py": ({"setup.py": ""}, "setup.py", [["."]], False),
    "a project": (
        {"pyproject.toml": BUILT + PROJECT},
        "pyproject.toml",
        [["celery[redis]>=5", "kombu"]],
        True,
    ),
    "a list of dependencies": (
        {"pyproject.toml": PROJECT},
        "pyproject.toml",
        [["celery[redis]>=5", "kombu"]],
        False,
    ),
    "dependencies that only a build tells": (
        {"pyproject.toml": f"{BUILT}[project]\nname = 'x'\ndynamic = ['dependencies']\n"},
        "pyproject.toml",
        [["."]],
        False,
    ),
    "poetry without its lock": (
        {"pyproject.toml": BUILT + POETRY},
        "pyproject.toml",
        [["."]],
        False,
    ),
    "a lock before exported requirements": (
        {"pyproject.toml": PROJECT, "uv.lock": UV_LOCK, "requirements.txt": "sphinx"},
        "uv.lock",
        [["celery[redis]>=5", "kombu @ git+https://github.com/celery/kombu@f00d"]],
        False,
    ),
    "poetry": (
        {"pyproject.toml": BUILT + POETRY, "poetry.lock": POETRY_LOCK},
        "poetry.lock",
        [["celery[redis]", "requests", "ours @ git+https://example.org/ours.git@abc123"]],
        True,
    ),
    "poetry that is no package": (
        {
            "pyproject.toml": BUILT + POETRY.replace('name = "x"', "package-mode = false"),
            "poetry.lock": POETRY_LOCK,
        },
        "poetry.lock",
        [["celery[redis]", "requests", "ours @ git+https://example.org/ours.git@abc123"]],
        False,
    ),
    "a lock of what only a build tells": (
        {
            "pyproject.toml": f"{BUILT}[project]\nname = 'x'\ndynamic = ['dependencies']\n",
            "uv.lock": UV_LOCK,
        },
        "uv.lock",
        [["."]],
        False,
    ),
    "pipenv": (
        {"Pipfile": "", "Pipfile.lock": json.dumps(PIPENV)},
        "Pipfile.lock",
        [
            [
                "celery[redis]==5.6.3",
                "redis==6.4.0 ; python_version >= '3.8'",
                "ours @ git+https://example.org/ours.git@abc123",
            ]
        ],
        False,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_found(tmp_path: Path, kind: str) -> None:
    files, name, calls, itself = KINDS[kind]
    one = found(tmp_path, files)
    assert (one.found, [list(call) for call in one.calls], one.itself) == (name, calls, itself)
    assert one.own == ((".",) if calls == [["."]] else ())


def test_the_versions_of_a_lock_hold(tmp_path: Path) -> None:
    """Of several, those for this Python; what comes from a repository is bound by its commit."""
    uv = found(tmp_path / "uv", {"pyproject.toml": PROJECT, "uv.lock": UV_LOCK})
    assert uv.constraints == "celery==5.6.3\nredis==7.0.0\n"
    poetry = found(tmp_path / "p", {"pyproject.toml": POETRY, "poetry.lock": POETRY_LOCK})
    assert poetry.constraints == "celery==5.6.3\nold==2.0\nrequests==2.32.0\n"


def test_a_workspace_has_one_lock_for_its_members(tmp_path: Path) -> None:
    """And members need each other: as folders, which are part of what is installed."""
    member = '[[package]]\nname = "kombu"\nversion = "1"\nsource = { editable = "libs/kombu" }\n'
    itself = member.replace("kombu", "x").replace("libs/x", "services/api")
    files = {
        "uv.lock": member + itself,
        "pyproject.toml": "",
        "libs/kombu/pyproject.toml": "",
        "services/api/pyproject.toml": PROJECT,
    }
    one = found(tmp_path, files, within="services/api")
    assert one.calls == (("celery[redis]>=5", "./../../libs/kombu"),)
    assert (one.constraints, one.own) == ("", ("libs/kombu",))
    stray = found(
        tmp_path, {"tool/requirements.txt": "celery", "tool/pyproject.toml": PROJECT}, within="tool"
    )
    assert stray.found == "requirements.txt", "no member of that workspace"


def test_what_the_same_files_need_is_the_same(tmp_path: Path) -> None:
    files = {"requirements.txt": "-r base.txt\n", "base.txt": "celery\n", "shop.py": "1"}
    one = found(tmp_path / "one", files)
    assert found(tmp_path / "two", {**files, "shop.py": "2"}).key == one.key
    assert found(tmp_path / "three", {**files, "base.txt": "celery==5.7.0\n"}).key != one.key


@pytest.mark.parametrize("line", ["-e .", "--editable=.", "-e .[dev]", ".", "./"])
def test_requirements_that_install_the_project_itself(tmp_path: Path, line: str) -> None:
    """Not as a link to a copy that is gone after the run; and not once more."""
    files = {"requirements.txt": f"celery\n{line}\n", "setup.py": ""}
    one = found(tmp_path, files)
    assert (one.own, one.itself) == ((".",), False)
    assert (tmp_path / "requirements.txt").read_text() == "celery\n" + line.removeprefix(
        "-e "
    ).removeprefix("--editable=") + "\n"


def test_a_library_beside_the_project_is_not_the_project(tmp_path: Path) -> None:
    files = {
        "api/requirements.txt": "-e ../libs/common  # ours\n-e git+https://example.org/x#egg=x\n",
        "api/setup.py": "",
        "libs/common/setup.py": "",
    }
    one = found(tmp_path, files, within="api")
    assert (one.own, one.itself) == (("libs/common",), True)
    assert one.texts == ("../libs/common  # ours\n-e git+https://example.org/x#egg=x\n",)


def test_how_it_is_installed_may_be_told(tmp_path: Path) -> None:
    files = {"deploy/all.txt": "celery\n", "requirements.txt": "no", "setup.py": ""}
    one = found(tmp_path, files, "-r deploy/all.txt", "-e '.[worker]'")
    assert one.calls == (("-r", "deploy/all.txt"), (".[worker]",))
    assert (one.texts, one.own, one.itself) == (("celery\n",), (".",), False)
    plain = found(tmp_path, files, "--requirement=deploy/all.txt")
    assert (plain.texts, plain.own) == (("celery\n",), ())
    assert plain.key != found(tmp_path, {"deploy/all.txt": "x"}, *plain.calls[0]).key


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"README.md": "celery"}, "says nowhere what it needs"),
        ({"pyproject.toml": "[tool.ruff]\n"}, "says nowhere what it needs"),
        ({"pyproject.toml": "[project\n"}, "its pyproject.toml cannot be read: .*line 1"),
        ({"pyproject.toml": PROJECT, "uv.lock": "["}, "its uv.lock cannot be read"),
        ({"Pipfile.lock": "["}, "its Pipfile.lock cannot be read"),
        (
            {"pyproject.toml": "[project]\ndependencies = ['a b']\n", "uv.lock": ""},
            "its pyproject.toml needs 'a b', which pip cannot read",
        ),
    ],
)
def test_what_cannot_be_installed(tmp_path: Path, files: Mapping[str, str], message: str) -> None:
    with pytest.raises(BuildError, match=message):
        found(tmp_path, files)
