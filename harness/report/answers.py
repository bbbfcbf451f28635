"""The answer to a run's question: a sentence per metric, with its interval.

A run that compares answers with its verdicts. Any other one states what was measured: without a
comparison nothing is called fast or slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from harness.report.cells import CellView, RunView
from harness.report.charts.groups import marks_of
from harness.report.intervals import block_values, interval_of, interval_words
from harness.report.verdicts import gate_failure, verdict_words
from harness.report.wording import STOPPED_BY
from harness.results.comparison import Comparison, ComparisonReport
from harness.results.gates import failed_gates
from harness.scenario.wording import printable
from harness.units import format_duration, format_number

_METRICS = {
    "throughput": "throughput",
    "latency.total.p50": "median latency",
    "latency.total.p99": "p99 latency",
    "worker_cpu": "worker CPU per task",
}
_ORDER = ("regression", "improved", "inconclusive", "no_change")
"""What a reader must not miss stands first."""


@dataclass(frozen=True)
class Answer:
    """One sentence."""

    about: str
    """What it is about: a pair of cells, or a cell."""
    text: str
    flagged: bool = False
    """It says that something went wrong or became slower."""


def answers(view: RunView) -> tuple[Answer, ...]:
    """All of them, what is most important first."""
    record = view.record
    gates = tuple(
        Answer(printable(one.cell), f"gate {printable(one.gate)} FAILED: {gate_failure(one)}", True)
        for one in failed_gates(record.gates)
    )
    if record.comparison is not None and record.comparison.comparisons:
        return (*gates, *_compared(record.comparison))
    return (*gates, *(one for cell in view.cells for one in _measured(cell)))


# --- of comparisons -----------------------------------------------------------------------------


def _compared(report: ComparisonReport) -> Iterator[Answer]:
    shown = [one for one in report.comparisons if one.ratio is not None]
    for one in sorted(shown, key=lambda one: (not one.judged, _ORDER.index(one.verdict))):
        about = one.head if one.base == one.head else f"{one.head} against {one.base}"
        flagged = bool(one.unsound) or (one.judged and one.verdict == "regression")
        yield Answer(printable(about), _ratio_words(one), flagged)


def _ratio_words(one: Comparison) -> str:
    interval = "one pair, no interval"
    if one.low is not None and one.high is not None:
        interval = (
            f"{100 * one.confidence:.3g} % interval {one.low:.3f} to {one.high:.3f}, "
            f"{one.pairs} pairs"
        )
    metric = _METRICS.get(one.metric, printable(one.metric))
    return f"{metric}: {one.ratio:.3f} times as good ({interval}): {verdict_words(one)}"


# --- of what was measured -----------------------------------------------------------------------


def _measured(cell: CellView) -> Iterator[Answer]:
    emulator = " (emulator)" if cell.record.emulated else ""
    about = ", ".join([printable(cell.name) + emulator, *marks_of(cell)])
    searched = [block.saturation for block in cell.blocks if block.saturation is not None]
    if searched:
        for found in searched:
            rate = format_number(found.rate_per_s)
            kept = f"highest rate {rate}/s" if found.rate_per_s else "no rate kept the limits"
            stopped = STOPPED_BY.get(found.stopped_by, printable(found.stopped_by))
            yield Answer(about, f"{kept}, stopped by {stopped}", cell.flagged)
        return
    sentences = [_rate(cell)]
    if not cell.backlog:
        for name in ("p50", "p99"):
            sentences.append(_latency(cell, name))
    known = "; ".join(filter(None, sentences))
    yield Answer(about, known or "nothing was measured", cell.flagged or not known)


def _rate(cell: CellView) -> str:
    """The median of the blocks, as in the tables, and the interval that the blocks allow."""
    values = [value for _, value in block_values(cell, lambda block: block.throughput_per_s)]
    if not values:
        return ""
    interval = interval_words(interval_of(values), format_number)
    verb = "consumes " if cell.backlog else ""
    return f"{verb}{format_number(median(values))} units/s ({interval})"


def _latency(cell: CellView, name: str) -> str:
    """Of all samples together, as in the tables; the interval is that of the blocks' own."""
    whole = cell.figures.latency_s
    value_s = getattr(whole, name) if whole is not None else None
    if value_s is None:
        return ""
    values = [v for _, v in block_values(cell, lambda block: getattr(block.latency_s, name))]
    found = interval_of(values)
    if found is None or found.low is None:
        return f"{name} {format_duration(value_s)}"
    return f"{name} {format_duration(value_s)} ({interval_words(found, format_duration)})"
