"""What each axis of a matrix does, as a table, with the words for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.tables.main import OUTCOME, Row, Section, Table
from harness.results.judge.effects import CONFIGURATION
from harness.results.judge.phrases import SHOWN_ONLY, signed_difference, signed_interval, step_word
from harness.results.record.comparison import AxisEffect, Dependence
from harness.scenario.files.wording import printable

_HEAD = ("change", "interval", "pairs", OUTCOME)
_NOTE = (
    "change: of the figure itself, the geometric mean over all pairs of cells that differ in this "
    "axis alone; each has the same weight. interval: {confidence:.3g} %, t over pairs of blocks "
    "within their cells; slower and faster hold after control of the false discovery rate over all "
    "effects. depends on: the change differs between values of another axis by more than noise and "
    "the margin, so the mean is that of unlike things (Welch's test). p99 is shown, not judged."
)


def effect_tables(effects: Sequence[AxisEffect]) -> tuple[Table, ...]:
    """A section per value of an axis against its base; empty without effects."""
    if not effects:
        return ()
    by_value: dict[tuple[str, str, str], list[AxisEffect]] = {}
    for one in effects:
        by_value.setdefault((one.axis, one.head, one.base), []).append(one)
    sections = tuple(
        Section(contrast_words(found[0]), tuple(map(_row, found))) for found in by_value.values()
    )
    note = _NOTE.format(confidence=100 * effects[0].confidence)
    return (
        Table("What each axis does, pooled over the others", _HEAD, sections, note, of="figure"),
    )


def contrast_words(one: AxisEffect) -> str:
    """`task_acks_late: true against false, over 4 pairs of cells`."""
    pairs = "1 pair" if one.cells == 1 else f"{one.cells} pairs"
    head, base = printable(one.head), printable(one.base)
    return f"{axis_words(one.axis)}: {head} against {base}, over {pairs} of cells"


def axis_words(axis: str) -> str:
    """An axis by the last words of its paths: `concurrency`."""
    return printable("+".join(path.rpartition(".")[2] for path in axis.split("+")))


def effect_words(one: AxisEffect) -> str:
    """`slower, depends on broker: -3 % on redis, -31 % on rabbitmq`. A comma is where a
    narrow table may break it."""
    words = step_word(one.verdict, one.metric, "alternatives")
    if one.reason == SHOWN_ONLY:
        words = "not judged"
    elif one.reason:
        words = f"no verdict: {printable(one.reason)}"
    left_out = [
        f"{count} pairs left out: {printable(reason)}" for reason, count in one.left_out.items()
    ]
    return ", ".join([words, *_depends(one), *left_out])


def _depends(one: AxisEffect) -> Iterator[str]:
    for test in one.depends:
        yield f"depends on {axis_words(test.on)}: {dependence_words(one, test)}"


def dependence_words(one: AxisEffect, test: Dependence) -> str:
    """`-3 % on redis, -31 % on rabbitmq`."""
    at = "on" if test.on == CONFIGURATION else "at"
    return ", ".join(
        f"{signed_difference(one.metric, level.ratio)} {at} {printable(level.level)}"
        for level in test.levels
    )


def _row(one: AxisEffect) -> Row:
    figures = (
        signed_difference(one.metric, one.ratio),
        signed_interval(one.metric, one.ratio, one.low, one.high),
        str(one.pairs),
    )
    return Row(one.metric, (*figures, effect_words(one)))
