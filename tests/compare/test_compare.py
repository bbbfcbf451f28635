"""From records to verdicts, and what may not become one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cli.verdict import comparison_exit_code, exit_code, was_interrupted
from harness.errors import UsageError
from harness.results.judge.compare import compare_run, compare_runs
from harness.results.judge.verdicts import NOT_INTERLEAVED
from harness.results.record.comparison import Comparison, ComparisonReport
from harness.results.record.distributions import Outcomes
from harness.results.record.run import BlockRecord, CellRecord, RecordedWarning, RunRecord
from harness.results.store.continuing import is_done
from harness.runner.order import continued, interleaved
from harness.scenario.models.compare import ComparisonKind
from tests.compare.runs import BASE, HEAD, measured, ratio_run
from tests.report.made.records import ENVIRONMENT, backlog_block, cell, run

LATER = "20261124T000000Z-example-000001"
"""Id of another run."""


def _one(report: ComparisonReport, metric: str = "throughput") -> Comparison:
    [found] = [one for one in report.comparisons if one.metric == metric]
    return found


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(0.85, "regression"), (1.0, "no_change"), (1.2, "improved")]
)
def test_verdicts(ratio: float, verdict: str) -> None:
    report = compare_run(ratio_run(ratio), base="redis")
    assert report.interleaved
    assert (report.base, report.head) == ("redis", "rabbitmq")
    whole = [one for one in report.comparisons if not one.own]
    assert {one.verdict for one in whole if one.judged} == {verdict}
    for one in whole:  # latency and CPU are inverted: above 1 is better everywhere
        assert one.ratio == pytest.approx(ratio, rel=0.02)
        assert (one.base, one.head, one.pairs, one.dropped) == (BASE, HEAD, 10, 0)
    assert report.geometric_means["throughput"] == _one(report).ratio
    assert report.groups == ()  # of one pair of cells there is no mean


def test_geometric_means_are_those_of_two_variants_over_their_cells() -> None:
    """Twice as fast in one workload and half as fast in the other is neither."""
    order = interleaved([6] * 6, seed=1)
    places = [(name, work) for work in ("add", "chain-2") for name in ("a", "b", "c")]
    speed = {("b", "add"): 2.0, ("b", "chain-2"): 0.5, ("c", "add"): 1.1, ("c", "chain-2"): 1.1}
    cells = [
        cell(f"{name}/{work}/closed-8", *(
            measured(number, index, repetition, 500 * speed.get((name, work), 1.0))
            for repetition, number in enumerate(n for n, one in enumerate(order) if one == index)
        ))
        for index, (name, work) in enumerate(places)
    ]  # fmt: skip
    report = compare_run(run(*cells, order=order), base="a")
    found = [one for one in report.groups if one.metric == "throughput"]
    assert [(one.base, one.head, one.cells) for one in found] == [("a", "b", 2), ("a", "c", 2)]
    assert [one.ratio for one in found] == pytest.approx([1.0, 1.1])


def test_metrics_and_their_order() -> None:
    report = compare_run(ratio_run(1.0))
    metrics = ["throughput", "latency.total.p50", "latency.total.p99", "worker_cpu"]
    own = ["phase.run.p50", "phase.dispatch.p50"]  # the function's, where there is one task
    assert [one.metric for one in report.comparisons] == [*metrics, *own]
    assert [one.metric for one in report.comparisons if not one.judged] == [
        "latency.total.p99",
        "phase.dispatch.p50",
    ]


def test_a_planted_tenth_is_a_regression() -> None:
    one = _one(compare_run(ratio_run(0.9)))
    assert one.verdict == "regression"
    assert one.high is not None
    assert one.high < 0.95
    assert one.q_value is not None
    assert one.q_value < 0.001
    assert one.wilcoxon_p == pytest.approx(2 / 2**10)


def test_blocks_in_the_order_aaa_bbb_carry_no_verdict() -> None:
    """The same block data, measured AAA BBB: ratios without a verdict, and it is said why."""
    report = compare_run(ratio_run(0.7, order=[0] * 10 + [1] * 10))
    assert not report.interleaved
    for one in report.judged:
        assert one.verdict == "inconclusive"
        assert one.reason == NOT_INTERLEAVED
        assert one.ratio == pytest.approx(0.7, rel=0.02)
    assert comparison_exit_code(report) == 0
    assert comparison_exit_code(report, strict=True) == 3


@pytest.mark.parametrize("order", [[0, 1] * 10, [1, 0] * 10, [0, 0, 1, 1] * 5])
def test_pairs_that_are_not_mirrored_are_not_interleaved(order: list[int]) -> None:
    assert not compare_run(ratio_run(0.7, order=order)).interleaved


def test_mirrored_pairs_are_interleaved() -> None:
    assert compare_run(ratio_run(0.7, order=[0, 1, 1, 0] * 5)).interleaved


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 12), st.integers(1, 6), st.integers(2, 4), st.integers(0, 1000), st.data())
def test_any_order_of_ours_is_interleaved(
    first: int, added: int, cells: int, seed: int, data: st.DataObject
) -> None:
    """Also after pairs were added for some of the cells only."""
    order = interleaved([first] * cells, seed)
    going_on = sorted(data.draw(st.sets(st.integers(1, cells - 1), min_size=1)) | {0})
    order += continued(order, going_on, added, seed)
    assert [order.count(index) for index in going_on] == [first + added] * len(going_on)
    blocks: list[list[int]] = [[] for _ in range(cells)]
    for number, index in enumerate(order):
        blocks[index].append(number)
    record = run(
        *(
            cell(f"c{index}/add/closed-8", *(
                measured(number, index, place, 500) for place, number in enumerate(numbers)
            ))
            for index, numbers in enumerate(blocks)
        )
    )  # fmt: skip
    assert compare_run(record, base="c0").interleaved


def test_five_pairs_carry_no_verdict() -> None:
    one = _one(compare_run(ratio_run(0.5, pairs=5)))
    assert one.verdict == "inconclusive"
    assert one.reason == "5 pairs, fewer than 6 carry no verdict"
    assert _one(compare_run(ratio_run(0.5, pairs=6))).verdict == "regression"


def test_blocks_that_are_not_whole_drop_their_pair_and_are_counted() -> None:
    record = ratio_run(1.0)
    head = record.cells[1]
    broken = (head.blocks[0].model_copy(update={"status": "failed"}), *head.blocks[1:-1])
    report = compare_run(_with_head(record, broken))
    assert (_one(report).pairs, _one(report).dropped) == (8, 2)
    assert report.interleaved


def _with_head(record: RunRecord, blocks: tuple[BlockRecord, ...]) -> RunRecord:
    base, head = record.cells
    return record.model_copy(update={"cells": (base, head.model_copy(update={"blocks": blocks}))})


def test_a_base_that_goes_on_beside_another_head_leaves_no_pair_out() -> None:
    """Of three configurations one was decided after six pairs; the base went on to ten."""
    order = interleaved([6, 6, 6], seed=3)
    order += continued(order, [0, 2], 4, seed=3)
    numbers: list[list[int]] = [[], [], []]
    for number, index in enumerate(order):
        numbers[index].append(number)
    cells = [
        cell(f"{name}/add/closed-8", *(measured(n, i, k, 500) for k, n in enumerate(numbers[i])))
        for i, name in enumerate(("redis", "decided", "undecided"))
    ]
    report = compare_run(run(*cells, order=order), base="redis")
    found = [one for one in report.comparisons if one.metric == "throughput"]
    assert [(one.pairs, one.dropped) for one in found] == [(6, 0), (10, 0)]


def test_a_pair_without_a_figure_is_counted() -> None:
    record = ratio_run(1.0)
    first, *rest = record.cells[1].blocks
    silent = first.model_copy(update={"worker_cpu_ms_per_task": None})
    report = compare_run(_with_head(record, (silent, *rest)))
    assert (_one(report, "worker_cpu").pairs, _one(report, "worker_cpu").dropped) == (9, 1)
    assert _one(report).pairs == 10


def test_unsound_pairs_are_counted() -> None:
    record = ratio_run(1.0)
    first, *rest = record.cells[1].blocks
    lossy = first.model_copy(update={"outcomes": Outcomes(ok=990, lost=10)})
    report = compare_run(_with_head(record, (lossy, *rest)))
    assert _one(report).unsound == 1


def test_latency_of_a_backlog_is_not_compared() -> None:
    cells = [
        cell(f"{name}/add/backlog", *(
            backlog_block(4 * (n // 2) + (place if n % 2 == 0 else 3 - place), index, repetition=n)
            for n in range(6)
        ))
        for index, (place, name) in enumerate(((0, "redis"), (1, "rabbitmq")))
    ]  # fmt: skip
    metrics = [one.metric for one in compare_run(run(*cells)).comparisons if not one.own]
    assert metrics == ["throughput", "worker_cpu"]


def test_looks_widen_the_intervals() -> None:
    plan = {"pairs": {"min": 10, "max": 30}, "looks": [10, 20, 30], "margin": 0.02}
    record = ratio_run(1.0, scenario={"name": "s", "compare": plan})
    report = compare_run(record)
    assert (report.looks, report.margin) == (3, 0.02)
    assert _one(report).confidence == pytest.approx(0.9786, abs=1e-4)
    narrow = _one(compare_run(ratio_run(1.0)))
    assert _one(report).low < narrow.low  # type: ignore[operator] # both are known


@pytest.mark.parametrize(
    ("kind", "verdict"), [("change", "regression"), ("alternatives", "slower")]
)
def test_many_cells_control_false_discoveries(kind: ComparisonKind, verdict: str) -> None:
    """A slowdown that alone would be called is not, when it is one of very many."""
    alone = compare_run(_marginal_run(cells=1), margin=0.0, kind=kind)
    assert _one(alone).verdict == verdict
    among_many = compare_run(_marginal_run(cells=30), margin=0.0, kind=kind)
    first = among_many.comparisons[0]
    assert first.p_value == pytest.approx(_one(alone).p_value)
    assert first.verdict == "inconclusive"
    assert "may be chance" in first.reason


def _marginal_run(cells: int) -> RunRecord:
    """The head of the first workload is slower by 3 % give or take 2 %; the rest is equal."""
    deviations = (-0.06, -0.01, -0.05, -0.005, -0.06, -0.02)
    found = []
    for index in range(cells):
        for side, name in enumerate(("redis", "rabbitmq")):
            place = 2 * index + side
            blocks = []
            for n, deviation in enumerate(deviations):
                mirrored = 1 - side if n % 2 else side
                # As much above nothing as below: no effect but in the first workload.
                slower = deviation if index == 0 else 0.001 * (-1) ** n
                rate = 500 * (1 + slower * side)
                number = n * 2 * cells + 2 * index + mirrored
                blocks.append(measured(number, place, n, rate, worker_cpu_ms_per_task=None,
                                       latency_s=measured(0, 0, 0, 500).latency_s))  # fmt: skip
            found.append(cell(f"{name}/heavy_task-{index}/closed-8", *blocks))
    return run(*found)


# --- two runs -----------------------------------------------------------------------------------


def test_two_runs_show_ratios_but_claim_nothing() -> None:
    base = ratio_run(1.0)
    slow = ratio_run(1.0, run_id=LATER)
    cells = [
        one.model_copy(update={"blocks": tuple(
            block.model_copy(update={"throughput_per_s": (block.throughput_per_s or 0) / 2})
            for block in one.blocks
        )})
        for one in slow.cells
    ]  # fmt: skip
    report = compare_runs(base, slow.model_copy(update={"cells": tuple(cells)}))
    assert (report.base, report.head) == (base.run_id, slow.run_id)
    assert not report.interleaved
    throughput = [one for one in report.comparisons if one.metric == "throughput"]
    assert [one.ratio for one in throughput] == pytest.approx([0.5, 0.5])
    assert {one.verdict for one in report.judged} == {"inconclusive"}
    assert comparison_exit_code(report) == 0


def test_unlike_environments_need_force_and_the_report_says_so() -> None:
    other = ENVIRONMENT.model_copy(
        update={"cores": 16, "packages": {**ENVIRONMENT.packages, "celery": "5.3.1"}}
    )
    base, head = ratio_run(1.0), ratio_run(1.0, environment=other, run_id=LATER)
    with pytest.raises(UsageError) as raised:
        compare_runs(base, head)
    assert "cores: 2 / 16" in str(raised.value)
    assert "celery: 5.7.0 / 5.3.1" in str(raised.value)
    assert "--force" in str(raised.value)
    report = compare_runs(base, head, force=True)
    assert report.forced
    assert report.environment_differences == ("cores: 2 / 16", "celery: 5.7.0 / 5.3.1")


def test_a_difference_in_servers_or_extent_is_one_of_environment() -> None:
    base = ratio_run(1.0)
    one, other = base.cells
    server = one.servers["broker"].model_copy(update={"version": "8.0", "same_host": False})
    changed = one.model_copy(
        update={"servers": {**one.servers, "broker": server}, "measure": {"units": 50}}
    )
    with pytest.raises(UsageError) as raised:
        compare_runs(base, _later(base, changed, other))
    assert "broker: Valkey 9.1.2, local / Valkey 8.0, local, on another host" in str(raised.value)
    assert f"{BASE}, units: - / 50" in str(raised.value)


def _of_twins(one: CellRecord, **changes: Any) -> CellRecord:
    """The cell, its blocks measured in slices."""
    blocks = (block.model_copy(update={"slices": 8, **changes}) for block in one.blocks)
    return one.model_copy(update={"blocks": tuple(blocks)})


def test_twins_are_not_mixed_with_blocks() -> None:
    """Slices take a few percent of throughput, which would be a change of nobody's."""
    base = ratio_run(1.0)
    one, other = base.cells
    with pytest.raises(UsageError, match=f"{BASE}, design: blocks / twins"):
        compare_runs(base, _later(base, _of_twins(one), other))
    both = base.model_copy(update={"cells": (_of_twins(one), other)})
    assert compare_runs(both, _later(base, _of_twins(one), other)).environment_differences == ()
    nothing = _of_twins(one, status="failed")
    assert compare_runs(base, _later(base, nothing, other)).environment_differences == ()


