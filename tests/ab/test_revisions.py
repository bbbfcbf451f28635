"""From the name of a revision to its files."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from harness.environments.building import BuildError
from harness.errors import UsageError
from harness.runner.prepare.interpreters import interpreters
from harness.runner.prepare.revisions.commits import content_of, export, find_revision, not_in_git
from harness.scenario.models.configuration import CelerySet, Configuration
from harness.scenario.settings.celery_sets import HERE
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.workspace import open_workspace
from tests.ab.repository import git, make_repository

ENVIRON = dict(os.environ)


def exported(folder: Path, target: Path, name: str = "HEAD") -> Path:
    target.mkdir()
    export(find_revision(name, folder, ENVIRON), folder, target, ENVIRON)
    assert not target.with_name(f"{target.name}.tar").exists()
    return target


def test_each_revision_has_its_own_files(tmp_path: Path) -> None:
    project = tmp_path / "project"
    first, second = make_repository(
        project, {"requirements.txt": "celery==5.6.3\n"}, {"requirements.txt": "celery==5.7.0\n"}
    )
    (project / "requirements.txt").write_text("uncommitted\n")
    assert find_revision("main", project, ENVIRON).commit == second
    assert find_revision("HEAD~1", project, ENVIRON).commit == first
    one = exported(project, tmp_path / "one", "HEAD~1")
    assert (one / "requirements.txt").read_text() == "celery==5.6.3\n"
    two = exported(project, tmp_path / "two", second[:9])
    assert (two / "requirements.txt").read_text() == "celery==5.7.0\n"
    assert git(project, "status", "--porcelain") == "M requirements.txt"
    assert git(project, "worktree", "list").count("\n") == 0


def test_a_commit_without_files_is_no_project(tmp_path: Path) -> None:
    make_repository(tmp_path / "project", {})
    with pytest.raises(BuildError, match="cannot unpack commit"):
        exported(tmp_path / "project", tmp_path / "target")


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
        if link == "inside":
            assert (exported(project, tmp_path / link) / "a/inside").read_text() == "celery"
        else:
            with pytest.raises(BuildError, match=r"cannot unpack commit \w+: a/outside links to"):
                exported(project, tmp_path / link)


def test_a_project_in_a_folder_of_its_repository_and_in_a_worktree(tmp_path: Path) -> None:
    """All of the repository is exported: what the project needs may lie beside it."""
    files = {"a/requirements.txt": "celery==5.6.3", "b/requirements.txt": "celery"}
    (commit,) = make_repository(tmp_path / "all", files)
    git(tmp_path / "all", "worktree", "add", "--quiet", str(tmp_path / "other"))
    for number, folder in enumerate((tmp_path / "all" / "a", tmp_path / "other" / "a")):
        found = find_revision("HEAD", folder, ENVIRON)
        assert (found.commit, found.prefix) == (commit, "a/")
        target = exported(folder, tmp_path / str(number))
        assert sorted(path.name for path in target.iterdir()) == ["a", "b"]


def test_a_library_that_did_not_change_is_the_same(tmp_path: Path) -> None:
    make_repository(tmp_path, {"libs/a": "1", "shop": "1"}, {"libs/a": "1", "shop": "2"})
    one, two = (find_revision(name, tmp_path, ENVIRON) for name in ("HEAD~1", "HEAD"))
    alike = [
        content_of(one, place, tmp_path, ENVIRON) == content_of(two, place, tmp_path, ENVIRON)
        for place in ("libs", "libs/a", "shop", ".")
    ]
    assert alike == [True, True, False, False]


def test_no_such_revision(tmp_path: Path) -> None:
    make_repository(tmp_path / "project", {"requirements.txt": "celery"})
    for name in ("nowhere", "", "HEAD~5"):
        with pytest.raises(UsageError, match=r"no git revision.*A revision is a commit"):
            find_revision(name, tmp_path / "project", ENVIRON)
    with pytest.raises(UsageError, match="is no git revision"):
        find_revision("--all", tmp_path / "project", ENVIRON)
    (tmp_path / "bare").mkdir()
    outside = {**ENVIRON, "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    with pytest.raises(UsageError, match="not a git repository"):
        find_revision("HEAD", tmp_path / "bare", outside)


def test_a_shallow_clone_says_what_deepens_it(tmp_path: Path) -> None:
    """And that command does."""
    first, second = make_repository(tmp_path / "project", {"a": "1"}, {"a": "2"})
    source = f"file://{tmp_path}/project"
    git(tmp_path, "clone", "--quiet", "--depth", "1", source, "clone")
    clone = tmp_path / "clone"
    assert find_revision("HEAD", clone, ENVIRON).commit == second
    with pytest.raises(UsageError, match="this clone is shallow") as caught:
        find_revision("HEAD~1", clone, ENVIRON)
    _, _, command = str(caught.value).partition("Deepen it: git ")
    git(clone, *command.replace("'", "").split())
    assert find_revision("HEAD~1", clone, ENVIRON).commit == first


def test_what_git_does_not_have(tmp_path: Path) -> None:
    make_repository(tmp_path, {"shop.py": "", ".gitignore": ".env\ndata/\n"})
    for name in (".env", "data/a.bin", "data/b.bin", "__pycache__/x.pyc", ".venv/pyvenv.cfg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert not_in_git(tmp_path, ENVIRON, 8) == [".env", "data/"]
    assert not_in_git(tmp_path, ENVIRON, 1) == [".env"]


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
