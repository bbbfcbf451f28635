"""The quantiles and shares of our own, beside SciPy's, which is installed for these tests."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest

from harness.stats.student import f_beyond, t_beyond, t_quantile

CLOSE = 2e-12
"""By mpmath SciPy's answers are off by up to 1e-12, those of the harness by 4e-14."""


def _freedoms(drawn: random.Random) -> Iterator[float]:
    """Whole, as of pairs, and not, as Satterthwaite's; up to a million."""
    yield from range(1, 61)
    yield from (100, 1000, 10_000, 100_000, 1_000_000)
    yield from (drawn.uniform(0.5, 40) for _ in range(100))
    yield from (math.exp(drawn.uniform(0, math.log(1e6))) for _ in range(100))


def _shares(drawn: random.Random) -> Iterator[float]:
    """What is left beyond: the harness' own, and from near a half down to 1e-12."""
    yield from (0.2, 0.025, 0.0117, 0.005)
    yield from (math.exp(drawn.uniform(math.log(1e-12), math.log(0.49))) for _ in range(16))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_quantiles_and_shares_are_scipys(seed: int) -> None:
    from scipy import special  # noqa: PLC0415 - a third of a second where it is not asked

    drawn = random.Random(seed)  # noqa: S311 - no secret
    for freedom in _freedoms(drawn):
        for left in _shares(drawn):
            t = t_quantile(freedom, 1 - left)
            assert t == pytest.approx(special.stdtrit(freedom, 1 - left), rel=CLOSE, abs=0)
            beyond = 2 * special.stdtr(freedom, -t)
            assert t_beyond(freedom, t) == pytest.approx(beyond, rel=CLOSE, abs=0)
            assert t_beyond(freedom, -t) == t_beyond(freedom, t)
            between = drawn.choice((drawn.randint(1, 30), drawn.uniform(1, 30)))
            within = min(freedom, 10_000)  # above it SciPy's F has ten digits
            ratio = float(special.fdtri(between, within, 1 - left))
            expected = special.fdtrc(between, within, ratio)
            assert f_beyond(between, within, ratio) == pytest.approx(expected, rel=CLOSE, abs=0)


def test_ends_and_what_is_no_number() -> None:
    assert t_quantile(9, 0.5) == 0
    assert t_quantile(9, 0.025) == -t_quantile(9, 0.975)
    assert (t_beyond(9, 0), f_beyond(3, 9, 0)) == (1, 1)
    assert (t_beyond(9, math.inf), f_beyond(3, 9, math.inf)) == (0, 0)
    assert math.isnan(t_beyond(9, math.nan))
    assert math.isnan(f_beyond(3, 9, math.nan))
    assert t_beyond(5, 1e6) == pytest.approx(1.898033449092136e-29, rel=1e-12, abs=0)
