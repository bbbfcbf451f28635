"""Percentiles against the definition, counted out one sample at a time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.results.record.distributions import Distribution
from harness.stats.percentiles import QUANTILES, describe, nearest_rank

EXACT = {
    "p50": Fraction(50, 100),
    "p90": Fraction(90, 100),
    "p95": Fraction(95, 100),
    "p99": Fraction(99, 100),
    "p999": Fraction(999, 1000),
}
SIZES = (1, 2, 3, 9, 10, 11, 19, 20, 21, 99, 100, 101, 999, 1000, 1001, 2000, 9999, 10_000)


def by_counting(samples: list[int], share: Fraction) -> int:
    """The smallest sample that at least `share` of all samples do not exceed."""
    for sample in sorted(samples):
        if sum(other <= sample for other in samples) >= share * len(samples):
            return sample
    raise AssertionError("unreachable: the largest sample exceeds none")


@given(st.lists(st.integers(0, 50), min_size=1, max_size=120))
def test_percentiles_are_the_counted_ones(samples: list[int]) -> None:
    ordered = np.sort(np.array(samples, dtype=np.int64))
    for name, share in EXACT.items():
        assert nearest_rank(ordered, QUANTILES[name]) == by_counting(samples, share)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", EXACT)
def test_ranks_are_exact_at_every_edge(size: int, name: str) -> None:
    """Sample k of 1..n is k, so the percentile is the rank: ceil(q * n) in exact numbers."""
    ordered = np.arange(1, size + 1, dtype=np.int64)
    rank = -(-EXACT[name].numerator * size // EXACT[name].denominator)
    assert nearest_rank(ordered, QUANTILES[name]) == rank


@pytest.mark.parametrize("size", [*range(1, 300), 10**6, 10**7, 10**7 + 1])
def test_ranks_do_not_suffer_from_binary_fractions(size: int) -> None:
    """0.95 * 20 is 19 and not a hair more; so at every size, also with millions of samples."""

    class Ranks:
        def __len__(self) -> int:
            return size

        def __getitem__(self, place: int) -> int:
            return place + 1

    for name, share in EXACT.items():
        rank = nearest_rank(Ranks(), QUANTILES[name])  # type: ignore[arg-type]  # only a length
        assert rank == -(-share.numerator * size // share.denominator)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300))
def test_percentiles_are_numpys_inverted_cdf(samples: list[int]) -> None:
    ordered = np.sort(np.array(samples, dtype=np.int64))
    for quantile in QUANTILES.values():
        theirs = int(np.quantile(ordered, quantile, method="inverted_cdf"))
        ours = nearest_rank(ordered, quantile)
        if theirs != ours:  # numpy rounds q * n in binary: it may be one sample too high
            assert abs(quantile * len(ordered) - round(quantile * len(ordered))) < 1e-9
            assert theirs == ordered[min(round(quantile * len(ordered)), len(ordered) - 1)]


@given(st.lists(st.integers(-(10**12), 10**15), min_size=1, max_size=200))
def test_describe_is_in_seconds_and_in_order(samples: list[int]) -> None:
    summary = describe(np.array(samples, dtype=np.int64))
    assert summary["count"] == len(samples)
    assert summary["min"] == min(samples) / 1e9
    assert summary["max"] == max(samples) / 1e9
    assert summary["mean"] == pytest.approx(sum(samples) / len(samples) / 1e9)
    ladder = [summary[name] for name in ("min", *QUANTILES, "max")]
    assert ladder == sorted(ladder)
    in_seconds = {sample / 1e9 for sample in samples}
    assert all(summary[name] in in_seconds for name in QUANTILES)  # never interpolated


def test_describe_leaves_its_input_alone() -> None:
    samples = np.array([3, 1, 2], dtype=np.int64)
    describe(samples)
    assert samples.tolist() == [3, 1, 2]


def test_nothing_is_a_count_of_zero() -> None:
    summary = describe(np.array([], dtype=np.int64))
    assert summary == {"count": 0}
    stored = Distribution.model_validate(summary)
    assert (stored.count, stored.p50, stored.mean, stored.max) == (0, None, None, None)
