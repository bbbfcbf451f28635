"""Plots of one line for a terminal: bars over a zero line, shares of a whole, a distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

_BARS, _PLAIN_BARS = " ▁▂▃▄▅▆▇█", " 12345678"
_FILLS, _PLAIN_FILLS = "█▓▒▞░▚", "#=-*.+"
"""One per part of a whole, told apart without colours."""


def fits(encoding: str) -> bool:
    """Whether the blocks can be shown there; else there are digits and signs."""
    try:
        (_BARS + _FILLS).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def bars(values: Sequence[float], width: int, encoding: str = "utf-8") -> str:
    """At most `width` characters, each the mean of as many neighbouring values. Their height
    begins at zero; what is not zero is seen."""
    if not values:
        return ""
    shown = _means(values, width)
    marks = _BARS if fits(encoding) else _PLAIN_BARS
    top, last = max(shown), len(marks) - 1
    if top <= 0:
        return marks[0] * len(shown)
    return "".join(
        marks[max(1, round(value / top * last))] if value > 0 else marks[0] for value in shown
    )


def _means(values: Sequence[float], width: int) -> list[float]:
    size = math.ceil(len(values) / max(1, width))
    groups = [values[begin : begin + size] for begin in range(0, len(values), size)]
    return [sum(group) / len(group) for group in groups]


def shares_bar(shares: Sequence[float], width: int, encoding: str = "utf-8") -> list[str]:
    """A piece per share, together `width` long; shares add up to 1. By largest remainders, so
    that no rounding makes the bar longer or shorter."""
    fills = _FILLS if fits(encoding) else _PLAIN_FILLS
    exact = [max(0.0, share) * width for share in shares]
    whole = [math.floor(part) for part in exact]
    missing = round(sum(exact)) - sum(whole)
    by_rest = sorted(range(len(exact)), key=lambda index: whole[index] - exact[index])
    for index in by_rest[:missing]:
        whole[index] += 1
    return [fills[index % len(fills)] * length for index, length in enumerate(whole)]


def key_of(names: Sequence[str], encoding: str = "utf-8") -> Mapping[str, str]:
    """Name -> the fill of its piece in `shares_bar`."""
    fills = _FILLS if fits(encoding) else _PLAIN_FILLS
    return {name: fills[index % len(fills)] for index, name in enumerate(names)}


def histogram(samples: npt.NDArray[np.int64], bins: int) -> tuple[list[int], float, float]:
    """How many samples lie in each of `bins` steps between the lowest and the highest one, each
    step as many times as long as the one before; and these two. All samples count."""
    low, high = float(max(1, int(samples.min()))), float(max(1, int(samples.max())))
    if low == high:
        return [len(samples)], low, high
    edges = np.geomspace(low, high, bins + 1)
    place = np.clip(np.searchsorted(edges, samples, side="right") - 1, 0, bins - 1)
    return np.bincount(place, minlength=bins).tolist(), low, high
