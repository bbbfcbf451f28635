"""Costs at equal rates: which cells `harness ab` adds, at which rate, and what is judged where."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.cli.ab import _at_equal_rates
from harness.report.words.first_looks import equal_rate_words
from harness.results.judge.compare import compare_run
from harness.results.judge.gates import MeasuredRun, evaluate
from harness.results.record.comparison import EqualRateRecord
from harness.results.record.run import RunRecord
from harness.runner.order import interleaved
from harness.runner.prepare.ab import Effort, Frame, paired_plan, variant_of
from harness.runner.prepare.equal_rates import TrialBrokenOffError, with_equal_rates
from harness.runner.prepare.stored_plan import plan_of
from harness.runner.run import RunOptions, planned
from harness.scenario.models.scenario import Plan
from tests.compare.runs import measured
from tests.report.made.records import cell, run, spread_around
from tests.scenario.project import Project, make_project

ENVIRON = dict(os.environ)
BASE, HEAD = "c[ab=base]/add/closed-8", "c[ab=head]/add/closed-8"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


def paired(project: Project) -> Plan:
    sides = [
        variant_of((f"set:worker.count={count}",), Path.cwd(), ENVIRON) for count in ("1", "2")
    ]
    frame = Frame(project.scenario, (), (), None, ENVIRON)
    return paired_plan(frame, sides[0], sides[1], Effort())


class Trials:
    """Stands for runs: how fast a cell is at its own load, and up to which rate it keeps up."""

    def __init__(self, speeds: Mapping[str, float], holds_per_s: float = math.inf) -> None:
        self._speeds = speeds
        self._holds_per_s = holds_per_s
        self.asked: list[list[str]] = []

    def __call__(self, plan: Plan) -> RunRecord:
        self.asked.append([one.name for one in plan.cells])
        assert plan.scenario.compare is None
        cells = []
        for number, one in enumerate(plan.cells):
            assert one.measure.blocks == 1
            block = measured(number, number, 0, self._speeds.get(one.name, 100.0))
            rate = getattr(one.load, "rate", None)
            if rate is not None:
                behind = max(1.0, rate / self._holds_per_s)
                lasts_s = one.measure.duration or 0.0
                block = block.model_copy(
                    update={"window_s": lasts_s * behind, "latency_s": spread_around(0.01, 100)}
                )
            cells.append(cell(one.name, block))
        return run(*cells)


def test_costs_are_measured_at_half_of_what_the_slower_side_can_do(project: Project) -> None:
    trials = Trials({BASE: 400.0, HEAD: 301.0})
    found = with_equal_rates(paired(project), trials)
    rates = ["c[ab=base]/add/rate-150", "c[ab=head]/add/rate-150"]
    assert [one.name for one in found.cells] == [BASE, HEAD, *rates]
    # The slower side is asked whether it holds the rate.
    assert trials.asked == [[BASE, HEAD], ["c[ab=head]/add/rate-150"]]
    own, _, base, head = found.cells
    assert (base.load, base.measure) == (head.load, head.measure)
    assert (base.measure.units, base.measure.duration) == (None, 2.0)  # 1000 units at 500/s
    assert base.axes == own.axes
    told = head.equal_rate
    assert told is not None
    assert (told.own, told.at_rate, told.base_per_s, told.head_per_s) == (HEAD, rates[1], 400, 301)
    assert (told.share, told.rate_per_s) == (0.5, 150)


def test_a_rate_that_is_not_held_is_lowered_and_then_left_out(project: Project) -> None:
    plan = paired(project)
    lower = with_equal_rates(plan, Trials({BASE: 400.0, HEAD: 400.0}, holds_per_s=150))
    assert [one.name.rsplit("/", 1)[1] for one in lower.cells[2:]] == ["rate-120", "rate-120"]
    none = with_equal_rates(plan, Trials({BASE: 400.0, HEAD: 400.0}, holds_per_s=20))
    assert [one.name for one in none.cells] == [BASE, HEAD]
    told = none.cells[0].equal_rate
    assert told is not None
    assert (told.at_rate, told.rate_per_s, told.share) == ("", None, None)


def test_a_slow_rate_lasts_longer(project: Project) -> None:
    """Fifty units, but for no more than five seconds: 1000 units at 500/s last two."""
    for speed, lasts_s in ((40.0, 2.5), (8.0, 5.0), (400.0, 2.0)):
        found = with_equal_rates(paired(project), Trials({BASE: speed, HEAD: speed}))
        assert [one.measure.duration for one in found.cells[2:]] == [lasts_s, lasts_s]


def test_what_has_a_rate_or_needs_callers_is_measured_once(project: Project) -> None:
    project.change("loads: [closed, {load: rate, rate: 20/s, measure: {duration: 1s}}]")
    plan = paired(project)
    assert with_equal_rates(plan, _never) == plan
    project.change("loads: [closed, {load: closed, in_flight: 2}]")
    project.change("workloads: [add, tracking]")
    found = with_equal_rates(paired(project), Trials({}))
    added = [one.name for one in found.cells if one.name.endswith("/rate-50")]
    assert added == ["c[ab=base]/add/rate-50", "c[ab=head]/add/rate-50"]
    assert len(found.cells) == 8 + 2


def _never(plan: Plan) -> RunRecord:
    raise AssertionError(plan.source)


def test_a_trial_that_was_broken_off_is_told(project: Project) -> None:
    def interrupted(trial: Plan) -> RunRecord:
        return Trials({})(trial).model_copy(update={"status": "partial"})

    with pytest.raises(TrialBrokenOffError):
        with_equal_rates(paired(project), interrupted)


def test_the_plan_is_found_again_in_its_record(project: Project, tmp_path: Path) -> None:
    plan = with_equal_rates(paired(project), Trials({BASE: 400.0, HEAD: 300.0}))
    record = planned(plan, RunOptions(None, tmp_path, 1, tmp_path, ENVIRON))
    assert plan_of(record).cells == plan.cells


# --- what is judged where -----------------------------------------------------------------------


def _record(
    rate_block: Callable[[int, int, int], object], gates: tuple[str, ...] = ()
) -> RunRecord:
    """Heads do half as much at their own load, for they sleep; at the rate both cost the same."""
    names = [BASE, HEAD, "c[ab=base]/add/rate-100", "c[ab=head]/add/rate-100"]
    order = interleaved([8] * 4, seed=3)
    blocks: list[list[object]] = [[], [], [], []]
    for number, index in enumerate(order):
        repetition = len(blocks[index])
        noise = math.exp(0.002 * (-1) ** (repetition + index))
        if index < 2:
            made: object = measured(number, index, repetition, (400, 200)[index] * noise)
        else:
            made = rate_block(number, index, repetition)
        blocks[index].append(made)
    cells = [
        cell(
            name,
            *found,  # type: ignore[arg-type] # blocks, by construction
            axes={"ab": "base" if index % 2 == 0 else "head"},
            measure={"blocks": 1, "duration": 2.0 if index > 1 else None},
            equal_rate=EqualRateRecord(
                own=names[index % 2],
                at_rate=names[2 + index % 2],
                base_per_s=400,
                head_per_s=200,
                share=0.5,
                rate_per_s=100,
            ),
        )
        for index, (name, found) in enumerate(zip(names, blocks, strict=True))
    ]
    scenario = {"name": "s", "compare": {"base": "ab=base"}, "gates": list(gates)}
    return run(*cells, order=order, scenario=scenario)


def _at_the_rate(number: int, index: int, repetition: int, window_s: float = 2.01) -> object:
    noise = math.exp(0.002 * (-1) ** (repetition + index))
    return measured(
        number, index, repetition, 100.0,
        window_s=window_s, worker_cpu_ms_per_task=2.0 * noise,
        latency_s=spread_around(0.01 * noise, 200), tasks_per_s=100.0,
    )  # fmt: skip


def test_speed_is_judged_at_the_own_load_and_costs_at_the_rate() -> None:
    report = compare_run(_record(_at_the_rate))
    judged = {(one.head.rsplit("/", 1)[1], one.metric): one.verdict for one in report.judged}
    assert judged == {
        ("closed-8", "throughput"): "regression",
        ("closed-8", "phase.run.p50"): "no_change",
        ("rate-100", "latency.total.p50"): "no_change",
        ("rate-100", "worker_cpu"): "no_change",
        ("rate-100", "phase.run.p50"): "no_change",
    }
    elsewhere = [one for one in report.comparisons if one.reason == "told at equal rates"]
    assert {one.metric for one in elsewhere} == {
        "latency.total.p50",
        "worker_cpu",
    }
    [told] = report.equal_rates
    words = equal_rate_words(told)
    assert "both sides at 100/s, 50 % of what the slower one can do" in words
    assert "400/s and 200/s in a trial" in words


def test_pairs_at_a_rate_that_was_not_held_are_left_out() -> None:
    def late(number: int, index: int, repetition: int) -> object:
        return _at_the_rate(number, index, repetition, 3.0 if repetition == 5 else 2.01)

    found = [one for one in compare_run(_record(late)).judged if one.metric == "worker_cpu"]
    assert [(one.pairs, one.left_out) for one in found] == [(7, {"rate not held": 1})]


def test_gates_are_for_the_scenarios_own_cells(tmp_path: Path) -> None:
    record = _record(_at_the_rate)
    results = evaluate(("throughput > 150",), MeasuredRun(record, tmp_path))
    assert [(one.cell, one.passed) for one in results] == [(BASE, True), (HEAD, True)]


# --- on a real server ---------------------------------------------------------------------------


def test_the_trial_is_a_run_that_nobody_keeps(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.change("measure: {units: 30, warmup: 2}")
    results = tmp_path / "results"
    (temporary := tmp_path / "tmp").mkdir()
    environ = {**ENVIRON, "TMPDIR": str(temporary)}
    options = RunOptions("local", results, 1, tmp_path, environ)
    found = _at_equal_rates(paired(project), options, silent=False)
    told = found.cells[0].equal_rate
    assert told is not None
    assert not results.exists()
    assert list(temporary.iterdir()) == []
    said = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[:2] for line in said[:2]] == [
        ["trial", name] for name in (BASE, HEAD)
    ] or [line.split(": ")[:2] for line in said[:2]] == [["trial", name] for name in (HEAD, BASE)]
    if told.rate_per_s is not None and told.share is not None:  # a stalled machine may hold none
        slower = min(told.base_per_s, told.head_per_s)
        assert told.rate_per_s == pytest.approx(told.share * slower, rel=0.01)
        assert [one.load.load for one in found.cells] == ["closed", "closed", "rate", "rate"]
