"""Means over cells on simulated pairs whose truth is known: quiet and noisy cells, heavy tails,
spikes. Seeded."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.stats.paired import estimate
from harness.stats.strata import stratified_mean, unlike

RUNS = 700
every_kind = pytest.mark.parametrize("kind", ["normal", "t3", "spikes"])
Shape = tuple[tuple[int, float], ...]
"""Of each cell its pairs and how noisy they are."""


def _noise(random: np.random.Generator, kind: str, count: int) -> list[float]:
    if kind == "t3":
        return list(random.standard_t(3, count) / math.sqrt(3))
    values = random.normal(size=count)
    if kind == "spikes":
        values[random.random(count) < 0.05] *= 6
    return list(values)


def _cells(
    random: np.random.Generator, kind: str, shape: Shape, effects: tuple[float, ...]
) -> list[list[float]]:
    return [
        [effect + 0.05 * sd * one for one in _noise(random, kind, count)]
        for (count, sd), effect in zip(shape, effects, strict=True)
    ]


@every_kind
@pytest.mark.parametrize(
    "shape",
    [
        ((6, 1), (6, 1), (6, 4), (6, 4)),
        ((3, 1), (3, 1), (3, 4), (3, 4)),
        ((2, 1), (2, 4), (2, 1), (2, 1)),
        ((6, 1), (6, 4)),
        ((3, 1),) * 9,
        ((10, 1), (3, 1), (6, 2)),
        ((1, 1),) * 6,
    ],
)
def test_the_interval_covers_the_mean_of_unlike_cells(kind: str, shape: Shape) -> None:
    random = np.random.default_rng(len(shape) + shape[0][0])
    # Cells differ among themselves; where each has one pair alone, nobody can know that.
    effects = tuple(0.2 * (index % 2) for index in range(len(shape)))
    truth = sum(effects) / len(effects)
    missed = 0
    for _ in range(RUNS):
        found = stratified_mean(_cells(random, kind, shape, effects))
        assert found is not None
        interval = found.interval(0.95)
        assert interval is not None
        missed += not interval[0] <= truth <= interval[1]
    # At most 5 % of intervals miss: 35 of 700 and three standard errors.
    assert missed <= 35 + 3 * math.sqrt(35 * 0.95)


@every_kind
@pytest.mark.parametrize(
    "groups",
    [
        (((6, 1),), ((6, 4),)),
        (((3, 1),), ((3, 4),)),
        (((3, 1), (3, 1)), ((3, 4), (3, 4))),
        (((6, 1),), ((6, 2),), ((6, 4),)),
        (((2, 1),) * 3, ((2, 4),) * 3),
    ],
)
def test_alike_groups_are_seldom_called_unlike(kind: str, groups: tuple[Shape, ...]) -> None:
    random = np.random.default_rng(len(groups))
    called = 0
    for _ in range(RUNS):
        # What differs between the cells of each group differs in all groups alike.
        made = [
            _cells(random, kind, shape, tuple(0.1 * n for n in range(len(shape))))
            for shape in groups
        ]
        p_value = unlike(made)
        called += p_value is not None and p_value < 0.05
    # At a nominal 5 %: 35 of 700, six of them for cells of three pairs, and three standard errors.
    assert called <= 41 + 3 * math.sqrt(41 * 0.94)


def test_unlike_groups_are_found() -> None:
    random = np.random.default_rng(5)
    shape: Shape = ((6, 1), (6, 1))
    for _ in range(50):
        groups = [_cells(random, "normal", shape, (effect,) * 2) for effect in (-0.03, -0.37)]
        p_value = unlike(groups)
        assert p_value is not None
        assert p_value < 0.01


def test_one_cell_is_the_paired_comparison() -> None:
    values = [0.1, 0.12, 0.07, 0.11, 0.02, 0.13]
    mean, pairs = stratified_mean([values]), estimate(values, confidence=0.95, margin=0.05)
    assert mean is not None
    interval = mean.interval(0.95)
    assert interval is not None
    assert [math.exp(mean.value), *map(math.exp, interval)] == pytest.approx(
        [pairs.ratio, pairs.low, pairs.high]
    )
    assert mean.p_value == pytest.approx(pairs.p_value)
    visible = mean.visible(0.95)
    assert visible is not None
    assert 1 - math.exp(-visible) == pytest.approx(pairs.smallest_effect)


def test_each_cell_has_the_same_weight() -> None:
    found = stratified_mean([[0.1] * 20, [0.3] * 2])
    assert found is not None
    assert found.value == pytest.approx(0.2)


def test_too_few_to_say() -> None:
    assert stratified_mean([]) is None
    assert stratified_mean([[], []]) is None
    alone = stratified_mean([[0.1]])
    assert alone is not None
    assert (alone.value, alone.interval(0.95), alone.p_value) == (0.1, None, None)
    assert alone.visible(0.95) is None
    assert unlike([[[0.1, 0.2, 0.3]], [[0.5]]]) is None
    assert unlike([[[0.1, 0.2, 0.3]]]) is None
    assert unlike([]) is None


def test_pairs_without_spread() -> None:
    found = stratified_mean([[0.125] * 3, [0.125] * 3])
    assert found is not None
    assert found.p_value == 0.0
    assert unlike([[[0.125] * 3], [[0.125] * 3]]) == 1.0
    assert unlike([[[0.125] * 3], [[0.25] * 3]]) == 0.0
