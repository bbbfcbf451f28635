"""Gates on records: whose figures, over which blocks, and what cannot be said."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from harness.cli.verdict import exit_code, failures
from harness.errors import UsageError
from harness.report.tables.verdicts import gate_failure
from harness.results.judge.gates import MeasuredRun, evaluate, failed_gates
from harness.results.record.comparison import GateResult
from harness.results.record.distributions import Distribution, Outcomes
from harness.results.record.faults import FaultRecord
from harness.results.record.periodic import Periodic
from harness.results.record.run import RunRecord
from harness.scenario.models.gate_tokens import GateSyntaxError
from harness.scenario.models.gates import parse_gate
from tests.report.made.records import (
    ENVIRONMENT,
    backlog_block,
    block,
    cell,
    run,
    spread_around,
    write_units,
)

NAME = "redis/add/closed-8"
MS = 1_000_000


def _gate(text: str, record: RunRecord, folder: Path, **others: object) -> GateResult:
    [found] = evaluate([text], MeasuredRun(record, folder), **others)  # type: ignore[arg-type] # passed on
    return found


@pytest.mark.parametrize(
    ("text", "value", "passed"),
    [
        ("p99(latency.total) < 250ms", 0.0256, True),
        ("p99(latency.total) < 25ms", 0.0256, False),
        ("max(phase.queue) <= 8ms", 0.008, True),
        ("mean(phase.schedule) == 0s", 0.0, True),
        ("mean(call.publish) < 2ms", 0.0021, False),
        ("throughput >= 500", 500.0, True),
        ("throughput.tasks > 500", 500.0, False),
        ("worker_cpu < 1.5ms", 0.0015, False),
        ("worker_memory < 200MiB", 150e6, True),
        ("client_memory < 40MiB", 45e6, False),
        ("window <= 2s", 2.0, True),
        ("units == 1000", 1000.0, True),
        ("ok == 1000", 1000.0, True),
        ("published_tasks == 1000", 1000.0, True),
        ("missed == 0", 0.0, True),
        ("lost == 0", 0.0, True),
    ],
)
def test_one_block(text: str, value: float, passed: bool, tmp_path: Path) -> None:
    found = _gate(text, run(cell(NAME, block(0, 0))), tmp_path)
    assert (found.gate, found.cell, found.passed, found.reason) == (text, NAME, passed, "")
    assert found.value == pytest.approx(value)


def test_several_blocks(tmp_path: Path) -> None:
    """Rates are medians, counts are sums, means weigh each unit, failed blocks count units."""
    blocks = (
        block(0, 0, throughput_per_s=400.0, outcomes=Outcomes(ok=999, lost=1)),
        block(1, 0, throughput_per_s=500.0, latency_s=Distribution(count=3000, mean=0.032)),
        block(2, 0, throughput_per_s=900.0, status="failed", outcomes=Outcomes(ok=5, lost=7)),
    )
    record = run(cell(NAME, *blocks))
    assert _gate("throughput > 1", record, tmp_path).value == 450.0
    assert _gate("lost == 0", record, tmp_path).value == 8.0
    mean = _gate("mean(latency.total) < 1s", record, tmp_path).value
    assert mean == pytest.approx((0.016 * 1000 + 0.032 * 3000) / 4000)


def test_percentiles_of_several_blocks_are_of_all_samples(tmp_path: Path) -> None:
    write_units(tmp_path, 0, [n * MS for n in range(1, 100)])
    write_units(tmp_path, 1, [1000 * MS])
    blocks = (
        block(0, 0, latency_s=Distribution(count=99, p99=0.099)),
        block(1, 0, latency_s=Distribution(count=1, p99=1.0)),
    )
    found = _gate("p99(latency.total) < 100ms", run(cell(NAME, *blocks)), tmp_path)
    assert (found.value, found.passed) == (0.099, True)


def test_percentiles_without_kept_samples_are_the_median_of_the_blocks(tmp_path: Path) -> None:
    """Of canvas, tracking and schedules; the mean is that of all samples all the same."""
    blocks = [
        block(n, 0, canvas_s={"hop": spread_around(mean, 100 * (n + 1))})
        for n, mean in enumerate((0.1, 0.5, 0.2))
    ]
    record = run(cell(NAME, *blocks))
    p50 = _gate("canvas.hop.p50 < 300ms", record, tmp_path)
    assert (p50.value, p50.passed) == (0.2, True)
    mean = _gate("mean(canvas.hop) < 300ms", record, tmp_path).value
    assert mean == pytest.approx((0.1 * 100 + 0.5 * 200 + 0.2 * 300) / 600)
    assert _gate("max(canvas.hop) < 1s", record, tmp_path).value == 1.0


def test_figures_of_all_kinds_of_workloads(tmp_path: Path) -> None:
    """Tracking, schedules and traffic are in the record's own units there, in base units here."""
    made = block(
        0,
        0,
        tracking_s={"learned_late": spread_around(0.01, 10)},
        periodic=Periodic(entries=1, fires=7, due_to_sent_s=spread_around(0.2, 7)),
        traffic={"redis.commands": 18.0, "redis.bytes_in": 3000.0, "redis.bytes_out": 1000.0},
        idle_traffic={"redis.commands": 3.0},
    )
    record = run(cell(NAME, made))
    for text, value in (
        ("tracking.learned_late.p99 < 1s", 0.016),
        ("p50(periodic.due_to_sent) < 1s", 0.2),
        ("periodic.fires == 7", 7.0),
        ("traffic.redis.commands < 20", 18.0),
        ("traffic.commands < 20", 15.0),
        ("traffic.bytes < 5KiB", 4000.0),
        ("per_call.worker_cpu < 2ms", 0.0015),
    ):
        found = _gate(text, record, tmp_path)
        assert found.value == pytest.approx(value), text
        assert found.passed is True, text


