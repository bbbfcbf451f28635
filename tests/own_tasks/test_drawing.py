"""Which task, which arguments, which result: the same for whoever asks, from seed and number."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.probe.recording.events import Outcome
from harness.probe.workloads.drawing import UNCHECKED, Arguments, Failure, table
from harness.probe.workloads.units import judge_failure, judge_value


def arguments(*args: Any, expect: Any = None, seed: int = 1, **kwargs: Any) -> Arguments:
    expected = {"unchecked": True} if expect is None else expect
    return Arguments({"args": list(args), "kwargs": kwargs, "expect": expected}, seed)


# --- the mix ------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(0, 2**31))
def test_each_round_holds_every_part_by_its_weight(weights: list[int], seed: int) -> None:
    found = table(weights, seed)
    length = sum(weights) // math.gcd(*weights)
    assert len(found) >= 4096
    assert len(found) % length == 0
    for begin in range(0, len(found), length):
        counts = Counter(found[begin : begin + length])
        assert {part: counts[part] * sum(weights) for part in counts} == {
            part: weight * length for part, weight in enumerate(weights)
        }


def test_a_round_may_be_longer_than_any_other_table() -> None:
    assert Counter(table([1000, 999, 1000, 1000, 1000], 1)) == {0: 1000, 1: 999} | dict.fromkeys(
        (2, 3, 4), 1000
    )


def test_a_mix_is_that_of_its_seed_today_and_tomorrow() -> None:
    """Stored samples are read by it: what it gives may never change."""
    assert table([6, 2], 7)[:12] == [0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0]
    assert table([3, 1], 7) == table([6, 2], 7)
    assert table([3, 1], 8) != table([3, 1], 7)
    assert set(table([1], 7)) == {0}


# --- arguments ----------------------------------------------------------------------------------


def test_arguments_are_those_of_seed_and_unit_today_and_tomorrow() -> None:
    drawn = arguments(5, {"range": [1, 100]}, {"choice": ["a", "b", "c"]}, size={"text": 20})
    assert drawn.of(3) == ((5, 13, "b"), {"size": "1f4c12b5805b38c41f4c"})
    assert drawn.of(3) == arguments(
        5, {"range": [1, 100]}, {"choice": ["a", "b", "c"]}, size={"text": 20}
    ).of(3)
    assert drawn.of(4) != drawn.of(3)


def test_another_seed_draws_others() -> None:
    one, other = (arguments({"text": 32}, seed=seed).of(3) for seed in (1, 2))
    assert one != other


def test_two_draws_of_one_unit_are_independent() -> None:
    drawn = arguments({"range": [0, 10**9]}, {"range": [0, 10**9]})
    pairs = [drawn.of(unit)[0] for unit in range(50)]
    assert all(first != second for first, second in pairs)


def test_a_range_lies_anywhere() -> None:
    """Some serializers take no whole number of more than 64 bits, which is what somebody tries."""
    drawn = arguments({"range": [2**70, 2**70 + 1]}, expect={"argument": 0})
    assert {drawn.of(unit)[0][0] for unit in range(50)} == {2**70, 2**70 + 1}


def test_every_value_comes_about_equally_often() -> None:
    drawn = arguments({"range": [-2, 2]}, {"choice": [None, True, [1]]})
    numbers, choices = zip(*(drawn.of(unit)[0] for unit in range(3000)), strict=True)
    counts = Counter(numbers)
    assert set(counts) == {-2, -1, 0, 1, 2}
    assert all(480 < count < 720 for count in counts.values())
    assert {repr(one) for one in choices} == {"None", "True", "[1]"}


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 1000])
def test_a_text_has_its_length(length: int) -> None:
    (text,), _ = arguments({"text": length}).of(9)
    assert len(text) == length


def test_values_that_are_no_expressions_are_passed_as_they_are() -> None:
    literal = {"choice": [1]}
    drawn = arguments([{"choice": [1]}], None, {"value": literal}, {"unit": True}, "x")
    assert drawn.of(12) == (([{"choice": [1]}], None, literal, 12, "x"), {})


def test_expressions_inside_lists_and_mappings() -> None:
    drawn = arguments({"list": [{"unit": True}, 2]}, m={"mapping": {"a": {"list": [1]}, "b": "c"}})
    assert drawn.of(7) == (([7, 2],), {"m": {"a": [1], "b": "c"}})


# --- what is expected ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expect", "value"),
    [
        ({"value": None}, None),
        ({"value": {"sum": [1]}}, {"sum": [1]}),
        ({"argument": 1}, 8),
        ({"argument": "k"}, "v"),
        ({"unit": True}, 4),
        ({"sum": [{"argument": 0}, {"argument": 1}, 0.5]}, 11.5),
        ({"product": [{"argument": 0}, {"sum": [{"argument": 1}, 1]}]}, 27),
        ({"concat": [{"argument": "k"}, "-", {"argument": "k"}]}, "v-v"),
        ({"list": [{"argument": 0}, 9]}, [3, 9]),
        ({"mapping": {"n": {"argument": 0}}}, {"n": 3}),
    ],
)
def test_what_is_expected_follows_from_the_arguments(expect: Any, value: Any) -> None:
    found = arguments(3, 8, k="v", expect=expect).expected(4)
    assert (found, type(found)) == (value, type(value))


def test_what_is_drawn_is_what_is_expected() -> None:
    drawn = arguments({"range": [1, 10**6]}, expect={"argument": 0})
    assert [drawn.of(unit)[0][0] for unit in range(20)] == [*map(drawn.expected, range(20))]


def test_nothing_expected_takes_any_value_and_no_exception() -> None:
    expected = arguments().expected(0)
    assert expected is UNCHECKED
    assert judge_value(expected, object()) == Outcome.OK
    assert judge_failure(expected, ValueError("x")) == Outcome.FAILED


def test_an_exception_by_its_name_and_words() -> None:
    named = arguments(expect={"raises": "ValueError"}).expected(0)
    worded = arguments(expect={"raises": "ValueError", "message": "x"}).expected(0)
    assert (named, worded) == (Failure("ValueError", None), Failure("ValueError", "x"))
    assert judge_failure(named, ValueError("y")) == Outcome.FAILED_AS_MEANT
    assert judge_failure(worded, ValueError("x")) == Outcome.FAILED_AS_MEANT
    assert judge_failure(worded, ValueError("y")) == Outcome.FAILED
    assert judge_failure(named, KeyError("x")) == Outcome.FAILED
    assert judge_value(named, None) == Outcome.WRONG


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (1, True),
        (1, 1.0),
        ([1], [True]),
        ([1], (1,)),
        ({"a": [0]}, {"a": [False]}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ([1, 2], [1]),
    ],
)
def test_what_is_equal_but_of_another_type_is_wrong(expected: Any, value: Any) -> None:
    assert judge_value(expected, value) == Outcome.WRONG
    assert judge_value(value, value) == Outcome.OK
