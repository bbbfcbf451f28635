"""Nominated changes: how often there is none, and how often one is found. All seeded."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from harness.stats.changepoints import METHOD, SHORTEST_SERIES, ChangePoint, Limits, change_points

SERIES = 100


def noise(seed: int, length: int, spread: float = 0.03) -> list[float]:
    """Log-normal around 1."""
    source = random.Random(seed)  # noqa: S311 - not a secret
    return [math.exp(source.gauss(0, spread)) for _ in range(length)]


def heavy_tailed(seed: int, length: int) -> list[float]:
    """Student's t with three degrees of freedom, scaled to a spread of 5 %."""
    source = random.Random(seed)  # noqa: S311 - not a secret
    values = []
    for _ in range(length):
        chi_square = sum(source.gauss(0, 1) ** 2 for _ in range(3))
        values.append(math.exp(0.05 * source.gauss(0, 1) / math.sqrt(chi_square)))
    return values


def stepped(
    seed: int, length: int, at: int, factor: float = 0.9, spread: float = 0.03
) -> list[float]:
    values = noise(seed, length, spread)
    return [value if index < at else value * factor for index, value in enumerate(values)]


def share(make: Callable[[int], list[float]], at: int | None = None) -> float:
    """Of SERIES series those with a nomination, at most two points from `at` if that is given."""
    hits = 0
    for seed in range(SERIES):
        found = change_points(make(seed))
        hits += any(at is None or abs(change.index - at) <= 2 for change in found)
    return hits / SERIES


@pytest.mark.parametrize("length", [20, 40])
@pytest.mark.parametrize("spread", [0.02, 0.05])
def test_stationary_noise_is_hardly_ever_nominated(length: int, spread: float) -> None:
    """The bound is the 6 % of false alarms that Apache Otava has at its defaults in 100 points."""
    assert share(lambda seed: noise(seed, length, spread)) <= 0.06


def test_heavy_tails_are_hardly_ever_nominated() -> None:
    assert share(lambda seed: heavy_tailed(seed, 40)) <= 0.06


def test_one_wild_point_is_no_change_wherever_it_is() -> None:
    def with_wild(seed: int) -> list[float]:
        values = noise(seed, 40)
        values[-1 if seed % 2 else 20] *= 1.5
        return values

    assert share(with_wild) <= 0.06


@pytest.mark.parametrize("length", [20, 40])
def test_a_step_of_ten_per_cent_is_found_where_it_is(length: int) -> None:
    at = length // 2
    assert share(lambda seed: stepped(seed, length, at), at) >= 0.95


@pytest.mark.parametrize(("after", "least"), [(3, 0.65), (5, 0.9)])
def test_a_step_is_found_soon(after: int, least: float) -> None:
    assert share(lambda seed: stepped(seed, 20 + after, 20), 20) >= least


def test_a_change_is_described_by_the_medians_of_its_sides() -> None:
    values = [1.0, 1.01, 0.99] * 4 + [0.8, 0.81, 0.79] * 4 + [1.2, 1.21, 1.19] * 4
    down, up = change_points(values)
    assert (down.index, down.before, down.after) == (12, 1.0, 0.8)
    assert (up.index, up.before, up.after) == (24, 0.8, 1.2)
    assert down.change == pytest.approx(-0.2)
    assert up.change == pytest.approx(0.5)
    assert 0 <= down.p_value <= 0.01


def test_a_small_change_is_none_however_sure_it_is() -> None:
    values = stepped(1, 60, 30, factor=0.97, spread=0.002)
    assert change_points(values) == ()
    (found,) = change_points(values, Limits(magnitude=0.02))
    assert found.index == 30


def test_a_level_has_to_last() -> None:
    """Two points of another level are none, three are one."""
    values = noise(3, 30, 0.005)
    for length, nominated in ((2, False), (3, True)):
        raised = [*values, *[1.3 * value for value in noise(4, length, 0.005)]]
        found = change_points(raised)
        assert [change.index for change in found] == ([30] if nominated else [])


def test_a_short_series_has_no_change() -> None:
    clear = [1.0, 1.001, 0.999] * 4 + [2.0, 2.001, 1.999] * 4
    half = SHORTEST_SERIES // 2
    series = clear[12 - half : 12 + (SHORTEST_SERIES - half)]
    assert change_points(series[1:]) == ()
    assert [change.index for change in change_points(series)] == [half]
    assert change_points([]) == ()


def test_equal_values_have_no_change() -> None:
    assert change_points([5.0] * 40) == ()


def test_the_same_series_gives_the_same_answer() -> None:
    values = stepped(11, 30, 15, spread=0.05)
    first = change_points(values)
    assert first
    assert all(change_points(values) == first for _ in range(3))


def test_the_scale_does_not_matter() -> None:
    values = stepped(5, 40, 20)
    small, large = (change_points([factor * value for value in values]) for factor in (1e-6, 1e9))
    assert [change.index for change in small] == [change.index for change in large]
    assert [change.p_value for change in small] == [change.p_value for change in large]


def test_a_doubling_and_a_halving_are_equally_far() -> None:
    rising = [1.0, 1.01, 0.99] * 4 + [2.0, 2.02, 1.98] * 4
    (up,) = change_points(rising)
    (down,) = change_points([1 / value for value in rising])
    assert (up.index, up.p_value) == (down.index, down.p_value)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_values_have_to_be_positive(bad: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        change_points([1.0] * 20 + [bad])


def test_the_method_is_named() -> None:
    assert METHOD == "E-divisive means, 499 permutations, p <= 0.01"
    assert ChangePoint(1, before=2.0, after=1.8, p_value=0.01).change == pytest.approx(-0.1)