def test_what_is_wanted_has_no_value_where_it_is_not(tmp_path: Path) -> None:
    """What can only go wrong is zero there."""
    record = run(cell(NAME, block(0, 0)))
    found = _gate("periodic.fires > 0", record, tmp_path)
    assert (found.passed, found.reason) == (None, "this cell has no periodic.fires")
    assert _gate("periodic.slipped == 0", record, tmp_path).passed is True


def test_percentiles_are_not_averaged_where_samples_are_missing(tmp_path: Path) -> None:
    record = run(cell(NAME, block(0, 0), block(1, 0)))
    found = _gate("p99(latency.total) < 1s", record, tmp_path)
    assert found.passed is None
    assert "percentiles cannot be averaged" in found.reason


def test_a_cell_without_the_figure_is_not_evaluated(tmp_path: Path) -> None:
    cells = (cell(NAME, block(0, 0)), cell("redis/add/backlog", backlog_block(1, 1)))
    results = evaluate(["max(phase.result) < 1s"], MeasuredRun(run(*cells), tmp_path))
    assert [one.passed for one in results] == [True, None]
    assert results[1].reason == "this cell has no samples of phase.result"
    assert failed_gates(results) == ()


def test_a_gate_that_no_cell_can_answer_fails(tmp_path: Path) -> None:
    """It would pass for ever otherwise."""
    record = run(cell("redis/add/backlog", backlog_block(0, 0)))
    results = evaluate(["p99(phase.result) < 1s"], MeasuredRun(record, tmp_path))
    assert failed_gates(results) == results
    record = record.model_copy(update={"gates": results})
    assert exit_code(record) == 1
    assert list(failures(record)) == [
        "gate p99(phase.result) < 1s fails in redis/add/backlog: not evaluated: this cell has no "
        "samples of phase.result"
    ]


def test_a_failed_gate_is_exit_code_1(tmp_path: Path) -> None:
    record = run(cell(NAME, block(0, 0)))
    results = evaluate(["throughput > 501", "lost == 0"], MeasuredRun(record, tmp_path))
    failed = record.model_copy(update={"gates": results})
    assert (exit_code(record), exit_code(failed)) == (0, 1)
    assert list(failures(failed)) == [
        f"gate throughput > 501 fails in {NAME}: 500/s, wanted > 501/s"
    ]


# --- baseline -----------------------------------------------------------------------------------


def _with_throughput(rate: float, **changes: object) -> RunRecord:
    return run(cell(NAME, block(0, 0, throughput_per_s=rate)), **changes)  # type: ignore[arg-type] # passed on


