"""Verdicts on simulated blocks whose truth is known: drift, heavy tails, spikes. Seeded."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.looks import confidence_of
from harness.stats.paired import (
    FEWEST_PAIRS,
    Estimate,
    direction,
    estimate,
    false_discovery,
    geometric_mean,
    visible_effect,
    wilcoxon_p,
)

Logs = npt.NDArray[np.float64]
RUNS = 2000
MARGIN = 0.05


def _autoregressive(shocks: Logs) -> Logs:
    """AR(1) with coefficient 0.8: a busy spell lasts for some blocks, then goes."""
    levels = np.zeros_like(shocks)
    for block in range(shocks.shape[1]):
        before = levels[:, block - 1] if block else 0.0
        levels[:, block] = 0.8 * before + 2 * shocks[:, block]
    return levels


DRIFTS: dict[str, Callable[[Logs], Logs]] = {
    "walk": lambda shocks: shocks.cumsum(axis=1),
    "ar1": _autoregressive,
}
every_drift = pytest.mark.parametrize("kind", list(DRIFTS))


def log_ratios(
    runs: int, pairs: int, effect: float, seed: int, spread: float = 0.08, kind: str = "walk"
) -> Logs:
    """Log ratios of `runs` comparisons over `pairs` pairs of blocks, ABBA.

    The machine drifts (a random walk or busy spells, and a slope), blocks have t3 tails, and one
    block in twelve is hit by a neighbour who takes up to half of it.
    """
    random = np.random.default_rng(seed)
    blocks = 2 * pairs
    drift = DRIFTS[kind](random.normal(0, 0.05, (runs, blocks)))
    drift += np.linspace(0, 1, blocks) * random.normal(0, 0.3, (runs, 1))
    noise = random.standard_t(3, (runs, blocks)) * spread
    spikes = np.where(
        random.random((runs, blocks)) < 1 / 12, random.uniform(-0.7, 0, (runs, blocks)), 0
    )
    logs = drift + noise + spikes
    head_first = (np.arange(pairs) % 2).astype(bool)
    first, second = logs[:, 0::2], logs[:, 1::2]
    return np.where(head_first, first - second, second - first) + math.log(effect)


def verdicts(logs: Logs, margin: float = MARGIN) -> list[str]:
    found = [estimate(list(one), confidence=0.95, margin=margin) for one in logs]
    return [direction(one, margin=margin) for one in found]


@every_drift
@pytest.mark.parametrize("pairs", [6, 10, 20])
def test_at_most_one_in_twenty_identical_pairs_is_called_a_regression(
    pairs: int, kind: str
) -> None:
    """Even with no margin at all: with one, far fewer."""
    logs = log_ratios(RUNS, pairs, 1.0, seed=pairs, kind=kind)
    called = verdicts(logs, margin=0.0)
    assert called.count("regression") / RUNS <= 0.05
    with_margin = verdicts(logs)
    assert with_margin.count("regression") / RUNS <= 0.025


@every_drift
@pytest.mark.parametrize("pairs", [6, 10, 20])
@pytest.mark.parametrize("effect", [1.0, 0.9, 1.2])
def test_intervals_cover_the_truth_as_often_as_they_say(
    pairs: int, effect: float, kind: str
) -> None:
    logs = log_ratios(RUNS, pairs, effect, seed=100 + pairs, kind=kind)
    found = [estimate(list(one), confidence=0.95, margin=MARGIN) for one in logs]
    covered = sum(
        one.low is not None and one.high is not None and one.low <= effect <= one.high
        for one in found
    )
    # Heavy tails make t intervals wide, never narrow.
    assert 0.94 <= covered / RUNS <= 0.995


def test_gaussian_coverage_is_exact() -> None:
    logs = np.random.default_rng(5).normal(0.1, 0.05, (4000, 8))
    found = [estimate(list(one), confidence=0.95, margin=MARGIN) for one in logs]
    covered = sum(one.low < math.exp(0.1) < one.high for one in found)  # type: ignore[operator] # 8 pairs
    assert covered / 4000 == pytest.approx(0.95, abs=0.012)


def test_the_same_blocks_without_pairs_deceive() -> None:
    """Why AAA BBB is not given a verdict: drift alone makes a third of them regressions."""
    random = np.random.default_rng(3)
    walks = random.normal(0, 0.05, (RUNS, 20)).cumsum(axis=1)
    called = verdicts(walks[:, 10:] - walks[:, :10], margin=0.0)
    assert called.count("regression") / RUNS > 0.2


@pytest.mark.parametrize("spread", [0.005, 0.02, 0.08])
@pytest.mark.parametrize("pairs", [6, 10, 20, 30])
def test_a_slowdown_of_a_tenth_is_hardly_ever_no_change(pairs: int, spread: float) -> None:
    """At most the interval's own error; and what is inconclusive did not claim to see a tenth
    better than its power."""
    called = verdicts(log_ratios(RUNS, pairs, 0.9, seed=pairs, spread=spread))
    assert (called.count("no_change") + called.count("improved")) / RUNS <= 0.025


def test_what_is_inconclusive_says_so_of_the_effect() -> None:
    """A planted tenth: regression, or inconclusive with a smallest regression above a tenth."""
    logs = log_ratios(RUNS, 10, 0.9, seed=11)
    found = [estimate(list(one), confidence=0.95, margin=MARGIN) for one in logs]
    inconclusive = [one for one in found if direction(one, margin=MARGIN) == "inconclusive"]
    honest = [one for one in inconclusive if (one.smallest_regression or 0) > 0.1]
    assert len(inconclusive) > RUNS / 4
    assert len(honest) / len(inconclusive) > 0.95


def test_margin_behaves_as_documented() -> None:
    """Spread 5 %, 10 pairs: no effect passes, a tenth is called, the boundary is not."""
    random = np.random.default_rng(8)

    def called(effect: float) -> list[str]:
        return verdicts(random.normal(math.log(effect), 0.05, (RUNS, 10)))

    none, tenth, boundary = called(1.0), called(0.86), called(0.95)
    assert (none.count("no_change") + none.count("improved")) / RUNS > 0.8
    assert none.count("regression") / RUNS < 0.002
    assert tenth.count("regression") / RUNS > 0.95
    assert boundary.count("regression") / RUNS == pytest.approx(0.025, abs=0.012)


@every_drift
@pytest.mark.parametrize("looks", [(6, 10, 20), tuple(range(6, 31, 6))])
def test_looks_do_not_raise_the_error(looks: tuple[int, ...], kind: str) -> None:
    """Stopping at the first regression: below 5 % all together."""
    logs = log_ratios(RUNS, looks[-1], 1.0, seed=17, kind=kind)
    confidence = confidence_of(looks)
    false_regressions = sum(
        any(
            direction(estimate(list(one[:size]), confidence=confidence, margin=0.0), margin=0.0)
            == "regression"
            for size in looks
        )
        for one in logs
    )
    assert false_regressions / RUNS <= 0.05


def test_figures_are_those_of_the_formulas() -> None:
    logs = [0.1, 0.0, 0.05, 0.15, -0.05, 0.02, 0.08, 0.03]
    found = estimate(logs, confidence=0.95, margin=0.05)
    # t.975 and t.80 with 7 degrees of freedom, from a printed table.
    mean, error = statistics.fmean(logs), statistics.stdev(logs) / math.sqrt(8)
    assert found.ratio == pytest.approx(math.exp(mean))
    assert found.low == pytest.approx(math.exp(mean - 2.3646 * error), rel=1e-4)
    assert found.high == pytest.approx(math.exp(mean + 2.3646 * error), rel=1e-4)
    visible = (2.3646 + 0.8960) * error
    assert found.smallest_effect == pytest.approx(1 - math.exp(-visible), rel=1e-3)
    assert found.smallest_regression == pytest.approx(1 - 0.95 * math.exp(-visible), rel=1e-3)


@pytest.mark.parametrize(
    ("pairs", "spread", "effect"),
    [(10, 0.05, 0.049), (20, 0.05, 0.032), (30, 0.05, 0.026), (10, 0.1, 0.095), (10, 0.29, 0.25)],
)
def test_smallest_effects_are_those_of_the_table(pairs: int, spread: float, effect: float) -> None:
    values = np.resize([1.0, -1.0], pairs) * spread / math.sqrt(pairs / (pairs - 1))
    found = estimate(list(values), confidence=0.95, margin=0.05)
    assert found.smallest_effect == pytest.approx(effect, abs=0.002)
    assert visible_effect(spread, pairs, 0.95) == pytest.approx(effect, abs=0.002), "beforehand"


def test_outliers_are_counted_and_kept() -> None:
    calm = [0.01, -0.01, 0.02, -0.02, 0.0, 0.015, -0.015]
    wild = estimate([*calm, 2.0], confidence=0.95, margin=0.05)
    assert (wild.outliers, estimate(calm, confidence=0.95, margin=0.05).outliers) == (1, 0)
    assert wild.ratio == pytest.approx(math.exp(sum([*calm, 2.0]) / 8))


def test_few_pairs_carry_no_verdict() -> None:
    for pairs in range(FEWEST_PAIRS):
        logs = [-0.5 - n / 100 for n in range(pairs)]
        assert (
            direction(estimate(logs, confidence=0.95, margin=0.05), margin=0.05) == "inconclusive"
        )
    logs = [-0.5 - n / 100 for n in range(FEWEST_PAIRS)]
    assert direction(estimate(logs, confidence=0.95, margin=0.05), margin=0.05) == "regression"


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.0, "no_change"), (-0.5, "regression"), (0.2, "improved")]
)
def test_pairs_without_any_spread_are_no_trouble(value: float, verdict: str) -> None:
    found = estimate([value] * 6, confidence=0.95, margin=0.05)
    assert direction(found, margin=0.05) == verdict
    assert found.p_value == pytest.approx(1.0 if value == 0 else 0.0)


def test_no_pair_and_one_pair() -> None:
    assert estimate([], confidence=0.95, margin=0.05) == Estimate(0, 0.95)
    one = estimate([math.log(0.5)], confidence=0.95, margin=0.05)
    assert one.ratio == pytest.approx(0.5)
    assert (one.low, one.high, one.p_value) == (None, None, None)


def test_false_discovery_keeps_chance_findings_out() -> None:
    q_values = false_discovery([0.001, 0.04, 0.5, 0.9])
    assert q_values == pytest.approx([0.004, 0.08, 2 / 3, 0.9])
    assert false_discovery([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_false_discovery_is_scipys(p_values: list[float]) -> None:
    from scipy import stats  # noqa: PLC0415 - half a second in each process that collects

    expected = stats.false_discovery_control(p_values)
    assert false_discovery(p_values) == pytest.approx(expected.tolist(), rel=1e-12)


@pytest.mark.parametrize("pairs", [2, 3, 6, 9, 14, 30, 50, 51, 80])
@pytest.mark.parametrize("digits", [0, 1, 15])
def test_the_second_opinion_is_scipys(pairs: int, digits: int) -> None:
    """Whatever is alike: with no digit behind the point nearly all distances are, or nothing."""
    from scipy import stats  # noqa: PLC0415 - half a second in each process that collects

    values = np.random.default_rng(7).normal(0.3, 1, pairs).round(digits)
    values[0] = 1.0  # of pairs without any difference SciPy has no answer
    expected = float(stats.wilcoxon(values).pvalue)
    assert wilcoxon_p(values.tolist()) == pytest.approx(expected, rel=1e-9)


def test_of_thirteen_pairs_each_way_to_sign_them_counts() -> None:
    """SciPy tries each of them in Python, which takes seconds."""
    from scipy import stats  # noqa: PLC0415 - half a second in each process that collects

    distances = np.array([1, 1, 2, 3, 3, 3, 4, 5, 5, 6, 7, 8, 8])
    ranks = stats.rankdata(distances)
    signs = (np.arange(2**13)[:, None] >> np.arange(13)) & 1
    sums = signs @ ranks
    for number in (0, 5, 77, 4711):
        found = sums[number]
        expected = 2 * min((sums <= found).mean(), (sums >= found).mean())
        signed = np.where(signs[number] == 1, distances, -distances)
        assert wilcoxon_p(signed.tolist()) == pytest.approx(min(1.0, expected))


def test_the_second_opinion_where_there_is_none() -> None:
    assert wilcoxon_p([0.1]) is None
    assert wilcoxon_p([0.0, 0.0, 0.0]) == 1.0


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=20))
def test_geometric_mean_does_not_depend_on_the_side(ratios: list[float]) -> None:
    mean = geometric_mean(ratios)
    inverse = geometric_mean([1 / ratio for ratio in ratios])
    assert mean is not None
    assert inverse is not None
    assert mean * inverse == pytest.approx(1)
