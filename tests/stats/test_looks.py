"""Looking again and again: the error stays, and verdicts come sooner. Simulated, seeded."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from harness.scenario.models.compare import Compare, PairBudget
from harness.stats.looks import LEVEL, confidence_of
from harness.stats.paired import direction, estimate

EVERY_TWO = tuple(range(6, 31, 2))
RUNS = 1000
MARGIN = 0.05


def ended(
    logs: npt.NDArray[np.float64], looks: tuple[int, ...], confidence: float
) -> list[tuple[str, int]]:
    """The verdict of each comparison, and after how many pairs: it ends with the first one."""
    found: list[tuple[str, int]] = []
    for one in logs:
        for pairs in looks:
            said = direction(
                estimate(one[:pairs], confidence=confidence, margin=MARGIN), margin=MARGIN
            )
            if said != "inconclusive":
                break
        found.append((said, pairs))
    return found


def test_one_look_needs_no_correction() -> None:
    assert confidence_of(()) == confidence_of((12,)) == 1 - LEVEL


def test_the_confidence_is_that_of_pocock_where_pairs_are_many() -> None:
    """Of five looks at equal distances, known spread: nominal 0.0158 (Pocock 1977, table 1)."""
    assert 1 - confidence_of((200, 400, 600, 800, 1000)) == pytest.approx(0.0158, abs=0.0008)


def test_it_takes_less_than_a_divided_error() -> None:
    for looks in ((10, 20, 30), EVERY_TWO, (6, 40)):
        assert 1 - LEVEL < confidence_of(looks) < 1 - LEVEL / len(looks)


@pytest.mark.parametrize("looks", [EVERY_TWO, (6, 7, 8), (10, 20, 30)])
def test_all_intervals_together_hold_the_truth_as_often_as_one(looks: tuple[int, ...]) -> None:
    """With other random numbers than those that the confidence was made from."""
    logs = np.random.default_rng(4).normal(0, 0.1, (20_000, looks[-1]))
    confidence = confidence_of(looks)
    missed = np.zeros(len(logs), dtype=bool)
    for pairs in looks:
        means = logs[:, :pairs].mean(axis=1)
        errors = logs[:, :pairs].std(axis=1, ddof=1) / math.sqrt(pairs)
        found = estimate([0.0, 0.1, *[0.05] * (pairs - 2)], confidence=confidence, margin=0)
        assert found.high is not None
        spread = np.std([0.0, 0.1, *[0.05] * (pairs - 2)], ddof=1) / math.sqrt(pairs)
        tail = (math.log(found.high) - 0.05) / spread
        missed |= np.abs(means) > tail * errors
    assert missed.mean() == pytest.approx(LEVEL, abs=0.005)


@pytest.mark.parametrize("spread", [0.03, 0.15])
def test_a_slowdown_of_just_the_margin_is_called_either_way_by_one_in_forty(spread: float) -> None:
    logs = np.random.default_rng(9).normal(math.log(1 - MARGIN), spread, (RUNS, 30))
    said = [verdict for verdict, _ in ended(logs, EVERY_TWO, confidence_of(EVERY_TWO))]
    for called in (said.count("regression"), said.count("no_change") + said.count("improved")):
        assert called / RUNS <= 0.025 + 0.012


@pytest.mark.parametrize("effect", [1.0, 0.9])
def test_verdicts_come_sooner_than_by_three_looks_and_are_no_fewer(effect: float) -> None:
    logs = np.random.default_rng(2).normal(math.log(effect), 0.05, (RUNS, 30))
    now = ended(logs, EVERY_TWO, confidence_of(EVERY_TWO))
    before = ended(logs, (10, 20, 30), 1 - LEVEL / 3)
    right = {"no_change", "improved"} if effect == 1.0 else {"regression"}
    decided = [sum(said in right for said, _ in one) for one in (now, before)]
    assert decided[0] >= decided[1] - 0.01 * RUNS
    assert np.mean([pairs for _, pairs in now]) < 0.85 * np.mean([pairs for _, pairs in before])


def test_looks_come_after_whole_mirrored_pairs_and_grow_rare() -> None:
    sizes = Compare(pairs=PairBudget(min=6, max=60)).look_sizes
    assert sizes == (*range(6, 33, 2), 36, 40, 44, 48, 54, 60)
    assert Compare(pairs=PairBudget(min=12, max=12)).look_sizes == (12,)
