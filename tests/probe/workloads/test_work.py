"""What `work` is made of: amounts that are drawn for units, CPU time by the thread's clock, memory
that is in use, and answers of the unit's own."""

from __future__ import annotations

import statistics
from collections import Counter
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.probe.recording.events import Outcome
from harness.probe.workloads.amounts import drawn, quantile
from harness.probe.workloads.drawing import ROUND, Draw
from harness.probe.workloads.units import judge_value
from harness.probe.workloads.work import Work, answer_of, burn, touched, work
from harness.scenario.workloads.work import WorkWorkload

MOST = 1 << 60
NOTHING = dict.fromkeys(("cpu", "sleep", "payload_bytes", "result_bytes", "memory"))
SKEWED = {"lognormal": {"median": 0.02, "p99": 2.0}}
NINE_TO_ONE = {"choice": [{"value": 0.02, "weight": 9}, {"value": 2, "weight": 1}]}


def units(seed: int = 1, **amounts: Any) -> Work:
    return Work({"workload": "work", "seed": seed, **NOTHING, **amounts})


def draws(amount: Any, seed: int = 1, many: int = 20_000) -> list[int]:
    """In microseconds."""
    draw = drawn(amount, 0, 1e6, MOST)
    return [draw(Draw(seed, unit)) for unit in range(many)]


# --- distributions ------------------------------------------------------------------------------


def test_a_lognormal_amount_has_the_median_and_the_p99_that_it_names() -> None:
    cuts = statistics.quantiles(draws(SKEWED), n=100)
    assert cuts[49] == pytest.approx(20_000, rel=0.05)
    assert cuts[98] == pytest.approx(2_000_000, rel=0.2)


@pytest.mark.parametrize(
    "amount",
    [
        {"lognormal": {"median": 0.02, "p99": 2.0, "max": 3.0}},
        {"exponential": {"mean": 0.02, "max": 0.03}},
    ],
)
def test_nothing_is_above_a_largest_amount_and_the_mean_knows(amount: Any) -> None:
    """Without it, these seeds draw more; what a file says is what clients are told."""
    ((kind, of),) = amount.items()
    most_us = round(of["max"] * 1e6)
    found = draws(amount)
    assert max(found) == most_us < max(draws({kind: {**of, "max": None}}))
    planned = WorkWorkload.model_validate({"workload": "work", "sleep": amount}).sleep
    assert planned is not None
    assert planned.plain() == amount
    assert statistics.fmean(found) == pytest.approx(planned.mean * 1e6, rel=0.05)
    assert planned.rarely <= of["max"]


@pytest.mark.parametrize(
    ("amount", "mean_us", "least", "most"),
    [
        ({"uniform": {"from": 0.01, "to": 0.03}}, 20_000, 10_000, 30_000),
        ({"exponential": {"mean": 0.02}}, 20_000, 0, MOST),
        (NINE_TO_ONE, 218_000, 20_000, 2_000_000),
        (0.02, 20_000, 20_000, 20_000),
        (None, 0, 0, 0),
    ],
)
def test_the_mean_is_the_one_that_was_asked_for(
    amount: Any, mean_us: float, least: int, most: int
) -> None:
    found = draws(amount)
    assert statistics.fmean(found) == pytest.approx(mean_us, rel=0.03)
    assert least <= min(found)
    assert max(found) <= most


def test_choices_come_by_their_weights() -> None:
    found = Counter(draws({"choice": [{"value": n, "weight": w} for n, w in ((1, 9), (2, 1))]}))
    assert found[2_000_000] / found.total() == pytest.approx(0.1, abs=0.01)
    assert set(found) == {1_000_000, 2_000_000}


SOME = st.sampled_from(
    [
        SKEWED,
        {"uniform": {"from": 1, "to": 5}},
        {"exponential": {"mean": 3}},
        {"choice": [{"value": 1, "weight": 1}, {"value": 2, "weight": 3}]},
    ]
)


