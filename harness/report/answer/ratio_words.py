"""Ratios in words that say which way: `56 % more units/s (14 to 112 %)`."""

from __future__ import annotations

from typing import Protocol

from harness.figures.names import asked
from harness.scenario.files.wording import printable

_TIMES = 3.0
"""From this factor on a ratio reads better than a percentage."""
_SAME = 0.0005
"""Less than would be shown of a percentage."""


class Ratio(Protocol):
    """A comparison, or an effect: above 1 is better."""

    @property
    def metric(self) -> str:
        """`throughput`, `latency.total.p50` ..."""

    @property
    def ratio(self) -> float | None:
        """None where it is unknown, as its ends may be."""

    @property
    def low(self) -> float | None:
        """The lower end of its interval."""

    @property
    def high(self) -> float | None:
        """The upper end."""


def effect_words(one: Ratio) -> str:
    """What the head is like, measured by the base, with the interval. Empty without a ratio."""
    if one.ratio is None:
        return ""
    more_is_better = _more_is_better(one.metric)
    factor, low, high = _natural(one, more_is_better=more_is_better)
    noun, more, less = _words(one.metric)
    if factor >= _TIMES:
        interval = "" if low is None or high is None else f" ({low:.3g} to {high:.3g})"
        return f"{factor:.3g} times the {noun}{interval}"
    comparative = more if factor >= 1 else less
    if abs(factor - 1) < _SAME:
        return f"the same {noun}" + _interval(low, high, more, less)
    return f"{_percent(factor)} % {comparative} {noun}{_interval(low, high, more, less)}"


def _natural(one: Ratio, *, more_is_better: bool) -> tuple[float, float | None, float | None]:
    """Head / base of the figure itself; in a record above 1 is better."""
    assert one.ratio is not None  # noqa: S101 - asked before
    if more_is_better:
        return one.ratio, one.low, one.high
    low, high = (None if end is None else 1 / end for end in (one.high, one.low))
    return 1 / one.ratio, low, high


def _more_is_better(metric: str) -> bool:
    found = asked(metric)
    return found is not None and found.figure.better == "more"


def _words(metric: str) -> tuple[str, str, str]:
    """What it is, and the two comparatives."""
    if metric in ("throughput", "saturation"):
        within = " within the limits" if metric == "saturation" else ""
        return f"units/s{within}", "more", "fewer"
    found = asked(metric)
    if metric == "worker_cpu":
        return "CPU per task", "more", "less"
    if found is None:  # of a newer harness
        return printable(metric), "more", "less"
    statistic = {"": "", "p50": "median ", "mean": "mean "}.get(
        found.statistic, f"{found.statistic} of "
    )
    words = f"{statistic}{found.figure.stated_in}"
    if found.figure.kind == "duration":
        return words, "longer", "shorter"
    return words, "more", "less"


def _interval(low: float | None, high: float | None, more: str, less: str) -> str:
    """` (14 to 112 %)`; with words where the interval has both directions in it."""
    if low is None or high is None:
        return ""
    if low < 1 < high:
        return f" ({_percent(low)} % {less} to {_percent(high)} % {more})"
    near, far = sorted((low, high), key=lambda factor: abs(factor - 1))
    return f" ({_percent(near)} to {_percent(far)} %)"


def _percent(factor: float) -> str:
    """Two digits where they say something, and of what is nearly all the part that is left."""
    percent = 100 * abs(factor - 1)
    if factor < 1 and percent >= 95:
        return f"{percent:.1f}"
    return f"{percent:.1f}" if percent < 1.95 else f"{percent:.0f}"
