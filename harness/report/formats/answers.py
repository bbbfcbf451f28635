"""The answer to a run's question: a sentence per metric, with its interval.

A run that compares answers with its verdicts. Any other one states what was measured: without a
comparison nothing is called fast or slow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from harness.figures.names import asked
from harness.report.charts.groups import marks_of
from harness.report.tables.verdicts import gate_failure, pair_words, verdict_words
from harness.report.view.cells import CellView, RunView
from harness.report.view.intervals import block_values, interval_of, interval_words
from harness.report.words.wording import range_words, stopped_words
from harness.results.costs.capacity import saturation_range
from harness.results.judge.emulators import cell_label, labelled
from harness.results.judge.gates import failed_gates
from harness.results.record.comparison import Comparison, ComparisonReport, GateResult
from harness.results.samples.pooled import measured_blocks
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_number


@dataclass(frozen=True)
class Sentence:
    """What is said of one metric."""

    text: str
    verdict: str = ""
    """`improved`, `REGRESSION` ...; empty where nothing is compared."""
    flagged: bool = False
    """Whether the sentence says that something went wrong or became slower."""


@dataclass(frozen=True)
class Answer:
    """What is to be said of one pair of cells, or of one cell."""

    about: str
    sentences: tuple[Sentence, ...]
    basis: str = ""
    """What the sentences rest on."""

    @property
    def flagged(self) -> bool:
        """Whether one of its sentences is."""
        return any(one.flagged for one in self.sentences)


def answers(view: RunView) -> tuple[Answer, ...]:
    """Answers to what a run asks; those that say that something went wrong stand first."""
    record = view.record
    if record.comparison is not None and record.comparison.comparisons:
        found = list(_compared(record.comparison))
    else:
        found = list(map(_measured, view.cells))
    gates = [_gate(one) for one in failed_gates(record.gates)]
    return (*gates, *sorted(found, key=lambda one: not one.flagged))


def _gate(one: GateResult) -> Answer:
    text = f"gate {printable(one.gate)}: {gate_failure(one)}"
    about = labelled(one.cell, emulated=one.emulated)
    return Answer(about, (Sentence(text, "FAILED", flagged=True),))


# --- of comparisons -----------------------------------------------------------------------------


def _compared(report: ComparisonReport) -> Iterator[Answer]:
    by_cells: dict[tuple[str, str], list[Comparison]] = {}
    for one in report.comparisons:
        by_cells.setdefault((one.base, one.head), []).append(one)
    for found in by_cells.values():
        confidence = f"{100 * found[0].confidence:.3g} % intervals"
        yield Answer(
            pair_words(found[0]),
            tuple(map(_ratio_sentence, found)),
            f"{confidence} over {found[0].pairs} pairs of blocks; above 1 is better",
        )


def _in_words(metric: str) -> str:
    """`median latency`; of a newer harness' metric its name."""
    found = asked(metric)
    if found is None:
        return printable(metric)
    statistic = {"": "", "p50": "median "}.get(found.statistic, f"{found.statistic} ")
    return f"{statistic}{found.figure.stated_in}"


def _ratio_sentence(one: Comparison) -> Sentence:
    metric = _in_words(one.metric)
    flagged = bool(one.unsound) or (one.judged and one.verdict == "regression")
    if one.ratio is None:
        return Sentence(f"{metric}: no ratio", verdict_words(one), flagged)
    interval = "no interval"
    if one.low is not None and one.high is not None:
        interval = f"{one.low:.3f} to {one.high:.3f}"
    text = f"{metric}: {one.ratio:.3f} times as good ({interval})"
    return Sentence(text, verdict_words(one), flagged)


# --- of what was measured -----------------------------------------------------------------------


def _measured(cell: CellView) -> Answer:
    about = ", ".join([cell_label(cell.record), *marks_of(cell)])
    found = list(_searched(cell)) or list(_figures(cell)) or [Sentence("nothing was measured")]
    if cell.flagged:
        found = [Sentence(one.text, flagged=True) for one in found]
    return Answer(about, tuple(found))


def _searched(cell: CellView) -> Iterator[Sentence]:
    together = saturation_range(measured_blocks(cell.record))
    if together is not None and together.searches > 1:
        yield Sentence(f"highest rate: {range_words(together)}")
    for block in cell.blocks:
        found = block.saturation
        if found is None:
            continue
        limits = printable(", ".join(found.limits))
        rate = f"no rate kept the limits ({limits})"
        if found.rate_per_s:
            rate = (
                f"highest rate that kept the limits ({limits}): "
                f"{format_number(found.rate_per_s)} units/s"
            )
        yield Sentence(f"{rate}, {stopped_words(found)}", flagged=not found.rate_per_s)


def _figures(cell: CellView) -> Iterator[Sentence]:
    """Medians and pooled percentiles, as in the tables, with the intervals that blocks allow."""
    rates = [value for _, value in block_values(cell, lambda block: block.throughput_per_s)]
    if rates:
        words = interval_words(interval_of(rates), format_number)
        consumed = " consumed" if cell.backlog else ""
        yield Sentence(f"{format_number(median(rates))} units/s{consumed} ({words})")
    for name in () if cell.backlog else ("p50", "p99"):
        value_s = getattr(cell.figures.latency_s, name, None)
        if value_s is not None:
            yield Sentence(f"{name} {format_duration(value_s)}{_latency_interval(cell, name)}")


def _latency_interval(cell: CellView, name: str) -> str:
    """Of the blocks' own percentiles; said once, beside the throughput, where there is none."""
    values: Sequence[float] = [
        value for _, value in block_values(cell, lambda block: getattr(block.latency_s, name))
    ]
    found = interval_of(values)
    if found is None or found.low is None:
        return ""
    return f" ({interval_words(found, format_duration)})"