@given(SOME, st.floats(1e-15, 1 - 2**-53), st.floats(1e-15, 1 - 2**-53))
def test_more_of_all_draws_are_below_a_larger_amount(
    amount: dict[str, Any], one: float, other: float
) -> None:
    of = quantile(amount)
    assert of(min(one, other)) <= of(max(one, other))


@given(SOME, st.integers(0, 2**31), st.integers(0, 2**30))
def test_a_draw_follows_from_seed_and_unit_alone(
    amount: dict[str, Any], seed: int, unit: int
) -> None:
    one, other = (drawn(amount, 2, 1, 1000)(Draw(seed, unit)) for _ in range(2))
    assert one == other <= 1000


def test_amounts_are_those_of_seed_and_unit_today_and_tomorrow() -> None:
    """Two versions of Python draw the same, or they are measured under different work."""
    assert draws(SKEWED, seed=7, many=4) == [5698, 20364, 2321, 69939]
    assert draws({"uniform": {"from": 1, "to": 2}}, seed=7, many=2) == [1262933, 1503636]
    assert draws(SKEWED, seed=8, many=4) != draws(SKEWED, seed=7, many=4)


# --- units --------------------------------------------------------------------------------------


def test_a_unit_draws_each_amount_by_itself() -> None:
    made = units(cpu=SKEWED, sleep=SKEWED)
    assert all(made.arguments(unit)[1] != made.arguments(unit)[2] for unit in range(50))


def test_what_the_task_answers_is_what_is_expected_of_the_unit_alone() -> None:
    spread = {"uniform": {"from": 0, "to": 3000}}
    made = units(payload_bytes=spread, result_bytes=spread, memory=10_000)
    answers = [work(*made.arguments(unit)) for unit in range(20)]
    assert all(
        judge_value(made.expected(unit), answer) is Outcome.OK
        for unit, answer in enumerate(answers)
    )
    assert all(
        judge_value(made.expected(unit + 1), answer) is Outcome.WRONG
        for unit, answer in enumerate(answers)
    )


def test_payload_and_answer_have_the_size_that_was_asked_for() -> None:
    made = units(payload_bytes=1000, result_bytes=5000)
    *_, payload, result_bytes, _ = made.arguments(123_456)
    assert len(payload) == 1000
    assert payload.startswith("123456.123456.")
    assert len(str(answer_of(123_456, len(payload), result_bytes))) == 5000


def test_an_answer_tells_of_a_payload_that_was_cut() -> None:
    assert answer_of(5, 1000, 64) != answer_of(5, 999, 64)
    assert answer_of(5, 0, 0) == 5
    assert answer_of(123, 45, 1) == "123:45."  # never less than the two numbers


def test_all_blocks_of_a_run_begin_at_the_same_draws() -> None:
    """However many probe tasks there were: see `Client._begin_round`."""
    assert units().round_units == ROUND


# --- the task -----------------------------------------------------------------------------------


def test_it_computes_until_the_clock_of_its_thread_says_so() -> None:
    readings = count(0, 3000)
    seen = []

    def clock() -> int:
        seen.append(next(readings))
        return seen[-1]

    burn(20_000, clock)
    assert seen == [0, 3000, 6000, 9000, 12_000, 15_000, 18_000, 21_000]


def test_time_in_which_the_thread_did_not_run_does_not_count() -> None:
    """The clock of a thread that waits stands still, and it goes on then."""
    readings = iter([0, 0, 0, 0, 999, 1000])
    burn(1000, lambda: next(readings))
    assert next(readings, None) is None


def test_each_page_of_the_memory_was_written_to() -> None:
    held = touched(3 * 4096 + 1)
    assert len(held) == 3 * 4096 + 1
    assert [at for at, byte in enumerate(held) if byte] == [0, 4096, 8192, 12_288]
    assert touched(0) == b""
