"""Which layer a difference between Celery versions comes from, as a table that says it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.tables.main import MISSING, OUTCOME, Row, Section, Table
from harness.results.judge.phrases import (
    is_spent,
    percent_words,
    signed_difference,
    signed_interval,
    step_word,
)
from harness.results.record.comparison import LayerPath, LayerStep, StepVerdict
from harness.scenario.files.wording import printable

_HEAD = ("difference", "interval", "pairs", "q", "visible from", OUTCOME)
_WHOLE = "together"
_NOTE = (
    "difference: of the figure from the one before the exchange. One layer is exchanged after the "
    "other, in the order of the rows; what a layer does only in company of another counts to "
    "the later one. The steps multiply to the last row. "
    "A layer is named where its whole interval lies on one side and q does not exceed the "
    "error, else it is not, however large its difference is. interval: the layers of a section "
    "share an error of 5 %, divided among the looks. no change: it lies within the margin. "
    "visible from: the smallest change that so many pairs of this spread show (4 times in 5)."
)


def layers_table(paths: Sequence[LayerPath]) -> Table:
    """A section per path and metric: its title says what is found, its rows show on what."""
    return Table("Which layer", _HEAD, tuple(map(_section, paths)), _NOTE)


def layer_sentence(path: LayerPath) -> str:
    """`slower, through kombu`, or that nothing can be said."""
    if path.whole.reason:
        return f"nothing can be said, {path.whole.reason}"
    whole, said = path.whole.verdict, step_word(path.whole.verdict, path.metric)
    slower, faster = _named(path, "slower"), _named(path, "faster")
    if whole in ("slower", "faster"):
        through, against = (slower, faster) if whole == "slower" else (faster, slower)
        if not through:
            return f"{said}, no layer's part can be told from chance"
        return f"{said}, through {through}" + (f", against {against}" if against else "")
    if slower or faster:
        verbs = ("adds", "saves") if is_spent(path.metric) else ("slows", "speeds up")
        both = zip((slower, faster), verbs, strict=True)
        found = [f"{layers} {verb}" for layers, verb in both if layers]
        return f"{said} together, but {' and '.join(found)}"
    if whole == "no_change":
        return f"{said}, no layer to name"
    return f"{said}, no layer's part can be told from chance"


def _named(path: LayerPath, verdict: StepVerdict) -> str:
    return " and ".join(step.layer for step in path.steps if step.verdict == verdict)


def _section(path: LayerPath) -> Section:
    way = f"{path.metric}, {printable(path.head)} against {printable(path.base)}"
    rows = tuple(_row(step, path.metric) for step in (*path.steps, path.whole))
    return Section(f"{way}: {layer_sentence(path)}", rows)


def _row(step: LayerStep, metric: str) -> Row:
    q_value = MISSING
    if step.q_value is not None:
        q_value = f"{step.q_value:.2g}" if step.q_value >= 1e-4 else "<0.0001"
    figures = (
        signed_difference(metric, step.ratio),
        signed_interval(metric, step.ratio, step.low, step.high),
        str(step.pairs),
        q_value,
        MISSING if step.smallest_effect is None else percent_words(step.smallest_effect),
    )
    words = ", ".join(
        [step.reason or step_word(step.verdict, metric), *map(printable, step.changes)]
    )
    return Row(step.layer or _WHOLE, (*figures, words))
