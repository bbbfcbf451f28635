"""Figures of one task of a mix: one name in gates, histories and SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.figures.names import asked
from harness.figures.table import FIGURES
from harness.report.view.cells import Spread, view_of
from harness.results.judge.gates import MeasuredRun, evaluate
from harness.results.judge.metrics import metric_named
from harness.results.record.by_task import PartRecord
from harness.results.record.comparison import GateResult
from harness.results.record.distributions import Distribution, Outcomes
from harness.results.record.run import BlockRecord, RunRecord
from harness.results.store.catalog import StoredRun
from harness.results.store.views import BY_TASK, task_rows
from tests.history.stores import asked as over_time
from tests.history.stores import plain_run
from tests.report.made.records import block, cell, run, spread_around, write_units
from tests.scenario.project import CONFIGURATION, Project, make_project

ADD, MAIL = "shop.tasks.add", "mail"
NAME = "redis/mix-add+mail/closed-8"
MS = 1_000_000


def own(task: str, ran_s: float, **changes: object) -> PartRecord:
    """Of 500 units, dispatched in 1 ms."""
    figures = {
        "units": 500,
        "completed": 500,
        "throughput_per_s": 250.0,
        "latency_s": spread_around(ran_s + 0.002, 500),
        "run_s": spread_around(ran_s, 500),
        "dispatch_s": spread_around(0.001, 500),
        "outcomes": Outcomes(ok=500),
    }
    return PartRecord.model_validate({"task": task, **figures, **changes})


def mixed(number: int, cell: int, **changes: Any) -> BlockRecord:
    return block(number, cell, by_task=(own(ADD, 0.004), own(MAIL, 0.05)), **changes)


def _gate(text: str, record: RunRecord, folder: Path) -> GateResult:
    [found] = evaluate([text], MeasuredRun(record, folder))
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("p50(phase.run, task=shop.tasks.add)", 0.004),
        ("mean(phase.run, task=mail)", 0.05),
        ("p50( phase.dispatch ,task=mail )", 0.001),
        ("latency.total.p50(task=mail)", 0.052),
        ("throughput(task=mail)", 250.0),
        ("ok(task=mail)", 500),
        ("failed(task=mail)", 0),
        ("p50(phase.run, task=add)", None),
        ("lost(task=add)", None),
    ],
)
def test_of_one_task(name: str, value: float | None) -> None:
    metric = metric_named(name)
    assert metric.figure(mixed(0, 0)) == (None if value is None else pytest.approx(value))
    again = metric_named(metric.name)
    assert (again, again.name) == (metric, metric.name)


@pytest.mark.parametrize("task", ["a", "shop.tasks.add", "a b", "a,b", 'a"b', "f(x)", "é", "\\"])
def test_every_name_is_read_as_it_is_written(task: str) -> None:
    for row in FIGURES:
        found = asked(f"p99({row.name})" if row.distribution else row.name)
        if found is not None and row.of_task:
            of_one = type(found)(row.of(task), found.statistic)
            assert asked(of_one.name) == of_one


@pytest.mark.parametrize(
    "name", ["p50(phase.queue, task=a)", "worker_cpu(task=a)", "p99(lost, task=a)", "lost()"]
)
def test_what_there_is_not_of_one_task(name: str) -> None:
    with pytest.raises(UsageError, match="no metric"):
        metric_named(name)


def test_a_distribution_of_a_task_needs_a_statistic() -> None:
    with pytest.raises(UsageError) as caught:
        metric_named("phase.run(task=a)")
    assert "p99(phase.run, task=a)" in str(caught.value)


def test_gates_on_one_task(tmp_path: Path) -> None:
    record = run(cell(NAME, mixed(0, 0)), cell("redis/add/closed-8", block(1, 1)))
    for text, value, passed in (
        ("p50(phase.run, task=mail) < 20ms", 0.05, False),
        ("p50(phase.run, task=shop.tasks.add) < 20ms", 0.004, True),
        ("throughput(task=mail) > 200", 250.0, True),
        ("lost(task=mail) == 0", 0.0, True),
    ):
        of_mix, of_add = evaluate([text], MeasuredRun(record, tmp_path))
        assert (of_mix.value, of_mix.passed) == (value, passed), text
        assert of_add.passed is None
        assert "this cell has no task" in of_add.reason


def test_percentiles_of_a_task_are_of_its_own_samples(tmp_path: Path) -> None:
    """Of all blocks together, and of no other task."""
    for number in (0, 1):
        totals = [n * MS * (1 if n % 2 else 100) for n in range(1, 101)]
        write_units(tmp_path, number, totals, tasks=(ADD, MAIL))
    halves = {"run_s": Distribution(count=50, p99=1.0)}
    blocks = [block(n, 0, by_task=(own(ADD, 1, **halves), own(MAIL, 1, **halves))) for n in (0, 1)]
    record = run(cell(NAME, *blocks))
    found = _gate("p99(phase.run, task=shop.tasks.add) < 50ms", record, tmp_path)
    assert (found.value, found.passed) == (0.0495, True)
    assert _gate("p99(phase.run, task=mail) < 50ms", record, tmp_path).value == 5.0


def test_a_test_asks_for_them_by_the_same_names(tmp_path: Path) -> None:
    """As `cell.figures[...]`, within pytest."""
    figures = view_of(run(cell(NAME, mixed(0, 0))), tmp_path, {}).cells[0].figures
    found = figures["p50(phase.run, part=mail)"]
    assert isinstance(found, Spread)
    assert found.median == pytest.approx(0.05)
    assert figures["lost(task=mail)"] is not None
    with pytest.raises(UsageError, match='no part is called "nobody"; there are '):
        figures["lost(part=nobody)"]


def test_a_table_of_sql_has_them(tmp_path: Path) -> None:
    rows = list(task_rows(StoredRun(tmp_path, run(cell(NAME, mixed(3, 0)), order=(0,)))))
    assert [(row["block"], row["task"], row["run_s"]["p50"], row["lost"]) for row in rows] == [
        (3, ADD, 0.004, 0),
        (3, MAIL, 0.05, 0),
    ]
    assert set(rows[0]) == {column.name for column in BY_TASK}


# --- refused before anything runs ---------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


MIX = "workloads: [{workload: task, app: shop, mix: [{task: shop.tasks.add}, {task: shop.mail}]}]"


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        ("p99(phase.run, task=shop.tasks.add) < 1s", ""),
        (
            "p99(phase.run, task=add) < 1s",
            '6:30: gate "p99(phase.run, task=add) < 1s": no workload here runs a task "add" '
            '(did you mean "shop.tasks.add"?); there are shop.tasks.add, shop.mail',
        ),
        (
            "lost(task=shop.mial) == 0",
            '6:20: gate "lost(task=shop.mial) == 0": no workload here runs a task "shop.mial" '
            '(did you mean "shop.mail"?); there are shop.tasks.add, shop.mail',
        ),
    ],
)
def test_a_task_that_nothing_runs(project: Project, gate: str, told: str) -> None:
    project.change(MIX)
    project.change(f"gates: ['{gate}']")
    assert project.problems() == ([f"scenarios/s.yaml:{told}"] if told else [])


def test_a_task_where_there_are_none(project: Project) -> None:
    project.change("gates: ['lost(task=add) == 0']")
    assert project.problems() == [
        'scenarios/s.yaml:6:20: gate "lost(task=add) == 0": no workload here runs a task "add", or '
        "any of your own: a gate on lost is one on the whole"
    ]


GROUPS = (
    "workers: {fast: {queues: [urgent, celery]}, slow: {queues: [reports]}}",
    "workloads: [{workload: add, options: {queue: urgent}}]",
)


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        ("lost(queue=urgent) == 0", ""),
        ("busy_share(group=slow) < 0.9", ""),
        (
            "lost(queue=urgnet) == 0",
            'no cell here has a queue "urgnet" (did you mean "urgent"?); there are urgent, celery, '
            "reports",
        ),
        (
            "busy_share(group=quick) < 0.9",
            'no configuration here has a group of workers "quick"; there are fast, slow',
        ),
    ],
)
def test_a_queue_and_a_group_that_nobody_has(project: Project, gate: str, told: str) -> None:
    workers, workloads = GROUPS
    project.configuration(f"{CONFIGURATION}{workers}\n")
    project.change(workloads)
    project.change(f"gates: ['{gate}']")
    found = project.problems()
    assert [one.partition(": gate ")[2].partition(": ")[2] for one in found] == [told] * bool(told)


def test_one_queue_is_no_queue_of_a_gate(project: Project) -> None:
    project.change("gates: ['lost(queue=celery) == 0']")
    assert project.problems() == [
        'scenarios/s.yaml:6:21: gate "lost(queue=celery) == 0": no cell here has a queue "celery", '
        "or several queues: a gate on lost is one on the whole"
    ]


def test_a_task_of_the_matrix(project: Project) -> None:
    project.change("workloads: [{workload: task, app: shop, task: shop.add}]")
    project.change("matrix: {workload.task: [shop.add, shop.mail]}")
    project.change("gates: ['lost(task=shop.mail) == 0']")
    assert project.problems() == []


# --- over time ------------------------------------------------------------------------------------


def nightly(night: int, ran_s: float) -> RunRecord:
    record = plain_run(night, 500)
    blocks = tuple(
        one.model_copy(update={"by_task": (own(ADD, ran_s), own(MAIL, 0.05))})
        for one in record.blocks
    )
    return record.model_copy(
        update={"cells": (record.cells[0].model_copy(update={"blocks": blocks}),)}
    )


def test_a_history_of_one_task(tmp_path: Path) -> None:
    runs = [nightly(night, 0.004 + night / 1000) for night in range(3)]
    (series,) = over_time(tmp_path, runs, metric="p50(phase.run, task=shop.tasks.add)").series
    assert series.values == pytest.approx([0.004, 0.005, 0.006])


def test_a_history_of_a_queue_that_no_run_has(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        over_time(tmp_path, [nightly(0, 0.004)], metric="lost(queue=urgent)")
    assert str(caught.value) == 'no run of nightly has a queue "urgent", or several queues'


def test_a_history_of_a_task_that_no_run_has(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        over_time(tmp_path, [nightly(0, 0.004)], metric="lost(task=shop.tasks.ad)")
    assert str(caught.value) == (
        'no run of nightly has a task "shop.tasks.ad" (did you mean "shop.tasks.add"?); there are '
        "mail, shop.tasks.add"
    )
