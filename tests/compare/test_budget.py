"""When a comparison gets more pairs: at fixed looks, while undecided, and while time is left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.results.judge.compare import compare_run
from harness.results.record.distributions import Distribution
from harness.results.record.run import RunRecord
from harness.runner.adaptive import Budget
from harness.runner.order import interleaved
from harness.scenario.models.scenario import Plan
from harness.stats.looks import confidence_of
from tests.compare.runs import measured
from tests.report.made.records import cell, run
from tests.scenario.project import CONFIGURATION, Project, make_project

LOOKS = (6, 8, 12)
NOISY = (0.2, -0.2, 0.15, -0.15, 0.1, -0.1)
"""Log deviations that leave six pairs undecided."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make_project(tmp_path)
    for name in ("same", "noisy"):
        made.configuration(CONFIGURATION.replace("name: c", f"name: {name}"), name)
    made.change("configurations: [c, same, noisy]")
    return made


@pytest.fixture
def plan(project: Project) -> Plan:
    return _planned(project, "")


def _planned(project: Project, more: str) -> Plan:
    looks = f"looks: [{', '.join(map(str, LOOKS))}]"
    project.change(f"compare: {{pairs: {{min: 6, max: 12}}, {looks}{more}}}")
    return project.plan()


def _measured(plan: Plan, order: Sequence[int]) -> RunRecord:
    """`same` is like the base within a thousandth, `noisy` is anything."""
    blocks: list[list[object]] = [[], [], []]
    for number, index in enumerate(order):
        repetition = len(blocks[index])
        noise = NOISY[repetition % len(NOISY)] if index == 2 else 0.001 * (-1) ** repetition
        blocks[index].append(measured(number, index, repetition, 500 * math.exp(noise)))
    cells = [
        cell(one.name, *found)  # type: ignore[arg-type] # blocks, by construction
        for one, found in zip(plan.cells, blocks, strict=True)
    ]
    scenario = plan.scenario.model_dump(mode="json")
    return run(*cells, order=tuple(order), scenario=scenario, seed=4)


def test_the_first_look_is_measured_by_all(plan: Plan) -> None:
    assert Budget(plan).blocks() == [6, 6, 6]


def test_pairs_are_added_up_to_the_next_look_for_the_undecided_only(plan: Plan) -> None:
    budget, order = Budget(plan), interleaved([6, 6, 6], seed=4)
    sizes = [6]
    while more := budget.more(_measured(plan, order), elapsed_s=60):
        assert set(more) == {0, 2}
        order += more
        sizes.append(order.count(2))
        assert (order.count(0), order.count(1)) == (order.count(2), 6)
    assert tuple(sizes) == LOOKS
    report = compare_run(_measured(plan, order))
    assert report.interleaved
    verdicts = {
        (one.head.split("/")[0], one.pairs, one.verdict)
        for one in report.judged
        if one.metric in ("throughput", "latency.total.p50", "worker_cpu")  # the noisy ones
    }
    assert verdicts == {("same", 6, "no_difference"), ("noisy", 12, "inconclusive")}
    assert report.comparisons[0].confidence == pytest.approx(confidence_of(LOOKS))
    assert not report.out_of_time


def test_pairs_that_would_not_be_done_in_time_are_not_begun(project: Project) -> None:
    """18 blocks in four minutes; the next look asks for four more, and so for 53 s."""
    order = interleaved([6, 6, 6], seed=4)
    in_time, too_late = (_planned(project, f", minutes: {minutes}") for minutes in (5, 4.8))
    assert len(Budget(in_time).more(_measured(in_time, order), elapsed_s=240)) == 4
    record = _measured(too_late, order)
    assert Budget(too_late).more(record, elapsed_s=240) == ()
    assert compare_run(record).out_of_time


def test_what_failed_once_is_not_measured_again(plan: Plan) -> None:
    record = _measured(plan, interleaved([6, 6, 6], seed=4))
    *others, noisy = record.cells
    failed = noisy.blocks[-1].model_copy(update={"status": "failed"})
    broken = noisy.model_copy(update={"blocks": (*noisy.blocks[:-1], failed)})
    record = record.model_copy(update={"cells": (*others, broken)})
    assert Budget(plan).more(record, elapsed_s=60) == ()


def test_where_no_pair_has_a_figure_more_of_them_do_not_help(plan: Plan) -> None:
    """Every task of a configuration fails: its blocks are whole, and have no figures."""
    record = _measured(plan, interleaved([6, 6, 6], seed=4))
    *others, noisy = record.cells
    nothing = {"throughput_per_s": None, "latency_s": Distribution(count=0)}
    blocks = [
        one.model_copy(update=nothing | {"worker_cpu_ms_per_task": None}) for one in noisy.blocks
    ]
    broken = noisy.model_copy(update={"blocks": tuple(blocks)})
    record = record.model_copy(update={"cells": (*others, broken)})
    assert {one.reason for one in compare_run(record).judged} == {"", "no pair has this figure"}
    assert Budget(plan).more(record, elapsed_s=60) == ()


def test_a_fixed_number_of_pairs_is_never_added_to(project: Project) -> None:
    project.change("compare: {}")
    project.change("measure: {units: 5, blocks: 6}")
    plan = project.plan()
    assert Budget(plan).blocks() == [6, 6, 6]
    record = _measured(plan, interleaved([6, 6, 6], seed=4))
    assert Budget(plan).more(record, elapsed_s=60) == ()
