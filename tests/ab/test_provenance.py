"""Whose commit a report names: the harness' own, and of each side the one that it ran."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.environments.interpreter import OWN, Interpreter
from harness.report.index.overview import overview
from harness.report.registry import render
from harness.report.tables.history import as_dict
from harness.results.history.reruns import CellOfRun, reruns
from harness.results.judge.circumstances import COMMIT, facts_of, project_of
from harness.results.judge.run_differences import project_differences
from harness.results.record.run import RunRecord
from harness.results.store.catalog import StoredRun, scan
from harness.results.store.views import cell_rows
from harness.runner.prepare.environment import (
    commit_of,
    with_missing_commits,
    with_projects_commits,
)
from tests.ab.repository import git, make_repository
from tests.history.stores import asked, paired_run, with_commit
from tests.report.made.records import ENVIRONMENT, block, cell, run

HARNESS, FOLDER, BASE, HEAD = ("".join(n * 40) for n in "a7bc")
NAMES = ("redis[ab=base]/add/closed-8", "redis[ab=head]/add/closed-8")


def two_sides(**environment: object) -> RunRecord:
    """As `harness ab --base REVISION --head REVISION` leaves it."""
    known = {"harness_commit": HARNESS, "git_commit": FOLDER, "git_dirty": True}
    sides = zip(NAMES, (BASE, HEAD), strict=True)
    cells = (
        cell(name, block(number, number), project_commit=commit, project_dirty=False)
        for number, (name, commit) in enumerate(sides)
    )
    return run(*cells, environment=ENVIRONMENT.model_copy(update=known | environment))


@pytest.mark.parametrize("form", ["text", "md", "html"])
def test_reports_name_the_commit_of_each_side(form: str, tmp_path: Path) -> None:
    said = " ".join(render(two_sides(), tmp_path, form).split())
    for commit in (BASE, HEAD):
        assert (
            said.count(f"; project&#39;s git {commit[:9]}")
            + said.count(f"; project's git {commit[:9]}")
            == 1
        ), said[:3000]
    assert f"harness 0.1.0 (git {HARNESS[:9]})" in said
    assert f"git {FOLDER[:9]}, with uncommitted changes, of the folder that the run" in said


def test_json_has_the_commit_of_each_side(tmp_path: Path) -> None:
    record = json.loads(render(two_sides(), tmp_path, "json"))
    assert [one["project_commit"] for one in record["cells"]] == [BASE, HEAD]
    assert record["environment"]["harness_commit"] == HARNESS


def test_a_run_in_one_folder_names_its_commit_once(tmp_path: Path) -> None:
    said = render(run(cell(NAMES[0], block(0, 0))), tmp_path, "text")
    assert "project's git" not in said


def test_facts_and_tables_have_the_commit_of_the_cell(tmp_path: Path) -> None:
    record = two_sides()
    assert [facts_of(record, one)[COMMIT] for one in record.cells] == [BASE, HEAD]
    rows = list(cell_rows(StoredRun(tmp_path, record)))
    assert [row["project_commit"] for row in rows] == [BASE, HEAD]
    plain = run(cell(NAMES[0], block(0, 0)), environment=record.environment)
    assert project_of(plain, plain.cells[0]) == (FOLDER, True)
    assert [row["project_commit"] for row in cell_rows(StoredRun(tmp_path, plain))] == [FOLDER]


def test_a_history_has_the_commit_of_the_side(tmp_path: Path) -> None:
    """And no uncommitted changes of a folder that nothing was run from."""
    sides = [
        {"project_commit": commit, "project_dirty": False, "axes": {"ab": side}}
        for side, commit in (("base", BASE), ("head", HEAD))
    ]
    nights = [
        paired_run(night, 1.0, names=NAMES, cells=sides, **with_commit("7", dirty=True))
        for night in range(2)
    ]
    told = as_dict(asked(tmp_path, nights))
    points = [point for series in told["series"] for point in series["points"]]
    assert [(point["commit"], point["marks"]) for point in points] == [(HEAD, [])] * 2
    lines = overview(scan(tmp_path), tmp_path).runs
    assert [line.commit for line in lines] == [f"{BASE[:9]}; {HEAD[:9]}"] * 2


def test_what_a_cell_runs_is_recorded(tmp_path: Path) -> None:
    """A revision; a project in a repository of its own; the folder the run was started in."""
    first, second = make_repository(tmp_path / "here", {"a": "1"}, {"a": "2"})
    (other,) = make_repository(tmp_path / "there", {"b": "1"})
    (tmp_path / "there" / "b").write_text("2")
    commit, dirty = commit_of(tmp_path / "here")
    assert (commit, dirty) == (second, False)
    record = two_sides(git_commit=commit, git_dirty=dirty)
    record = record.model_copy(update={"cells": (*record.cells, *record.cells)})
    pythons = [
        replace(OWN, commit=first),
        Interpreter(project=tmp_path / "there"),
        Interpreter(project=tmp_path / "here"),
        OWN,
    ]
    found = with_projects_commits(record, pythons)
    assert [(one.project_commit, one.project_dirty) for one in found.cells] == [
        (first, False),
        (other, True),
        (None, None),
        (None, None),
    ]
    git(tmp_path / "there", "commit", "--quiet", "--all", "-m", "on")
    later = with_projects_commits(record, pythons)
    [line] = project_differences(found, later)
    assert line == f"project: {other} / {commit_of(tmp_path / 'there')[0]}"


def test_a_project_in_no_repository_has_no_commit(tmp_path: Path) -> None:
    """Not that of the folder that the harness was started in."""
    (tmp_path / "shop").mkdir()
    pythons = [Interpreter(project=tmp_path / "shop"), OWN]
    began = with_projects_commits(two_sides(), pythons)
    found = RunRecord.model_validate_json(began.model_dump_json())
    assert [project_of(found, one) for one in found.cells] == [(None, False), (FOLDER, True)]
    assert [facts_of(found, one)[COMMIT] for one in found.cells] == ["", FOLDER]
    rows = list(cell_rows(StoredRun(tmp_path, found)))
    assert [row["project_commit"] for row in rows] == [None, FOLDER]
    said = render(found, tmp_path, "text")
    assert "project's git" not in said
    assert project_differences(found, with_projects_commits(found, pythons)) == ()
    make_repository(tmp_path / "shop", {"a": "1"})
    [line] = project_differences(found, with_projects_commits(found, pythons))
    assert line == f"project: - / {commit_of(tmp_path / 'shop')[0]}"


def test_no_re_run_by_commit_of_what_lies_in_no_repository_here() -> None:
    """`harness ab --base REVISION` would take both sides from this folder's repository."""
    here, nowhere = (
        run(cell(NAMES[0], block(0, 0), project_commit=commit), environment=ENVIRONMENT)
        for commit in (None, "")
    )
    different = {COMMIT: (BASE, HEAD)}
    for sides, commands in (((here, here), 1), ((here, nowhere), 0), ((nowhere, here), 0)):
        before, after = (CellOfRun(one, one.cells[0]) for one in sides)
        assert len(reruns(before, after, different, with_configurations=())) == commands


