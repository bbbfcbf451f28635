"""By how much, in the words that verdicts have: `throughput 56 % higher (14 % to 112 %)`."""

from __future__ import annotations

from typing import Protocol

from harness.results.judge.phrases import figure_name, size_words


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
    """The figure, and what it is measured by the base's, with the interval. Empty without a
    ratio."""
    if one.ratio is None:
        return ""
    return f"{figure_name(one.metric)} {size_words(one.metric, one.ratio, one.low, one.high)}"
