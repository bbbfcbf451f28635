"""What no verdict may rest on: blocks without good units, costs at other rates, emulators."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli.verdict import comparison_exit_code, exit_code, failures
from harness.report.tables.verdicts import comparison_table, gate_counts, verdict_counts
from harness.results.judge.comparability import unlike_rates
from harness.results.judge.compare import compare_run
from harness.results.judge.emulators import with_emulators
from harness.results.judge.gates import MeasuredRun, evaluate, failed_gates
from harness.results.judge.metrics import metric_named
from harness.results.record.comparison import Comparison, ComparisonReport
from harness.results.record.distributions import Outcomes
from harness.results.record.run import BlockRecord, RunRecord
from tests.compare.runs import HEAD, ratio_run

Change = Callable[[int, BlockRecord], dict[str, Any]]


def _head(record: RunRecord, change: Change) -> RunRecord:
    base, head = record.cells
    blocks = tuple(
        one.model_copy(update=change(number, one)) for number, one in enumerate(head.blocks)
    )
    return record.model_copy(update={"cells": (base, head.model_copy(update={"blocks": blocks}))})


def _one(report: ComparisonReport, metric: str = "throughput") -> Comparison:
    (found,) = [one for one in report.comparisons if one.metric == metric]
    return found


def _at(rate: float, cpu_ms: float) -> Change:
    def change(_: int, one: BlockRecord) -> dict[str, Any]:
        noise = (one.throughput_per_s or 0) / 500
        return {
            "throughput_per_s": rate * noise,
            "tasks_per_s": rate * noise,
            "worker_cpu_ms_per_task": cpu_ms / noise,
        }

    return change


def _cpu(rate: float, cpu_ms: float, margin: float = 0.05) -> Comparison:
    """Of a base with 500 tasks/s at 2 ms each."""
    record = ratio_run(1.0)
    base = _head(record.model_copy(update={"cells": record.cells[::-1]}), _at(500, 2.0)).cells[1]
    record = record.model_copy(update={"cells": (base, record.cells[1])})
    return _one(compare_run(_head(record, _at(rate, cpu_ms)), margin=margin), "worker_cpu")


@pytest.mark.parametrize(("rate", "cpu_ms"), [(150, 2.7), (90, 3.2), (400, 2.2)])
def test_a_change_that_sleeps_is_no_regression_of_cpu(rate: float, cpu_ms: float) -> None:
    """More per task, less per second: workers wait more."""
    one = _cpu(rate, cpu_ms)
    assert not one.judged
    assert one.verdict == "inconclusive"
    assert one.reason.startswith("depends on the rate, which was 501/s and ")


@pytest.mark.parametrize(("rate", "cpu_ms"), [(170, 11.5), (420, 2.5), (500, 2.4)])
def test_a_change_that_computes_is_one(rate: float, cpu_ms: float) -> None:
    assert (_cpu(rate, cpu_ms).judged, _cpu(rate, cpu_ms).verdict) == (True, "regression")


def _block(rate: float, cpu_ms: float) -> list[BlockRecord]:
    [one, *_] = ratio_run(1.0).cells[0].blocks
    return [one.model_copy(update={"tasks_per_s": rate, "worker_cpu_ms_per_task": cpu_ms})]


WORKER_CPU = metric_named("worker_cpu")
MARGINS = pytest.mark.parametrize("margin", [0.02, 0.05, 0.2])


@MARGINS
@pytest.mark.parametrize("share", [0.1, 0.3, 0.43, 0.5])
def test_waiting_alone_is_never_a_change_of_cpu(share: float, margin: float) -> None:
    """However much longer tasks wait, or shorter, and however narrow the margin: what is judged
    differs by less than it. A cost shows a share of the rate's change (`GIVES_WAY`)."""
    least, base = -math.log1p(-margin), _block(500, 2.0)
    for faster in (step / 100 for step in range(-150, 150)):
        dearer = -share * faster
        head = _block(500 * math.exp(faster), 2.0 * math.exp(dearer))
        if not unlike_rates(WORKER_CPU, base, head, margin):
            assert abs(dearer) <= least + 1e-9, faster


@MARGINS
@pytest.mark.parametrize("hidden", [0.0, 0.5, 1.0])
def test_computing_alone_is_always_judged(hidden: float, margin: float) -> None:
    """A task that computes more takes its time from that in which workers waited (`hidden`: all of
    it), or from the rate: what is spent per second does not fall."""
    for dearer in (0.01, 0.1, 0.5, 2.0):
        head = _block(500 * math.exp(-dearer * (1 - hidden)), 2.0 * math.exp(dearer))
        assert not unlike_rates(WORKER_CPU, _block(500, 2.0), head, margin)


