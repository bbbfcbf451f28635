"""Which layer a difference between Celery versions comes from, as a table that says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.report.tables.main import MISSING, OUTCOME, Row, Section, Table
from harness.results.record.comparison import LayerPath, LayerStep, StepVerdict
from harness.scenario.files.wording import printable

_HEAD = ("ratio", "interval", "pairs", "q", "finds", OUTCOME)
_WHOLE = "together"
STEP_WORDS: Mapping[StepVerdict, str] = {
    "slower": "slower",
    "faster": "faster",
    "no_change": "no change",
    "inconclusive": "inconclusive",
}
_NOTE = (
    "One layer is exchanged after the other, in the order of the rows; what a layer does only in "
    "company of another counts to the later one. The ratios multiply to the last row's. "
    "A layer is named where its whole interval lies on one side of 1 and q does not exceed the "
    "error, else it is not, however far its ratio is from 1. interval: the layers of a section "
    "share an error of 5 %, divided among the looks. no change: it lies within the margin. "
    "finds: the smallest change that so many pairs of this spread tell from none (power 80 %)."
)


def layers_table(paths: Sequence[LayerPath]) -> Table:
    """A section per path and metric: its title says what is found, its rows show on what."""
    return Table("Which layer", _HEAD, tuple(map(_section, paths)), _NOTE)


def layer_sentence(path: LayerPath) -> str:
    """`slower, through kombu`, or that nothing can be said."""
    if path.whole.reason:
        return f"nothing can be said, {path.whole.reason}"
    whole = path.whole.verdict
    slower, faster = _named(path, "slower"), _named(path, "faster")
    if whole in ("slower", "faster"):
        through, against = (slower, faster) if whole == "slower" else (faster, slower)
        if not through:
            return f"{whole}, no layer's part can be told from chance"
        return f"{whole}, through {through}" + (f", against {against}" if against else "")
    words = STEP_WORDS[whole]
    if slower or faster:
        found = [
            f"{layers} {verb}"
            for layers, verb in ((slower, "slows"), (faster, "speeds up"))
            if layers
        ]
        return f"{words} together, but {' and '.join(found)}"
    if whole == "no_change":
        return f"{words}, no layer to name"
    return f"{words}, no layer's part can be told from chance"


def _named(path: LayerPath, verdict: StepVerdict) -> str:
    return " and ".join(step.layer for step in path.steps if step.verdict == verdict)


def _section(path: LayerPath) -> Section:
    way = f"{path.metric}, {printable(path.head)} against {printable(path.base)}"
    rows = (*map(_row, path.steps), _row(path.whole))
    return Section(f"{way}: {layer_sentence(path)}", rows)


def _row(step: LayerStep) -> Row:
    interval = MISSING
    if step.low is not None and step.high is not None:
        interval = f"{step.low:.3f}-{step.high:.3f}"
    effect = MISSING if step.smallest_effect is None else f"{100 * step.smallest_effect:.2g} %"
    q_value = MISSING
    if step.q_value is not None:
        q_value = f"{step.q_value:.2g}" if step.q_value >= 1e-4 else "<0.0001"
    ratio = MISSING if step.ratio is None else f"{step.ratio:.3f}"
    words = ", ".join([step.reason or STEP_WORDS[step.verdict], *map(printable, step.changes)])
    return Row(step.layer or _WHOLE, (ratio, interval, str(step.pairs), q_value, effect, words))