def test_a_cell_without_a_block_is_not_unlike() -> None:
    """Which packages it ran is known from its first block on."""
    packages = {"celery": "5.7.0"}
    one, other = ratio_run(1.0).cells
    base = ratio_run(1.0).model_copy(
        update={"cells": (one.model_copy(update={"packages": packages}), other)}
    )
    assert compare_runs(base, _later(base, one, other)).environment_differences == ()
    newer = one.model_copy(update={"packages": {"celery": "5.8.0"}})
    with pytest.raises(UsageError, match=r"redis/add/closed-8, celery: 5\.7\.0 / 5\.8\.0"):
        compare_runs(base, _later(base, newer, other))


def test_cells_of_only_one_run_are_named() -> None:
    base = ratio_run(1.0)
    report = compare_runs(base, _later(base, base.cells[0]))
    assert report.unmatched == (HEAD,)
    with pytest.raises(UsageError, match=r"no cell in common.*redis/add/closed-8 \.\.\. there"):
        compare_runs(base, _later(base))


def test_a_run_is_not_compared_with_itself() -> None:
    with pytest.raises(UsageError, match="is both BASE and HEAD"):
        compare_runs(ratio_run(1.0), ratio_run(0.9))


def test_what_was_configured_differently_is_said_and_not_refused() -> None:
    """It may be the very thing that is compared."""
    base = ratio_run(1.0)
    one, other = base.cells
    config = {**one.config, "worker": {**one.config["worker"], "concurrency": 8}}
    changed = one.model_copy(
        update={"config": config, "workload": {"workload": "add", "payload_bytes": 10}}
    )
    report = compare_runs(base, _later(base, changed, other))
    assert not report.forced
    assert report.configuration_differences == (
        "redis.worker.concurrency: 2 / 8",
        "redis/add/closed-8: workload.payload_bytes: - / 10",
    )


