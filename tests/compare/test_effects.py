"""Effects of a matrix' axes, on made records whose effects are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.report.registry import RENDERERS
from harness.report.view.cells import view_of
from harness.report.words.look import Look
from harness.results.judge.effects import axis_effects
from harness.results.record.comparison import AxisEffect, EqualRateRecord
from harness.results.record.run import RunRecord
from tests.report.made import records
from tests.report.made.matrix_records import LARGE, matrix_run

LATE = "settings.task_acks_late"
SIZE = "workload.payload_bytes"


def _effect(record: RunRecord, axis: str, metric: str = "throughput") -> AxisEffect:
    (found,) = [one for one in axis_effects(record) if (one.axis, one.metric) == (axis, metric)]
    return found


def test_an_effect_is_pooled_over_all_else() -> None:
    found = _effect(matrix_run(), SIZE)
    assert (found.base, found.head, found.cells, found.pairs) == ("64", "16384", 4, 16)
    assert found.low is not None
    assert found.high is not None
    assert found.low < LARGE < found.high
    assert found.high / found.low < 1.05
    assert (found.verdict, found.reason, found.left_out) == ("slower", "", {})
    assert not found.depends


def test_where_it_depends_on_another_axis_that_is_said() -> None:
    found = _effect(matrix_run(), LATE)
    (broker,) = found.depends
    assert broker.on == "configuration"
    assert {one.level: round(one.ratio, 2) for one in broker.levels} == pytest.approx(
        {"redis": 0.97, "rabbitmq": 0.69}, abs=0.03
    )
    assert found.ratio == pytest.approx((0.97 * 0.69) ** 0.5, abs=0.02)
    assert {one.on for one in found.dependences} == {"configuration", SIZE}


def test_effects_that_are_alike_everywhere_depend_on_nothing() -> None:
    called = sum(
        bool(one.depends)
        for noise in (0.02, 0.05, 0.1)
        for one in axis_effects(matrix_run(noise=noise, acks_late={"redis": 0.9, "rabbitmq": 0.9}))
    )
    assert called == 0


def test_a_difference_within_the_margin_is_no_dependence() -> None:
    record = matrix_run(blocks=12, noise=0.002, acks_late={"redis": 0.97, "rabbitmq": 0.95})
    (test,) = [one for one in _effect(record, LATE).dependences if one.on == "configuration"]
    assert test.q_value is not None
    assert test.q_value < 0.001
    assert not test.found


def test_configurations_are_an_axis_beside_the_matrix() -> None:
    found = _effect(matrix_run(), "configuration")
    assert (found.base, found.head, found.verdict) == ("redis", "rabbitmq", "faster")
    assert [one.on for one in found.depends] == [LATE]


def test_an_axis_with_one_value_has_no_effect() -> None:
    assert {one.axis for one in axis_effects(matrix_run())} == {"configuration", LATE, SIZE}


def test_the_base_is_what_compare_names() -> None:
    compare = {"base": "payload_bytes=16384", "margin": 0.02}
    record = matrix_run(scenario={"name": "example", "compare": compare})
    found = _effect(record, SIZE)
    assert (found.base, found.head, found.verdict) == ("16384", "64", "faster")
    assert _effect(record, LATE).base == "false"


def test_one_block_for_each_cell_gives_a_mean_and_no_dependence() -> None:
    found = _effect(matrix_run(blocks=1), SIZE)
    assert (found.pairs, found.verdict) == (4, "inconclusive")
    assert found.reason == "4 pairs, fewer than 6 carry no verdict"
    assert found.low is not None
    assert all(one.p_value is None for one in found.dependences)


def test_blocks_in_a_row_carry_no_verdict() -> None:
    record = matrix_run()
    cells = tuple(
        cell.model_copy(
            update={
                "blocks": tuple(
                    one.model_copy(update={"number": 4 * index + one.repetition})
                    for one in cell.blocks
                )
            }
        )
        for index, cell in enumerate(record.cells)
    )
    found = _effect(record.model_copy(update={"cells": cells}), SIZE)
    assert (found.verdict, found.reason) == ("inconclusive", "not interleaved")


def test_emulators_are_left_out_where_there_is_more() -> None:
    record = matrix_run()
    emulator = {"broker": records.MINISTACK, "backend": records.VALKEY}
    on_redis = record.model_copy(
        update={
            "cells": tuple(
                one.model_copy(update={"servers": emulator})
                if one.name.startswith("redis")
                else one
                for one in record.cells
            )
        }
    )
    found = _effect(on_redis, SIZE)
    assert (found.cells, found.left_out, found.verdict) == (2, {"an emulator": 8}, "slower")
    brokers = _effect(on_redis, "configuration")
    assert (brokers.reason, brokers.verdict) == ("an emulator", "inconclusive")


def test_a_cost_at_unlike_rates_is_not_judged() -> None:
    found = _effect(matrix_run(), "configuration", "worker_cpu")
    # 1.5 ms at 500 and at 800 a second: no more per task, and more per second.
    assert found.reason.startswith("depends on the rate")


def test_a_given_rate_has_no_effect_on_the_throughput() -> None:
    record = matrix_run()
    paced = record.model_copy(
        update={
            "cells": tuple(
                one.model_copy(update={"load": {"load": "rate", "rate": 100}})
                for one in record.cells
            )
        }
    )
    assert "throughput" not in {one.metric for one in axis_effects(paced)}
    assert _effect(paced, SIZE, "latency.total.p50").pairs == 16


def test_cells_that_are_missing_are_no_cells() -> None:
    record = matrix_run()
    cells = tuple(
        one.model_copy(update={"blocks": ()}) if index == 3 else one
        for index, one in enumerate(record.cells)
    )
    found = _effect(record.model_copy(update={"cells": cells}), SIZE)
    assert (found.cells, found.pairs) == (3, 12)
    # On redis only early acknowledgements can be compared, so on rabbitmq they alone are.
    broker = next(one for one in found.dependences if one.on == "configuration")
    assert [one.pairs for one in broker.levels] == [4, 4]


def test_runs_without_a_matrix_have_none() -> None:
    assert axis_effects(records.brokers_run()) == ()
    assert axis_effects(matrix_run(blocks=0)) == ()


def test_json_has_them() -> None:
    record = matrix_run()
    view = view_of(record, Path("results/example"), {}, being_written=False)
    stored = json.loads(RENDERERS["json"](view, Look()))["effects"]
    assert tuple(AxisEffect.model_validate(one) for one in stored) == axis_effects(record)


# --- of harness ab --------------------------------------------------------------------------------


def of_ab(record: RunRecord, **changes: Any) -> RunRecord:
    """Every cell with an equal rate, which is its own where `changes` say so."""
    told = EqualRateRecord(own="", at_rate="elsewhere", base_per_s=500, head_per_s=400)
    cells = [
        one.model_copy(update={"equal_rate": told.model_copy(update={"own": one.name})} | changes)
        for one in record.cells
    ]
    return record.model_copy(update={"cells": tuple(cells)})


def test_a_change_is_no_axis_whose_effect_is_pooled() -> None:
    """It is judged cell by cell: with `harness ab` there is a second answer to nothing."""
    record = matrix_run(axes=("ab", SIZE, "one"))
    assert {one.axis for one in axis_effects(record)} == {"configuration", SIZE}


def test_costs_are_pooled_of_the_load_that_tells_them() -> None:
    record = matrix_run()
    assert {one.metric for one in axis_effects(record)} > {"throughput", "worker_cpu"}
    assert {one.metric for one in axis_effects(of_ab(record))} == {"throughput"}


def test_pairs_whose_equal_rate_was_not_held_are_left_out() -> None:
    record = of_ab(matrix_run(), measure={"duration": 1.0}, load={"load": "rate", "rate": 100.0})
    late = [
        one.model_copy(
            update={
                "equal_rate": EqualRateRecord(
                    own="", at_rate=one.name, base_per_s=500, head_per_s=400
                ),
                "blocks": tuple(
                    block.model_copy(update={"window_s": 9.0 if block.repetition == 0 else 1.0})
                    for block in one.blocks
                ),
            }
        )
        for one in record.cells
    ]
    found = axis_effects(record.model_copy(update={"cells": tuple(late)}))
    assert {one.metric for one in found} > {"worker_cpu"}
    assert all(one.left_out == {"rate not held": one.cells} for one in found)
    assert all(one.pairs == 3 * one.cells for one in found)