def test_rates_alike_are_judged_whatever_the_direction() -> None:
    assert (_cpu(490, 2.01).judged, _cpu(490, 2.01).verdict) == (True, "no_change")
    assert (_cpu(490, 2.2).judged, _cpu(490, 2.2).verdict) == (True, "regression")
    assert (_cpu(460, 2.2).judged, _cpu(460, 2.2).verdict) == (True, "regression")


def test_cheaper_tasks_at_a_higher_rate_are_no_merit_of_theirs() -> None:
    assert not _cpu(900, 1.6).judged
    assert (_cpu(520, 1.6).judged, _cpu(520, 1.6).verdict) == (True, "improved")


def test_costs_that_are_no_figures_of_one_task_do_not_ask_for_rates() -> None:
    blocks = ratio_run(1.0).cells[0].blocks
    slow = [one.model_copy(update={"tasks_per_s": 1.0}) for one in blocks]
    for name in ("throughput", "worker_rss", "latency.total.p50"):
        assert unlike_rates(metric_named(name), blocks, slow) == ""
    for name in ("client_cpu", "broker_cpu", "traffic.redis.commands", "dollars_per_million"):
        assert metric_named(name).per_task


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"outcomes": Outcomes(failed=300)}, "without one good unit"),
        ({"outcomes": Outcomes(ok=970, lost=30)}, "units that went wrong"),
        ({"outcomes": Outcomes(ok=1000), "duplicated": 11}, "units that went wrong"),
        ({"outcomes": Outcomes(ok=1000), "client_limited": True}, "client too slow"),
        ({"outcomes": Outcomes(ok=1000), "slices": 8}, "only one of them a twin"),
    ],
)
def test_unsound_pairs_are_left_out_and_said(changes: dict[str, Any], reason: str) -> None:
    report = compare_run(_head(ratio_run(1.0), lambda number, _: changes if number < 3 else {}))
    one = _one(report)
    assert (one.pairs, one.left_out) == (7, {reason: 3})
    assert f"3 pairs left out: 3 {reason}" in str(comparison_table(report))
    nothing = compare_run(_head(ratio_run(1.0), lambda *_: changes))
    assert verdict_counts(nothing) == "3 without a verdict"
    assert _one(nothing, "worker_cpu").reason == "no sound pair"


def test_figures_that_are_no_numbers_are_no_pairs() -> None:
    for value in (math.nan, math.inf, 0.0):
        report = compare_run(_head(ratio_run(1.0), lambda *_, v=value: {"throughput_per_s": v}))
        assert (_one(report).pairs, _one(report).verdict) == (0, "inconclusive")


# --- emulators ------------------------------------------------------------------------------------


def _emulated(record: RunRecord) -> RunRecord:
    base, head = record.cells
    servers = {
        role: one.model_copy(update={"emulator": True, "product": "ministack (SQS emulator)"})
        for role, one in head.servers.items()
    }
    cells = (base, head.model_copy(update={"servers": servers}))
    return record.model_copy(update={"cells": cells})


def test_an_emulator_has_the_word_and_no_exit_code() -> None:
    record = _emulated(ratio_run(0.5))
    report = compare_run(record)
    assert not report.judged
    assert [comparison_exit_code(report, strict=strict) for strict in (False, True)] == [0, 0]
    table = comparison_table(report)
    assert "rabbitmq (emulator) against " in table.sections[0].title
    assert "not judged: an emulator" in str(table)
    gates = evaluate(["throughput > 1000", "lost == 0"], MeasuredRun(record, Path()))
    of_it = [one for one in gates if one.cell == HEAD]
    assert [(one.passed, one.judged) for one in of_it] == [(False, False), (True, False)]
    assert [one.cell for one in failed_gates(gates)] == [record.cells[0].name]
    assert gate_counts(of_it) == "2 not judged"
    judged = record.model_copy(update={"comparison": report, "gates": tuple(of_it)})
    assert (exit_code(judged), list(failures(judged))) == (0, [])


def test_a_stored_run_that_judged_an_emulator_does_so_no_more() -> None:
    plain = ratio_run(0.5)
    gates = evaluate(["throughput > 300"], MeasuredRun(plain, Path()))
    stored = _emulated(plain).model_copy(update={"comparison": compare_run(plain), "gates": gates})
    assert exit_code(stored) == 1
    read = with_emulators(stored)
    assert exit_code(read) == 0
    assert [one.judged for one in read.gates] == [True, False]
