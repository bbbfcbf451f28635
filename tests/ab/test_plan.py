"""What REFs mean, and the plan that two of them make of a scenario."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InvalidInput, UsageError
from harness.results.record.run import RunRecord
from harness.runner.prepare.ab import (
    Effort,
    Frame,
    Variant,
    check_revisions,
    check_unlike,
    nothing_told_apart,
    paired_plan,
    variant_of,
)
from harness.scenario.models.compare import PairBudget
from harness.scenario.models.configuration import CelerySet
from harness.scenario.models.scenario import Plan
from tests.ab.repository import make_repository
from tests.report.made.records import cell, run
from tests.scenario.project import CONFIGURATION, Project, make_project

ENVIRON = dict(os.environ)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


def side(*refs: str) -> Variant:
    return variant_of(refs, Path.cwd(), ENVIRON)


def plan(
    project: Project, base: Variant, head: Variant, effort: Effort | None = None, *sets: str
) -> Plan:
    frame = Frame(project.scenario, (), sets, None, ENVIRON)
    return paired_plan(frame, base, head, effort or Effort())


def celery_of(project: Project, *refs: str) -> CelerySet | None:
    return plan(project, side(*refs), side(*refs)).cells[0].configuration.celery


def test_every_cell_twice_side_by_side(project: Project) -> None:
    project.change("matrix: {worker.concurrency: [1, 4]}")
    name, value = "settings.task_acks_late", "true"
    found = plan(project, side(f"set:{name}=false"), side(f"set:{name}={value}"))
    assert [cell.name for cell in found.cells] == [
        "c[concurrency=1,ab=base]/add/closed-8",
        "c[concurrency=1,ab=head]/add/closed-8",
        "c[concurrency=4,ab=base]/add/closed-8",
        "c[concurrency=4,ab=head]/add/closed-8",
    ]
    acks_late = [cell.configuration.settings["task_acks_late"] for cell in found.cells]
    assert acks_late == [False, True, False, True]
    assert found.cells[1].axes == {"worker.concurrency": 1, "ab": "head"}
    assert found.scenario.name == "s-ab"
    assert f"base: set:{name}=false; head: set:{name}=true" in found.scenario.question


def test_without_an_axis_of_its_own(project: Project) -> None:
    found = plan(project, side("set:worker.concurrency=1"), side("set:worker.concurrency=2"))
    assert [cell.name for cell in found.cells] == [
        "c[ab=base]/add/closed-8",
        "c[ab=head]/add/closed-8",
    ]


def test_how_much_is_measured(project: Project) -> None:
    one = side("set:worker.count=1")
    found = plan(project, one, one).scenario.compare
    assert found is not None
    assert (found.base, found.margin, found.pairs) == ("ab=base", 0.05, PairBudget())
    assert found.kind == "change"
    project.change("matrix: {worker.concurrency: [1, 2]}")
    project.change("compare: {margin: 8%, pairs: {min: 6, max: 40}, looks: [6, 40], minutes: 3}")
    found = plan(project, one, one).scenario.compare
    assert found is not None
    assert (found.margin, found.look_sizes, found.minutes) == (0.08, (6, 40), 3)
    found = plan(project, one, one, Effort(0.1, (12, 12), 5)).scenario.compare
    assert found is not None
    assert (found.margin, found.look_sizes, found.minutes) == (0.1, (12,), 5)


def test_pins(project: Project) -> None:
    assert celery_of(project, "pins:celery==5.6.3") == CelerySet(version="5.6.3")
    assert celery_of(project, "pins:celery==5.6.3,redis<7,>=6, kombu==5.6.2") == CelerySet(
        version="5.6.3", pins=("redis<7,>=6", "kombu==5.6.2")
    )
    assert celery_of(project, "pins:celery[redis,sqs]>=5.6,<5.7") == CelerySet(
        pins=("celery[redis,sqs]>=5.6,<5.7",)
    )
    url = "celery @ git+https://example.org/celery.git@main"
    assert celery_of(project, f"pins:{url}") == CelerySet(pins=(url,))
    both = celery_of(project, "pins:celery==5.6.3", "set:worker.concurrency=1")
    assert both == CelerySet(version="5.6.3")


def test_revisions_are_named_by_their_commit(tmp_path: Path) -> None:
    (commit,) = make_repository(tmp_path / "repository", {"requirements.txt": "celery\n"})
    found = variant_of(("main",), tmp_path / "repository", ENVIRON)
    assert found.title == f"main ({commit[:12]})"
    project = make_project(tmp_path)
    celery = plan(project, found, found).cells[0].configuration.celery
    assert celery == CelerySet(name=commit[:12], revision=commit)
    told = {"install": ("-r deploy/all.txt",), "prepare": ()}
    found = variant_of(("main",), tmp_path / "repository", ENVIRON, None, told)
    celery = plan(project, found, found).cells[0].configuration.celery
    assert celery == CelerySet(name=commit[:12], revision=commit, install=("-r deploy/all.txt",))
    check_revisions(["set:a=1", "main"])
    with pytest.raises(UsageError, match="neither side names one"):
        check_revisions(["pins:celery==5.7.0", "set:a=1"])


@pytest.mark.parametrize(
    ("refs", "message"),
    [
        (("pins:celery=5.6.3",), "is not a requirement"),
        (("pins:celery==5.6.3", "pins:celery==5.7.0"), "each name a Celery"),
        (("no-such-branch",), "no git revision 'no-such-branch'"),
    ],
)
def test_refs_that_mean_nothing(refs: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        side(*refs)


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("set:settings.task_ack_late=true", "did you mean"),
        ("set:worker.concurrency", "expected PATH=VALUE"),
        ("set:worker.concurrency=0", "1"),
        ("pins:kombu==5.6.2", "which Celery?"),
        ("pins:", "which Celery?"),
    ],
)
def test_problems_point_at_the_side_that_has_them(project: Project, ref: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan(project, side("set:worker.count=1"), side(ref))
    problems = caught.value.problems
    assert all(problem.file.startswith("--head ") for problem in problems), problems
    assert any(message in problem.message for problem in problems), problems


def test_two_sides_that_are_the_same() -> None:
    base = side("set:worker.count=1", "pins:celery==5.7.0")
    with pytest.raises(UsageError, match="are the same"):
        check_unlike(base, side("pins:celery==5.7.0", "set:worker.count=1"))
    check_unlike(base, side("pins:celery==5.7.0", "set:worker.count=2"))


def _measured(head: Mapping[str, Any], settings: Mapping[str, Any]) -> RunRecord:
    """A run of two revisions whose head has these packages."""
    return run(
        *(
            cell(
                f"c[ab={name}]/add/closed-8",
                axes={"ab": name},
                packages=dict(packages),
                config={"name": "c", "settings": dict(settings), "celery": {"revision": name}},
            )
            for name, packages in (("base", {"celery": "5.7.0"}), ("head", head))
        )
    )


def test_two_revisions_between_which_nothing_measured_differs() -> None:
    assert nothing_told_apart(_measured({"celery": "5.7.0"}, {}))
    assert not nothing_told_apart(_measured({"celery": "5.7.0"}, {"imports": ["shop"]}))
    assert not nothing_told_apart(_measured({"celery": "5.6.3"}, {}))


def test_a_matrix_that_would_undo_a_side(project: Project) -> None:
    project.change('matrix: {celery: ["5.6.3", "5.7.0"], worker.concurrency: [1, 2]}')
    with pytest.raises(UsageError, match="varies celery itself"):
        plan(project, side("pins:celery==5.3.1"), side("pins:celery==5.4.0"))
    with pytest.raises(UsageError, match=r"varies worker\.concurrency itself"):
        plan(project, side("set:worker={count: 2}"), side("set:worker.count=2"))


def test_groups_of_workers_are_sides(project: Project) -> None:
    """A side says how they are grouped, or changes a field of a group that there is."""
    groups = "{fast: {queues: [celery]}, slow: {queues: [reports]}}"
    found = plan(project, side("set:worker={concurrency: 4}"), side(f"set:workers={groups}"))
    assert [list(cell.configuration.groups) for cell in found.cells] == [
        ["worker"],
        ["fast", "slow"],
    ]
    project.configuration(f"{CONFIGURATION}workers: {groups}\n")
    found = plan(project, side("set:workers.fast.count=1"), side("set:workers.fast.count=2"))
    assert [cell.configuration.worker_count for cell in found.cells] == [2, 3]
    with pytest.raises(InvalidInput) as refused:
        plan(project, side("set:workers.fsat.count=1"), side("set:workers.fast.count=2"))
    (problem,) = refused.value.problems
    assert str(problem).startswith("--base workers.fsat.count:1:")
    assert 'no group "fsat" of workers (did you mean "fast"?)' in str(problem)
    project.configuration(CONFIGURATION)
    project.change(f"matrix: {{workers: [{groups}]}}")
    with pytest.raises(UsageError, match="varies workers itself"):
        plan(project, side("set:worker.concurrency=1"), side("set:worker.concurrency=2"))