def _later(record: RunRecord, *cells: CellRecord) -> RunRecord:
    return record.model_copy(update={"run_id": LATER, "cells": cells})


def test_a_run_of_one_configuration_has_nothing_to_compare() -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        compare_run(run(cell(BASE)))
    with pytest.raises(UsageError, match='did you mean "redis"'):
        compare_run(ratio_run(1.0), base="rediss")


# --- exit codes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "pairs", "plain", "strict"), [(1.0, 10, 0, 0), (0.8, 10, 1, 1), (0.8, 5, 0, 3)]
)
def test_exit_codes(ratio: float, pairs: int, plain: int, strict: int) -> None:
    record = ratio_run(ratio, pairs=pairs)
    record = record.model_copy(update={"comparison": compare_run(record)})
    assert exit_code(record) == plain
    assert exit_code(record, strict=True) == strict


def test_an_interrupted_run_is_neither_sound_nor_unsound() -> None:
    """Who stopped it knows; a load that gave up by itself is another matter."""
    record = ratio_run(1.0)
    *blocks, last = record.cells[1].blocks
    lossy = blocks[0].model_copy(update={"outcomes": Outcomes(ok=990, lost=10)})
    stopped = last.model_copy(update={"status": "partial"})
    interrupted = _with_head(record, (lossy, *blocks[1:], stopped))
    assert exit_code(interrupted.model_copy(update={"status": "partial"})) == 130
    fewer = _with_head(record, (lossy, *blocks[1:]))
    assert exit_code(fewer.model_copy(update={"status": "partial"})) == 130
    assert was_interrupted(fewer.model_copy(update={"status": "partial"}))
    failed = lossy.model_copy(update={"status": "failed"})
    both = _with_head(record, (failed, *blocks[1:], stopped)).model_copy(
        update={"status": "failed"}
    )
    assert (was_interrupted(both), exit_code(both)) == (True, 2)
    assert not was_interrupted(record.model_copy(update={"status": "failed"}))
    gave_up = stopped.model_copy(
        update={
            "warnings": (RecordedWarning(code="gave_up"),),
            "outcomes": Outcomes(ok=990, timed_out=10),
        }
    )
    by_itself = _with_head(record, (*blocks, gave_up))
    assert exit_code(by_itself.model_copy(update={"status": "partial"})) == 1


def test_a_load_that_ran_out_of_numbers_is_measured_and_its_plan_is_at_fault() -> None:
    record = ratio_run(1.0)
    *blocks, last = record.cells[1].blocks
    warned = (RecordedWarning(code="out_of_numbers", data={"units": 1 << 24}),)
    short = last.model_copy(update={"status": "partial", "warnings": warned})
    assert is_done(short)
    assert not is_done(short.model_copy(update={"warnings": ()}))
    run = _with_head(record, (*blocks, short)).model_copy(update={"status": "partial"})
    assert exit_code(run) == 2
