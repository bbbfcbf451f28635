"""Student's t and Fisher's F: shares beyond a value, and quantiles. No input or output.

Both are the regularised incomplete beta function. SciPy has them too, and takes 143 MB to install
and a third of a second to import; tests hold these to SciPy's, to twelve digits.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
"""ln gamma(x) less its main terms, in 1/x, 1/x^3, 1/x^5 ... (DLMF 5.11.1)."""
_LARGE = 10.0
"""From here on that series is exact to a double's last digits."""
_LAST_DIGIT = 2.0**-52
_NEAR = 1e-9
"""A step of Newton's method so short leaves an error of about its square."""


def t_beyond(freedom: float, t: float) -> float:
    """The share of Student's t that lies farther from 0 than `t`, to both sides: a two-sided p
    value. `freedom`: degrees of freedom, above 0 and not always whole.

    >>> round(t_beyond(9, 2.2621571628), 10)
    0.05
    """
    square = t * t
    whole = freedom + square
    return _share(freedom / 2, 0.5, freedom / whole, square / whole)[0] if square else 1.0


def f_beyond(between: float, within: float, ratio: float) -> float:
    """The share of Fisher's F above `ratio` (from 0 on), with the degrees of freedom of its
    numerator, `between`, and of its denominator, `within`.

    >>> round(f_beyond(1, 9, 2.2621571628**2), 10)  # of two groups it is t
    0.05
    """
    scaled = between * ratio
    whole = within + scaled
    return _share(within / 2, between / 2, within / whole, scaled / whole)[0] if scaled else 1.0


@lru_cache(maxsize=1024)
def t_quantile(freedom: float, share: float) -> float:
    """The value of Student's t below which `share` of it lies, above 0 and below 1.

    >>> round(t_quantile(9, 0.975), 10)
    2.2621571628
    """
    if share == 0.5:
        return 0.0
    if share < 0.5:
        return -t_quantile(freedom, 1 - share)
    wanted = 2 * (1 - share)
    # Newton's method on logarithms of both: there the curve only bends downwards, so that no step
    # but the first goes past the solution, wherever it begins.
    t = NormalDist().inv_cdf(share)
    while True:
        whole = freedom + t * t
        beyond, slope = _share(freedom / 2, 0.5, freedom / whole, t * t / whole)
        step = math.log(beyond / wanted) * beyond / (2 * slope)
        t *= math.exp(step)
        if not abs(step) > _NEAR:  # nor if it is no number
            return t


def _share(a: float, b: float, x: float, y: float) -> tuple[float, float]:
    """The regularised incomplete beta function of a, b and x, and x^a y^b / B(a, b).

    `y` is 1 - x: who calls it has it without loss where x is near 1.
    """
    if not x:
        return 0.0, 0.0
    logarithms = a * (math.log1p(-y) if y < 0.5 else math.log(x))
    logarithms += b * (math.log1p(-x) if x < 0.5 else math.log(y))
    front = math.exp(logarithms - _log_beta(a, b))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x, y), front
    return 1 - front * _series(b, a, y), front


def _series(a: float, b: float, x: float) -> float:
    """What x^a y^b / B(a, b) is multiplied by, for x below the middle (DLMF 8.17.8)."""
    total = term = 1 / a
    n = 0
    while term > total * _LAST_DIGIT / 4:
        term *= (a + b + n) / (a + 1 + n) * x
        total += term
        n += 1
    return total


def _fraction(a: float, b: float, x: float, y: float) -> float:
    """The same for x below the middle, by a continued fraction: the even part of DLMF 8.17.22, as
    BFRAC of TOMS 708 has it (Didonato & Morris 1992), in which nothing cancels for x near 1."""
    base = 1 + a * y - b * x
    value = below = (a + 1) / (a * base)
    above = math.inf
    n, p, s = 1, 1.0, a + 1
    while True:
        w = n * (b - n) * x
        alpha = p * (p + b / a) * (a / s) ** 2 * w * x
        p = 1 + n / a
        beta = n + w / s + p / (p + (n + 1) / a) * (base + n * (1 + y))
        s += 2
        below = 1 / (beta + alpha * below)
        above = beta + alpha / above
        change = above * below
        value *= change
        if not abs(change - 1) > 2 * _LAST_DIGIT:  # nor if it is no number
            return value
        n += 1


def _log_beta(a: float, b: float) -> float:
    """ln B(a, b), where the difference of two large logarithms would cost digits."""
    small, large = sorted((a, b))
    if large < _LARGE:
        return math.lgamma(small) + math.lgamma(large) - math.lgamma(a + b)
    grown = (large - 0.5) * math.log1p(small / large) + small * (math.log(a + b) - 1)
    return math.lgamma(small) - grown - _rest(a + b) + _rest(large)


def _rest(x: float) -> float:
    return math.fsum(factor / x ** (2 * n + 1) for n, factor in enumerate(_STIRLING))
