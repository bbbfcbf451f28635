"""What items are made of, without a server and without a pytest of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import RecordError, UsageError
from harness.pytest_plugin.running import Choices, HarnessRun, measure
from harness.pytest_plugin.selecting import with_bases
from harness.results.record.run import RunRecord
from tests.exports.exported import judged_run
from tests.pytest_plugin.project import Project
from tests.report.made import records

CLOSED = {"load": "closed", "in_flight": 4}


def _run(record: RunRecord) -> HarnessRun:
    return HarnessRun(record, Path("results/example"))


def _two_sides() -> HarnessRun:
    """The cells of `judged_run`, both of them."""
    judged = judged_run()
    head = records.cell("redis-late/add/closed-8", records.block(1, 1))
    return _run(judged.model_copy(update={"cells": (*judged.cells, head)}))


# --- verdicts -------------------------------------------------------------------------------------


def test_a_regression_is_the_head_cell_s_trouble() -> None:
    run = _two_sides()
    base, head = run.cells
    (trouble,) = run.troubles(head)
    assert trouble == (
        "throughput against redis/add/closed-8: 20 % lower (18 % to 22 %), REGRESSION"
    )
    assert run.troubles(base) == (
        "gate failed: p99(latency.total) < 20ms: 25.6 ms, wanted < 20.0 ms",
    )
    assert run.comparisons(base) == ()


def test_an_inconclusive_comparison_fails_only_a_strict_run() -> None:
    run = _two_sides()
    head = run.cell("redis-late/add/closed-8")
    assert "worker_cpu" not in " ".join(run.troubles(head))
    assert any(trouble.startswith("worker_cpu ") for trouble in run.troubles(head, strict=True))
    assert run.undecided() == (
        "redis/chain-2/closed-8: gate throughput > 0.95 * baseline: not evaluated: "
        "the baseline has no such cell",
        "redis-late/add/closed-8: worker_cpu against redis/add/closed-8: 3.1 % higher (4.8 % lower "
        "to 11 % higher), cannot be told, about 380 pairs would tell",
    )
    with pytest.raises(AssertionError, match="worker_cpu") as failed:
        run.check(strict=True)
    assert "latency.total.p99" not in str(failed.value)  # not judged


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (records.troubled_run(), "redis/add/closed-8: 4 lost"),
        (records.partial_run(), "PARTIAL: stopped early"),
        (records.failed_run(), "block 1 could not be measured: worker1 ended"),
    ],
)
def test_check_names_what_went_wrong(record: RunRecord, words: str) -> None:
    with pytest.raises(AssertionError) as failed:
        _run(record).check()
    assert words in str(failed.value)


def test_check_of_a_sound_run() -> None:
    _run(records.brokers_run()).check(strict=True)


# --- cells that are measured together -------------------------------------------------------------


def _plan_cells(project: Project, wanted: set[str]) -> tuple[list[str], str | None]:
    """Names of the cells that are measured for the wanted ones, and what they are compared with."""
    plan = Choices().plan(project.folder / "scenarios/s.yaml", {})
    chosen = with_bases(plan, wanted)
    compare = chosen.scenario.compare
    return [cell.name for cell in chosen.cells], None if compare is None else compare.base


def _compared(project: Project, **fields: Any) -> None:
    project.configuration("d")
    project.configuration("e")
    project.scenario(configurations=["c", "d", "e"], loads=[CLOSED, "backlog"], **fields)


def test_a_selected_cell_brings_what_it_is_compared_with(project: Project) -> None:
    _compared(project, compare={})
    assert _plan_cells(project, {"e/add/backlog"}) == (["c/add/backlog", "e/add/backlog"], "c")


def test_the_base_does_not_change_with_the_selection(project: Project) -> None:
    _compared(project, compare={"base": "d"})
    names, base = _plan_cells(project, {"c/add/closed-4", "e/add/closed-4"})
    assert names == ["c/add/closed-4", "d/add/closed-4", "e/add/closed-4"]
    assert base == "d"


def test_a_base_alone_is_compared_with_nothing(project: Project) -> None:
    _compared(project, compare={"pairs": {"min": 6, "max": 12}})
    assert _plan_cells(project, {"c/add/backlog"}) == (["c/add/backlog"], None)


def test_without_a_comparison_only_the_selected_cells_are_measured(project: Project) -> None:
    _compared(project)
    assert _plan_cells(project, {"e/add/backlog"}) == (["e/add/backlog"], None)


# --- baselines ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "error", "words"),
    [
        (Choices(), UsageError, "compares with a baseline"),
        (Choices(baseline="main"), RecordError, "no baseline 'main'"),
    ],
)
def test_a_baseline_that_is_missing_is_missed_before_anything_runs(
    project: Project, choices: Choices, error: type[Exception], words: str
) -> None:
    project.scenario(gates=["throughput > 0.95 * baseline"])
    with pytest.raises(error, match=words):
        measure(
            project.folder / "scenarios/s.yaml",
            results=project.folder / "results",
            project=project.folder,
            choices=choices,
        )
    assert not (project.folder / "results").exists()