@pytest.mark.parametrize(("rate", "passed"), [(480.0, True), (475.0, False), (470.0, False)])
def test_baseline(rate: float, passed: bool, tmp_path: Path) -> None:
    baseline = MeasuredRun(_with_throughput(500), tmp_path)
    found = _gate(
        "throughput > 0.95 * baseline", _with_throughput(rate), tmp_path, baseline=baseline
    )
    assert (found.passed, found.value) == (passed, rate)
    assert found.limit == pytest.approx(475)


def test_without_a_baseline_the_gate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--baseline"):
        _gate("throughput > baseline", _with_throughput(500), tmp_path)


def test_an_unlike_baseline_is_not_used_unless_forced(tmp_path: Path) -> None:
    other = ENVIRONMENT.model_copy(update={"cores": 64})
    baseline = MeasuredRun(_with_throughput(500, environment=other), tmp_path)
    text, record = "throughput > 0.95 * baseline", _with_throughput(500)
    refused = _gate(text, record, tmp_path, baseline=baseline)
    assert refused.passed is None
    assert "cores: 64 / 2" in refused.reason
    forced = _gate(text, record, tmp_path, baseline=baseline, force=True)
    assert forced.passed is True
    assert "cores: 64 / 2" in forced.reason


def test_a_baseline_without_the_cell(tmp_path: Path) -> None:
    baseline = MeasuredRun(run(cell("redis/chain-2/closed-8", block(0, 0))), tmp_path)
    found = _gate("throughput > baseline", _with_throughput(500), tmp_path, baseline=baseline)
    assert found.passed is None
    assert "has no such cell" in found.reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("throughput > 1 / 0", "the limit divides by zero"),
        ("throughput > 1 / (2 - 2)", "the limit divides by zero"),
        ("p99(latency.total) < 1e308s * 1e308", "the limit is beyond all numbers"),
    ],
)
def test_a_limit_that_is_no_number_is_refused_before_anything_runs(text: str, said: str) -> None:
    with pytest.raises(GateSyntaxError, match=said):
        parse_gate(text)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_figure_that_is_no_number_is_not_evaluated(value: float, tmp_path: Path) -> None:
    found = _gate("throughput > 1", _with_throughput(value), tmp_path)
    assert (found.passed, found.reason) == (None, "the record's figure is no number")


def _fault(**fields: float | bool | None) -> FaultRecord:
    known = {"planned_at_s": 2.0, "begin_at_s": 2.0, "disturbed": True, "watched_s": 12.5}
    return FaultRecord.model_validate({"number": 0, "fault": "kill_worker", **known, **fields})


@pytest.mark.parametrize(
    ("faults", "text", "value", "passed", "reason"),
    [
        (
            (_fault(p99_back_s=3.0), _fault(p99_back_s=4.5)),
            "recovery.p99 < 4s",
            4.5,
            False,
            "",
        ),
        ((_fault(first_back_s=0.25),), "recovery.first < 1s", 0.25, True, ""),
        ((_fault(p99_back_s=0.0, disturbed=False),), "recovery.p99 < 1ms", 0.0, True, ""),
        (
            (_fault(p99_back_s=1.0), _fault(p99_back_s=None)),
            "recovery.p99 < 60s",
            None,
            False,
            "not while it was watched, for 12.5 s",
        ),
        (
            (_fault(begin_at_s=None), _fault(disturbed=None)),
            "recovery.p99 < 60s",
            None,
            None,
            "no fault was done of which it is known",
        ),
        ((), "recovery.first < 60s", None, None, "no fault was done of which it is known"),
    ],
)
def test_recovery(
    faults: tuple[FaultRecord, ...],
    text: str,
    value: float | None,
    passed: bool | None,
    reason: str,
    tmp_path: Path,
) -> None:
    """The longest of all blocks; what never recovered fails whatever the limit is."""
    blocks = (block(0, 0, faults=faults[:1]), block(1, 0, faults=faults[1:]))
    found = _gate(text, run(cell(NAME, *blocks)), tmp_path)
    assert (found.value, found.passed, found.reason) == (value, passed, reason)
    assert (found in failed_gates([found])) == (passed is not True)
    assert reason in gate_failure(found)