def test_a_run_of_the_version_before_goes_on(tmp_path: Path) -> None:
    """Its record does not say which commits it began with; from then on it does."""
    (there,) = make_repository(tmp_path / "there", {"b": "1"})
    stored = two_sides().model_dump(mode="json")
    for one in stored["cells"]:
        del one["project_commit"], one["project_dirty"]
    began = RunRecord.model_validate(stored)
    pythons = [replace(OWN, commit=BASE), Interpreter(project=tmp_path / "there")]
    now = with_projects_commits(began, pythons)
    assert project_differences(began, now) == ()
    goes_on = with_missing_commits(began, now)
    again = RunRecord.model_validate_json(goes_on.model_dump_json())
    assert [one.project_commit for one in again.cells] == [BASE, there]
    assert project_differences(again, with_projects_commits(again, pythons)) == ()
    git(tmp_path / "there", "commit", "--quiet", "--allow-empty", "-m", "on")
    later = with_projects_commits(again, pythons)
    assert len(project_differences(again, later)) == 1
    # With --force it goes on, and keeps what it began with.
    assert with_missing_commits(again, later) == again


def test_a_folder_that_moved_on_is_another_project(tmp_path: Path) -> None:
    """An app in the folder that the harness was started in has no commit of its own."""
    (commit,) = make_repository(tmp_path, {"a": "1"})
    pythons = [Interpreter(project=tmp_path), OWN]
    began = with_projects_commits(two_sides(git_commit=commit, git_dirty=False), pythons)
    found = RunRecord.model_validate_json(began.model_dump_json())
    assert [one.project_commit for one in found.cells] == [None, None]
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "on")
    [line] = project_differences(found, with_projects_commits(found, pythons))
    assert line == f"project: {commit} / {commit_of(tmp_path)[0]}"
