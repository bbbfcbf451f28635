"""Verdicts in plain words, in one place: what each is called, and by how much in a form that cannot
be misread.

A ratio is stored turned so that above 1 is better, which nobody reads rightly of a latency. In
words the figure itself is higher or lower than the base's: `p50 latency 32 % lower (6 % to 51 %)`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.figures.names import asked
from harness.results.record.comparison import AxisEffect, Comparison, StepVerdict, Verdict
from harness.scenario.files.wording import printable
from harness.scenario.models.compare import ComparisonKind
from harness.stats.paired import Estimate, pairs_to_tell
from harness.units import format_duration

WORDS: Mapping[Verdict, str] = {
    "regression": "REGRESSION",
    "improved": "improved",
    "no_change": "no change",
    "faster": "faster",
    "slower": "slower",
    "less": "uses less",
    "more": "uses more",
    "no_difference": "no difference found",
    "inconclusive": "cannot be told",
}
"""What a verdict is called, in the order in which reports count them."""
NO_VERDICT = "no verdict"
"""Where there can be none, whatever the figures are."""
SHOWN_ONLY = "shown beside the others, not judged"
MOST_PAIRS = 1000
"""Nobody measures more of them, so how many more is not said."""
_TIMES = 2.0
"""From twice on a figure is so many times the other one, below it so many per cent more."""


def phrase(one: Comparison) -> str:
    """A verdict with its figure, by how much, and where it cannot be told why and what it takes.

    `faster: throughput 56 % higher (14 % to 112 %)`, `no difference found: throughput 1 % lower
    (3 % lower to 1 % higher), 4.2 % would have been seen`.
    """
    size = size_words(one.metric, one.ratio, one.low, one.high)
    said = f"{verdict_word(one)}: {what_words(one)} {size}"
    return ", ".join(filter(None, (said, seen_words(one), why_not(one))))


def verdict_word(one: Comparison) -> str:
    """`faster`, `REGRESSION`, `not judged`; `no verdict` where none can be, whatever was found."""
    if not one.judged:
        return "not judged"
    return NO_VERDICT if one.verdict == "inconclusive" and one.reason else WORDS[one.verdict]


def step_word(verdict: StepVerdict, metric: str, kind: ComparisonKind = "change") -> str:
    """What a step of a path or the effect of an axis is called: `slower`, `uses more`."""
    if verdict in ("slower", "faster") and is_spent(metric):
        return WORDS["more" if verdict == "slower" else "less"]
    alike = verdict == "no_change" and kind == "alternatives"
    return WORDS["no_difference" if alike else verdict]


def why_not(one: Comparison) -> str:
    """Why there is no verdict, or how many pairs would give one. Empty where there is one."""
    if one.verdict != "inconclusive" or one.reason == SHOWN_ONLY:
        return ""
    return printable(one.reason) or (_it_takes(one) if one.judged else "")


def seen_words(one: Comparison) -> str:
    """`4.2 % would have been seen`, where no difference was found; else empty."""
    if not one.judged or one.verdict != "no_difference" or one.smallest_effect is None:
        return ""
    return f"{percent_words(one.smallest_effect)} would have been seen"


def visible_from(one: Comparison) -> float | None:
    """The smallest difference that these pairs would have shown; of a change the smallest slowdown
    that they would have called a regression. Power 80 %."""
    return one.smallest_regression if one.kind == "change" else one.smallest_effect


def pairs_that_tell(one: Comparison) -> int | None:
    """About how many pairs would give a verdict at the spread of these, see `pairs_to_tell`."""
    found = Estimate(
        one.pairs, one.confidence, ratio=one.ratio, smallest_effect=one.smallest_effect
    )
    return pairs_to_tell(found, margin=one.margin, change=one.kind == "change")


def _it_takes(one: Comparison) -> str:
    needed = pairs_that_tell(one)
    if needed is None or needed > MOST_PAIRS:
        return f"more than {MOST_PAIRS:,} pairs would tell"
    return f"about {rounded_up(needed)} pairs would tell"


def rounded_up(pairs: int) -> int:
    """Pairs that something would take, to two digits: nobody knows better."""
    step: int = 10 ** max(0, len(str(pairs)) - 2)
    return -(-pairs // step) * step


# --- by how much ----------------------------------------------------------------------------------


def effect_words(one: Comparison | AxisEffect) -> str:
    """`throughput 56 % higher (14 % to 112 %)`. Empty without a ratio."""
    if one.ratio is None:
        return ""
    return f"{figure_name(one.metric)} {size_words(one.metric, one.ratio, one.low, one.high)}"


def what_words(one: Comparison) -> str:
    """`p50 latency`; of a task's function what it was and is: `add: run 120 us -> 10.4 ms`."""
    if not one.own or one.base_value is None or one.head_value is None:
        return figure_name(one.metric)
    task = f"{printable(one.task)}: " if one.task else ""
    before, after = map(format_duration, (one.base_value, one.head_value))
    return f"{task}{heading_of_own(one.metric)} {before} -> {after}"


