"""From the name of a revision to what pip is told to install."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from harness.environments.building import BuildError, Source
from harness.errors import UsageError
from harness.runner.prepare.interpreters import interpreters
from harness.runner.prepare.revisions import find_revision, source_of
from harness.scenario.models.configuration import CelerySet, Configuration
from harness.scenario.settings.celery_sets import HERE
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.workspace import open_workspace
from tests.ab.repository import git, make_repository

ENVIRON = dict(os.environ)


def source(folder: Path, name: str = "HEAD") -> Source:
    return source_of(find_revision(name, folder, ENVIRON), folder, ENVIRON)


def words_of(folder: Path, target: Path, name: str = "HEAD") -> Sequence[str]:
    target.mkdir()
    return source(folder, name).unpack(target)


def test_each_revision_has_its_own_requirements(tmp_path: Path) -> None:
    project = tmp_path / "project"
    first, second = make_repository(
        project, {"requirements.txt": "celery==5.6.3\n"}, {"requirements.txt": "celery==5.7.0\n"}
    )
    (project / "requirements.txt").write_text("uncommitted\n")
    assert find_revision("main", project, ENVIRON).commit == second
    assert find_revision("HEAD~1", project, ENVIRON).commit == first
    assert words_of(project, tmp_path / "one", "HEAD~1") == ("-r", "requirements.txt")
    assert (tmp_path / "one" / "requirements.txt").read_text() == "celery==5.6.3\n"
    words_of(project, tmp_path / "two", second[:9])
    assert (tmp_path / "two" / "requirements.txt").read_text() == "celery==5.7.0\n"
    assert source(project, "HEAD~1").key != source(project, "HEAD").key
    assert source(project, "main").key == source(project, "HEAD").key
    assert git(project, "status", "--porcelain") == "M requirements.txt"
    assert git(project, "worktree", "list").count("\n") == 0


PROJECTS: Mapping[str, tuple[Mapping[str, str], Sequence[str]]] = {
    "requirements win": (
        {"requirements.txt": "celery", "setup.py": ""},
        ("-r", "requirements.txt"),
    ),
    "setup.py": ({"setup.py": ""}, (".",)),
    "PEP 621": ({"pyproject.toml": "[project]\nname = 'x'\n"}, (".",)),
    "poetry": ({"pyproject.toml": "[tool.poetry]\nname = 'x'\n"}, (".",)),
}


@pytest.mark.parametrize("name", list(PROJECTS))
def test_what_is_installed(tmp_path: Path, name: str) -> None:
    files, words = PROJECTS[name]
    make_repository(tmp_path / "project", files)
    assert words_of(tmp_path / "project", tmp_path / "target") == words


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "cannot unpack"),
        ({"README.md": "celery"}, "says nowhere what it needs"),
        ({"pyproject.toml": "[tool.ruff]\n"}, "says nowhere what it needs"),
        ({"pyproject.toml": "[project\n"}, "cannot be read"),
    ],
)
def test_what_cannot_be_installed(tmp_path: Path, files: Mapping[str, str], message: str) -> None:
    make_repository(tmp_path / "project", files)
    with pytest.raises(BuildError, match=message):
        words_of(tmp_path / "project", tmp_path / "target")


@pytest.mark.parametrize("filters", [True, False])
def test_links_within_are_kept_and_links_outside_refused(
    tmp_path: Path, filters: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by a Python whose tarfile knows no filters, as Debian 12's."""
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    project = tmp_path / "project"
    make_repository(project, {"requirements.txt": "celery", "a/b.txt": ""})
    for link in ("inside", "outside"):
        (project / "a" / link).symlink_to({"inside": "../requirements.txt"}.get(link, "../../x"))
        git(project, "add", f"a/{link}")
        git(project, "commit", "--quiet", "-m", link)
        target = tmp_path / link
        if link == "inside":
            assert words_of(project, target) == ("-r", "requirements.txt")
            assert (target / "a/inside").read_text() == "celery"
        else:
            with pytest.raises(BuildError, match=r"cannot unpack commit \w+: a/outside links to"):
                words_of(project, target)


def test_a_project_in_a_folder_of_its_repository(tmp_path: Path) -> None:
    """Only that folder is exported, and it is told from its sister of the same commit."""
    make_repository(
        tmp_path / "all", {"a/requirements.txt": "celery==5.6.3", "b/requirements.txt": "celery"}
    )
    assert words_of(tmp_path / "all" / "a", tmp_path / "target") == ("-r", "requirements.txt")
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["requirements.txt"]
    assert source(tmp_path / "all" / "a").key != source(tmp_path / "all" / "b").key


def test_no_such_revision(tmp_path: Path) -> None:
    make_repository(tmp_path / "project", {"requirements.txt": "celery"})
    for name in ("nowhere", "", "HEAD~5"):
        with pytest.raises(UsageError, match="no git revision"):
            find_revision(name, tmp_path / "project", ENVIRON)
    with pytest.raises(UsageError, match="is no git revision"):
        find_revision("--all", tmp_path / "project", ENVIRON)
    (tmp_path / "bare").mkdir()
    outside = {**ENVIRON, "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    with pytest.raises(UsageError, match="not a git repository"):
        find_revision("HEAD", tmp_path / "bare", outside)


TOO_OLD = "celery==4.4.7" if HERE < (3, 12) else "celery==5.2.7"
"""For this Python, though pip installs it."""
UNUSABLE = {
    "packaging": "revision main: what its requirements install cannot import celery",
    TOO_OLD: f"revision main: {TOO_OLD} does not run on Python 3.",
}


@pytest.mark.parametrize("required", UNUSABLE)
def test_a_revision_without_a_celery_that_runs_is_a_clear_error(
    tmp_path: Path, required: str
) -> None:
    make_repository(tmp_path / "project", {"requirements.txt": f"{required}\n"})
    configuration = Configuration(
        name="c",
        broker=RedisBroker(service="redis"),
        backend=RedisBackend(service="redis"),
        celery=CelerySet(revision="main"),
    )
    with open_workspace(ENVIRON) as workspace, pytest.raises(UsageError) as caught:
        interpreters(
            [configuration],
            project=tmp_path / "project",
            scenario=tmp_path / "s.yaml",
            workspace=workspace,
            environ=ENVIRON,
            building=list[str]().append,
        )
    assert UNUSABLE[required] in str(caught.value)
