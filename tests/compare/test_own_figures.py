"""The tasks' own figures in comparisons: the task that changed leads, and the rest is as before."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.verdict import comparison_exit_code, exit_code, regressions
from harness.errors import ExitCode
from harness.report.answer.answer import answer_of
from harness.report.answer.findings import findings
from harness.report.answer.naming import names_of
from harness.report.answer.verdicts import task_sentences
from harness.report.formats.comparing import Format, render
from harness.report.registry import render as report_of
from harness.report.view.cells import view_of
from harness.report.words.look import Look
from harness.results.judge.compare import compare_run, pair_ratios
from harness.results.judge.own_figures import UNDECIDED
from harness.results.judge.phrases import SHOWN_ONLY
from harness.results.record.comparison import Comparison, ComparisonReport, EqualRateRecord
from harness.results.record.run import BlockRecord, RunRecord
from harness.runner.order import interleaved
from tests.compare.mixes import ADD, BASE, TASKS, Function, mixed_run
from tests.compare.runs import ratio_run
from tests.report.made.divided import group_block, part, pool_block
from tests.report.made.records import cell, run, spread_around

SLOW = {**TASKS, "shop.add": replace(ADD, run_s=0.0104)}
"""One of ten tasks sleeps 10 ms."""


def judged(head: Mapping[str, Function], **how: object) -> tuple[RunRecord, ComparisonReport]:
    record = mixed_run(TASKS, head, **how)  # type: ignore[arg-type] # passed on
    report = compare_run(record, base="ab=base")
    return record.model_copy(update={"comparison": report}), report


def named(report: ComparisonReport, metric: str) -> Comparison:
    (found,) = [one for one in report.comparisons if one.metric == metric]
    return found


def of_tasks(report: ComparisonReport) -> list[Comparison]:
    return [one for one in report.comparisons if one.own]


# --- sides with other groups of workers -----------------------------------------------------------


def _divided(pairs: int = 6, *, groups: bool = True) -> ComparisonReport:
    """Fast tasks take 0.9 s in one pool and 25 ms in two groups, slow ones 2.4 s and 3.6 s."""
    order = interleaved([pairs, pairs], seed=7)
    blocks: tuple[list[BlockRecord], list[BlockRecord]] = ([], [])
    for number, index in enumerate(order):
        noise = 1 + 0.01 * (number % 5)
        times = ((0.9, 2.4), (0.025, 3.6))[index]
        parts = tuple(
            part(name, 100, run_s, took_s, latency_s=spread_around(took_s * noise, 100))
            for name, run_s, took_s in zip(("fast", "slow"), (0.02, 2.0), times, strict=True)
        )
        made = group_block if index and groups else pool_block
        block = made(number, index).model_copy(
            update={"by_task": parts, "repetition": len(blocks[index])}
        )
        blocks[index].append(block)
    axes = ({"workers": "one"}, {"workers": "two"})
    cells = [
        cell(f"redis[workers={word}]/mix/closed-8", *found, axes=own_axes)
        for word, found, own_axes in zip(("one", "two"), blocks, axes, strict=True)
    ]
    return compare_run(run(*cells, order=tuple(order)), base="workers=one")


def test_latency_is_judged_part_by_part_where_groups_differ() -> None:
    report = _divided()
    fast, slow = (named(report, f"p50(latency.total, task={one})") for one in ("fast", "slow"))
    assert (fast.verdict, slow.verdict) == ("faster", "slower")
    assert (fast.judged, fast.own, fast.pairs) == (True, True, 6)
    assert fast.ratio == pytest.approx(36, rel=0.05)
    tail = named(report, "p99(latency.total, task=fast)")
    assert (tail.judged, tail.reason) == (False, SHOWN_ONLY)
    assert tail.ratio == pytest.approx(36, rel=0.05)


def test_without_other_groups_latency_is_that_of_the_whole() -> None:
    found = [one.metric for one in _divided(groups=False).comparisons]
    assert not [name for name in found if name.startswith(("p50(latency", "p99(latency"))]


# --- one task that changed ------------------------------------------------------------------------


def test_the_task_that_became_slower_leads() -> None:
    """By six pairs, of a mix of ten."""
    _, report = judged(SLOW, pairs=6, spread=0.05)
    first, *others = report.comparisons
    assert (first.metric, first.task, first.verdict) == (
        "p50(phase.run, task=shop.add)",
        "shop.add",
        "regression",
    )
    assert (first.base_value, first.head_value) == pytest.approx((120e-6, 10.4e-3), rel=0.2)
    assert not any(one.own and one.verdict == "regression" for one in others)
    sentence, *_ = regressions(report)
    assert ": shop.add: run 12" in sentence
    assert " us -> 10." in sentence


def test_it_is_said_everywhere(tmp_path: Path) -> None:
    record, report = judged(SLOW, spread=0.0)
    words = "shop.add: run 120 us -> 10.4 ms"
    forms: tuple[Format, ...] = ("text", "md")
    for form in forms:
        text = render(report, form)
        assert words in text.replace("\\", "").replace("&gt;", ">"), form
        assert "CPU: no change in 10, run: no change in 9" in " ".join(text.split())
    sentence = answer_of(view_of(record, tmp_path, {})).told[0]
    assert sentence.text.startswith(f"REGRESSION: {words}")
    assert (sentence.flagged, sentence.figures) == (True, ("p50(phase.run, task=shop.add)",))
    junit = ET.fromstring(report_of(record, tmp_path, "junit", Look()))  # noqa: S314 - our own
    (case,) = [
        one
        for one in junit.iter("testcase")
        if one.get("name", "").startswith("p50(phase.run, task=shop.add) [")
    ]
    (failure,) = case.iter("failure")
    assert words in failure.get("message", "")
    rows = json.loads(render(report, "json"))["comparisons"]
    assert [row["task"] for row in rows if row["metric"].startswith("mean(task_cpu")] == [*TASKS]
    assert render(report, "csv").count("p50(phase.run, task=") == 10
    assert exit_code(record) == ExitCode.REGRESSION
    assert pair_ratios(record, report.comparisons[0]) == pytest.approx([120e-6 / 10.4e-3] * 10)


def test_a_task_that_only_sleeps_longer_is_no_change_of_cpu() -> None:
    """Going to sleep and waking up cost CPU time, also more than the smallest change."""
    waits = {**TASKS, "shop.add": Function(0.0304, ADD.cpu_s + 0.0008)}
    _, report = judged(waits)
    assert named(report, "p50(phase.run, task=shop.add)").verdict == "regression"
    assert named(report, "mean(task_cpu, task=shop.add)").verdict == "no_change"


def test_a_task_that_computes_is_one() -> None:
    computes = {**TASKS, "shop.add": Function(0.0104, ADD.cpu_s + 0.009)}
    _, report = judged(computes)
    assert [one.metric for one in report.comparisons[:2]] == [
        "mean(task_cpu, task=shop.add)",
        "p50(phase.run, task=shop.add)",
    ]
    assert {one.verdict for one in report.comparisons[:2]} == {"regression"}


def test_a_change_of_microseconds_is_none() -> None:
    """Neither way, however sure it is."""
    other = {**TASKS, "shop.add": Function(ADD.run_s * 1.5, ADD.cpu_s / 2)}
    _, report = judged(other, spread=0.001)
    assert {one.verdict for one in of_tasks(report) if one.judged} == {"no_change"}


def test_a_task_that_became_faster() -> None:
    _, report = judged({**TASKS, "shop.t9": Function(0.009, 0.009)})
    first = report.comparisons[0]
    assert (first.task, first.verdict) == ("shop.t9", "improved")


# --- the whole's verdicts -------------------------------------------------------------------------


def whole(report: ComparisonReport) -> list[Comparison]:
    return [one for one in report.comparisons if not one.own]


@pytest.mark.parametrize("spread", [0.02, 0.1, 0.4])
def test_verdicts_on_the_whole_are_those_without_tasks(spread: float) -> None:
    record = mixed_run(TASKS, TASKS, spread=spread)
    bare = [
        cell.model_copy(
            update={"blocks": tuple(b.model_copy(update={"by_task": ()}) for b in cell.blocks)}
        )
        for cell in record.cells
    ]
    without = record.model_copy(update={"cells": tuple(bare)})
    found, expected = (compare_run(one, base="ab=base") for one in (record, without))
    assert whole(found) == whole(expected)
    assert found.geometric_means == expected.geometric_means
    assert found.groups == expected.groups


def test_what_is_undecided_of_a_task_asks_for_nothing() -> None:
    """No further pairs, no exit code, no count among the verdicts."""
    noisy = {name: replace(one, run_s=one.run_s * 1.1) for name, one in TASKS.items()}
    _, report = judged(noisy, spread=0.25)
    undecided = [one for one in of_tasks(report) if one.reason == UNDECIDED]
    assert undecided
    assert not any(one.judged for one in undecided)
    calm = report.model_copy(update={"comparisons": tuple(undecided) + ratio_report()})
    assert comparison_exit_code(calm, strict=True) == ExitCode.PASS


def ratio_report() -> tuple[Comparison, ...]:
    return compare_run(ratio_run(1.0), base="redis").comparisons


def test_one_kind_of_unit_has_the_functions_figures_of_the_cell() -> None:
    report = compare_run(ratio_run(1.0), base="redis")
    assert [(one.metric, one.task, one.verdict) for one in of_tasks(report) if one.judged] == [
        ("phase.run.p50", "", "no_change")
    ]
    assert not named(report, "phase.dispatch.p50").judged


# --- sound pairs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("good", "reason"),
    [(0, "without one good unit of the task"), (49, "units of the task that went wrong")],
)
def test_a_task_without_good_units_is_not_judged(good: int, reason: str) -> None:
    """One failure of 500 is sound for the whole, and not for a task of 50 units."""
    failing = {**TASKS, "shop.add": replace(ADD, run_s=0.0104, good=good)}
    _, report = judged(failing)
    one = named(report, "p50(phase.run, task=shop.add)")
    assert (one.pairs, one.judged, one.left_out) == (0, False, {reason: 10})
    assert named(report, "p50(phase.run, task=shop.t1)").pairs == 10


def test_without_pairs_side_by_side_no_task_is_judged() -> None:
    _, report = judged(SLOW, order=[0] * 10 + [1] * 10)
    assert not any(one.judged for one in of_tasks(report))


def test_a_task_is_judged_at_both_loads_of_an_ab_run() -> None:
    """At the rate that both sides were to hold it may have no sound pair."""
    record = mixed_run(TASKS, SLOW)
    told = EqualRateRecord(
        own=BASE, at_rate="elsewhere", base_per_s=100, head_per_s=90, rate_per_s=60, share=0.7
    )
    cells = tuple(one.model_copy(update={"equal_rate": told}) for one in record.cells)
    report = compare_run(record.model_copy(update={"cells": cells}), base="ab=base")
    assert not named(report, "worker_cpu").judged
    assert report.comparisons[0].task == "shop.add"
    assert report.comparisons[0].verdict == "regression"


def test_a_task_that_changed_at_two_loads_is_told_once() -> None:
    record = mixed_run(TASKS, SLOW)
    view = view_of(record, Path("nowhere"), {})
    names = names_of(view)
    [closed] = findings(view, compare_run(record, base="ab=base"), names)
    at_rate = replace(closed, names=replace(closed.names, where=" in mix/rate-60"))
    closed = replace(closed, names=replace(closed.names, where=" in mix/closed-8"))
    [alone] = task_sentences([closed])
    [told] = task_sentences([closed, at_rate])
    assert alone.text.startswith("REGRESSION: shop.add: run ")
    assert alone.text.endswith(" in mix/closed-8.")
    assert told.text == f"{alone.text.removesuffix('.')} and in mix/rate-60."
    other = replace(at_rate, names=replace(at_rate.names, head="another"))
    assert len(list(task_sentences([closed, other]))) == 2