def heading_of_own(metric: str) -> str:
    """`run`, `CPU`: a figure of a task's function over its column."""
    found = asked(metric)
    return metric if found is None else found.figure.heading or metric


def figure_name(metric: str) -> str:
    """`p50 latency`, `worker CPU per task`; of a newer harness' metric its name."""
    found = asked(metric)
    if found is None:
        return printable(metric)
    return f"{found.statistic} {found.figure.stated_in}".lstrip()


def is_spent(metric: str) -> bool:
    """Whether less of a figure is a thrift, as of CPU and memory, and not speed."""
    found = asked(metric)
    if found is None or found.figure.better != "less":
        return False
    return found.figure.unit != "s" or found.figure.name.partition(".")[0].endswith("_cpu")


def size_words(metric: str, ratio: float | None, low: float | None, high: float | None) -> str:
    """By how much a figure differs from its base's, with the interval: `56 % higher (14 % to
    112 %)`, `3 % lower (9 % lower to 4 % higher)`, `2.3 times as high (1.9 to 2.8 times)`."""
    interval = interval_words(metric, ratio, low, high)
    return f"{difference_words(metric, ratio)} ({interval or 'no interval'})"


def difference_words(metric: str, ratio: float | None) -> str:
    """`56 % higher`, `2.3 times as high`: of the figure itself, for a ratio that is stored turned
    so that above 1 is better."""
    if not ratio:
        return "not compared"
    up, _ = _directions(metric)
    times = _of_the_figure(metric, ratio)
    if times >= _TIMES:
        return f"{_factor(times)} times as {'high' if up == 'higher' else 'good'}"
    return _signed(metric, times)


def interval_words(metric: str, ratio: float | None, low: float | None, high: float | None) -> str:
    """Only the interval of `size_words`: `14 % to 112 %` in the direction of the ratio, else with a
    direction for each end: `9 % lower to 4 % higher`. Empty where there is none."""
    if not ratio or not low or not high:
        return ""
    least, most = sorted(_of_the_figure(metric, end) for end in (low, high))
    if _of_the_figure(metric, ratio) >= _TIMES:
        return f"{_factor(least)} to {_factor(most)} times"
    if least >= 1:
        return f"{percent_words(least - 1)} to {percent_words(most - 1)}"
    if most <= 1:
        return f"{percent_words(1 - most, less=True)} to {percent_words(1 - least, less=True)}"
    return f"{_signed(metric, least)} to {_signed(metric, most)}"


def signed_difference(metric: str, ratio: float | None) -> str:
    """`difference_words` for a column of a table: `-32 %`, `2.3 times`."""
    if not ratio:
        return "-"
    times = _of_the_figure(metric, ratio)
    return f"{_factor(times)} times" if times >= _TIMES else f"{_sign(times)} %"


def signed_interval(metric: str, ratio: float | None, low: float | None, high: float | None) -> str:
    """`interval_words` for a column of a table: `-51 to -6 %`, `1.9 to 2.8 times`, or a dash."""
    if not ratio or not low or not high:
        return "-"
    least, most = sorted(_of_the_figure(metric, end) for end in (low, high))
    if _of_the_figure(metric, ratio) >= _TIMES:
        return f"{_factor(least)} to {_factor(most)} times"
    return f"{_sign(least)} to {_sign(most)} %"


def _sign(times: float) -> str:
    percent = percent_words(abs(times - 1), less=times < 1).removesuffix(" %")
    return percent if percent == "0" else f"{'+' if times > 1 else '-'}{percent}"


def percent_words(share: float, *, less: bool = False) -> str:
    """`0.4 %`, `12 %`, `112 %`; of nearly all that is gone (`less`) also a digit or two of what is
    left: `98.9 %`."""
    percent = 100 * share
    digits = 0 if percent >= 9.95 else 1
    if less and 95 <= percent < 100:
        percent = min(percent, 99.99)  # something is left
        digits = min(2, max(1, 1 - math.floor(math.log10(100 - percent))))
    text = f"{percent:,.{digits}f}"
    return f"{text.removesuffix('.0')} %"


def _of_the_figure(metric: str, ratio: float) -> float:
    """Head / base as it was measured."""
    found = asked(metric)
    return ratio if found is None or found.figure.better == "more" else 1 / ratio


def _directions(metric: str) -> tuple[str, str]:
    return ("better", "worse") if asked(metric) is None else ("higher", "lower")


def _signed(metric: str, times: float) -> str:
    up, down = _directions(metric)
    words = percent_words(abs(times - 1), less=times < 1)
    return "the same" if words == "0 %" else f"{words} {up if times > 1 else down}"


def _factor(times: float) -> str:
    return f"{times:,.0f}" if times >= 9.95 else f"{times:.2g}"
