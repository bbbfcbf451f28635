"""Sentences of a matrix: what each axis does, pooled over all else that is varied."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from harness.report.answer.sentences import Kind, Sentence
from harness.report.tables.effects import axis_words, dependence_words
from harness.report.view.cells import CellView, RunView
from harness.results.judge.effects import CONFIGURATION
from harness.results.judge.emulators import NOT_JUDGED
from harness.results.judge.identity import places_of
from harness.results.judge.phrases import effect_words
from harness.results.record.comparison import AxisEffect
from harness.scenario.files.wording import printable

_LEADING = ("saturation", "throughput", "latency.total.p50")
"""The first of these that there is answers; at a given rate there is no throughput to compare."""
_MOST = 4


def effect_sentences(view: RunView, effects: Sequence[AxisEffect]) -> Iterator[Sentence]:
    """One for each value of an axis against its base, the axis that the scenario asks for first,
    then the largest effects; and what each does to the CPU of a task, where that is decided."""
    leading = [
        one
        for one in effects
        if one.metric == _leading_metric(effects) and one.reason in ("", NOT_JUDGED)
    ]
    asked = _asked_axis(view)
    ordered = sorted(
        leading,
        key=lambda one: (
            asked not in (one.axis, axis_words(one.axis)),
            not _decided(one),
            -abs(math.log(one.ratio)),
        ),
    )
    for one in ordered[:_MOST]:
        yield _sentence(one, view)
    for one in effects:
        if one.metric == "worker_cpu" and _decided(one):
            text = f"{_sides(one)}: {effect_words(one)}."
            yield Sentence("cost", text, _cells(one, view), (one.metric,))


def _asked_axis(view: RunView) -> str:
    """Which axis the base of the scenario's `compare` is a value of: `task_acks_late` of
    `task_acks_late=false`."""
    report = view.record.comparison
    axis, is_value, _ = (report.base if report else "").partition("=")
    return axis if is_value else CONFIGURATION if axis else ""


def _leading_metric(effects: Sequence[AxisEffect]) -> str:
    there = {one.metric for one in effects}
    return next((metric for metric in _LEADING if metric in there), "")


def _decided(one: AxisEffect) -> bool:
    return one.verdict in ("slower", "faster")


def _sentence(one: AxisEffect, view: RunView) -> Sentence:
    effect = effect_words(one)
    kind: Kind = "ahead"
    if _decided(one):
        text = f"{_side(one)} is {one.verdict} than {printable(one.base)}: {effect}"
    elif one.verdict == "no_change":
        kind, text = "alike", f"{_sides(one)}: no difference found, {effect}"
    elif one.reason == NOT_JUDGED:
        kind, text = "open", f"{_sides(one)}: not judged, on an emulator, {effect}"
    elif _one_sided(one):
        kind, text = (
            "open",
            f"{_sides(one)}: {effect}, which may be chance among so many comparisons",
        )
    else:
        kind, text = "open", f"{_sides(one)}: cannot be told apart, {effect}"
    if one.depends:
        test = one.depends[0]
        text += f"; it depends on {axis_words(test.on)}: {dependence_words(one, test)}"
    elif one.cells > 1:
        text += f", pooled over {one.cells} cells each"
    return Sentence(kind, f"{text}.", _cells(one, view), (one.metric,))


def _one_sided(one: AxisEffect) -> bool:
    """Whether its interval alone would tell the two apart."""
    return (one.low is not None and one.low > 1) or (one.high is not None and one.high < 1)


def _side(one: AxisEffect) -> str:
    """`task_acks_late=true`, `rabbitmq`."""
    axis = "" if one.axis == CONFIGURATION else f"{axis_words(one.axis)}="
    return printable(f"{axis}{one.head}")


def _sides(one: AxisEffect) -> str:
    """`task_acks_late=true against false`, `rabbitmq against redis`."""
    return f"{_side(one)} against {printable(one.base)}"


def _cells(one: AxisEffect, view: RunView) -> tuple[str, ...]:
    """Those that have either value."""
    sides = (one.base, one.head)
    return tuple(cell.name for cell, word in _values(one.axis, view.cells) if word in sides)


def _values(axis: str, cells: Sequence[CellView]) -> Iterator[tuple[CellView, str]]:
    for cell, place in zip(cells, places_of([cell.record for cell in cells]), strict=True):
        words: Mapping[str, str] = {CONFIGURATION: place.configuration}
        yield cell, words.get(axis) or (place.word(axis) if axis in place.axes else "")
