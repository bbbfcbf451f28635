"""Comparisons and gates as tables, for the top of a report. See `comparing` for a report of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.report.layers import layers_table
from harness.report.tables import MISSING, NOT_APPLICABLE, OUTCOME, Row, Section, Table
from harness.results.comparison import Comparison, ComparisonReport, GateResult, GroupMean
from harness.results.gates import failed_gates
from harness.results.record import RunRecord
from harness.scenario.gate_words import Kind
from harness.scenario.gates import GateSyntaxError, parse_gate
from harness.scenario.wording import printable
from harness.units import format_bytes, format_duration, format_number

_HEAD = ("ratio", "interval", "pairs", "q", "Wilcoxon p", "finds", OUTCOME)
_VERDICTS = {
    "regression": "REGRESSION",
    "improved": "improved",
    "no_change": "no change",
    "inconclusive": "inconclusive",
}
_GATES_NOTE = (
    "Each gate is evaluated in every cell. Percentiles are those of all the cell's samples "
    "together; one figure per block stands as its median."
)


def verdict_tables(record: RunRecord) -> tuple[Table, ...]:
    """What a run's own gates and comparison say; empty if it has none."""
    found = []
    if record.gates:
        found.append(gates_table(record.gates))
    if record.comparison is not None:
        found += comparison_tables(record.comparison)
    return tuple(found)


def verdict_cautions(report: ComparisonReport) -> Iterator[str]:
    """What a reader has to know before the ratios."""
    if not report.interleaved:
        yield (
            "NOT INTERLEAVED: the blocks did not run as mirrored pairs in one session, so a drift "
            "of the machine can pose as a change. The ratios are shown, no verdict is given. "
            "Measure both sides in one run (harness ab, or several configurations)."
        )
    if report.out_of_time:
        yield (
            "OUT OF TIME: pairs up to the next look would have been measured later than "
            "compare.minutes allows, so what was inconclusive then is inconclusive now."
        )
    if report.environment_differences:
        differences = "; ".join(map(printable, report.environment_differences))
        forced = "compared all the same with --force" if report.forced else "compared"
        yield f"UNLIKE ENVIRONMENTS, {forced}: {differences}."
    if report.configuration_differences:
        differences = "; ".join(map(printable, report.configuration_differences))
        yield f"Configured differently under the same names: {differences}."
    if report.unmatched:
        names = ", ".join(map(printable, report.unmatched))
        yield f"Only in one of the runs, not compared: {names}."


# --- comparison ---------------------------------------------------------------------------------


def comparison_tables(report: ComparisonReport) -> tuple[Table, ...]:
    """The comparison, and which layer its differences come from where cells allow to say."""
    layers = (layers_table(report.layers),) if report.layers else ()
    return (comparison_table(report), *layers)


def comparison_table(report: ComparisonReport) -> Table:
    """A section per pair of cells, a row per metric; geometric means where there are several."""
    by_cells: dict[tuple[str, str], list[Comparison]] = {}
    for one in report.comparisons:
        by_cells.setdefault((one.base, one.head), []).append(one)
    sections = [
        Section(_pair_title(base, head), tuple(map(_comparison_row, found)))
        for (base, head), found in by_cells.items()
    ]
    groups: dict[tuple[str, str], list[GroupMean]] = {}
    for group in report.groups:
        groups.setdefault((group.base, group.head), []).append(group)
    for (base, head), means in groups.items():
        title = f"{_pair_title(base, head)}: geometric mean of {means[0].cells} cells"
        sections.append(Section(title, tuple(map(_mean_row, means))))
    title = f"Compared with {printable(report.base)}: {verdict_counts(report)}"
    return Table(title, _HEAD, tuple(sections), _comparison_note(report))


def verdict_counts(report: ComparisonReport) -> str:
    """`1 regression, 1 improved, 5 no change, 1 inconclusive`."""
    counts = {word: sum(one.verdict == word for one in report.judged) for word in _VERDICTS}
    words = [f"{count} {word.replace('_', ' ')}" for word, count in counts.items() if count]
    return ", ".join(words) or "nothing was judged"


def _mean_row(mean: GroupMean) -> Row:
    return Row(mean.metric, (_ratio(mean.ratio), *(NOT_APPLICABLE,) * (len(_HEAD) - 1)))


def _pair_title(base: str, head: str) -> str:
    return printable(head if base == head else f"{head} against {base}")


def _comparison_row(one: Comparison) -> Row:
    interval = MISSING
    if one.low is not None and one.high is not None:
        interval = f"{_ratio(one.low)}-{_ratio(one.high)}"
    finds = MISSING
    if one.smallest_regression is not None:
        finds = _percent(one.smallest_regression)
    figures = (_ratio(one.ratio), interval, str(one.pairs), _p(one.q_value), _p(one.wilcoxon_p))
    flagged = one.judged and one.verdict == "regression"
    return Row(one.metric, (*figures, finds, verdict_words(one)), flagged=flagged)


def pair_words(base: str, head: str) -> str:
    """`add/closed-8: rabbitmq against redis` where only the configuration differs."""
    if base == head:
        return printable(head)
    (one, *work), (other, *same) = base.rsplit("/", 2), head.rsplit("/", 2)
    if work and work == same:
        return printable(f"{'/'.join(work)}: {other} against {one}")
    return printable(f"{head} against {base}")


def verdict_words(one: Comparison) -> str:
    """`inconclusive, 1 outlier`. A comma is where a narrow table may break it."""
    words = _VERDICTS[one.verdict] if one.judged else "not judged"
    if one.verdict == "inconclusive" and one.judged and one.reason:
        words += f": {printable(one.reason)}"
    counted = [
        (one.outliers, "outlier"),
        (one.unsound, "unsound pair"),
        (one.dropped, "pair left out"),
    ]
    remarks = [_counted(count, noun) for count, noun in counted if count]
    return ", ".join([words, *remarks])


def _counted(count: int, noun: str) -> str:
    if noun == "pair left out":
        return f"{count} {'pair' if count == 1 else 'pairs'} left out"
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _comparison_note(report: ComparisonReport) -> str:
    confidence = next((one.confidence for one in report.comparisons), 0.95)
    looks = f", the error divided among {report.looks} looks" if report.looks > 1 else ""
    return (
        "ratio: above 1 is better, also for latency and CPU. "
        f"interval: {100 * confidence:.3g} %, t over pairs of blocks{looks}. A slowdown up to "
        f"{_percent(report.margin)} is let pass. REGRESSION: the whole interval lies beyond that. "
        "inconclusive: it lies on both sides. finds: the smallest slowdown that so many pairs of "
        "this spread call a regression (power 80 %). q: p value after control of the false "
        "discovery rate. p99 is shown, not judged: a gate may judge it."
    )


# --- gates --------------------------------------------------------------------------------------


def gates_table(results: Sequence[GateResult]) -> Table:
    """A section per gate, a row per cell."""
    failed = {(one.gate, one.cell) for one in failed_gates(results)}
    by_gate: dict[str, list[GateResult]] = {}
    for one in results:
        by_gate.setdefault(one.gate, []).append(one)
    sections = tuple(
        Section(
            printable(gate),
            tuple(_gate_row(one, flagged=(gate, one.cell) in failed) for one in found),
        )
        for gate, found in by_gate.items()
    )
    missed = len({gate for gate, _ in failed})
    title = f"Gates: {len(by_gate) - missed} of {len(by_gate)} hold"
    return Table(title, ("value", "limit", OUTCOME), sections, _GATES_NOTE)


def _gate_row(one: GateResult, *, flagged: bool) -> Row:
    cells = (_in_units(one.gate, one.value), _in_units(one.gate, one.limit), gate_words(one))
    return Row(printable(one.cell), cells, flagged=flagged)


def gate_words(one: GateResult) -> str:
    """`holds`, `FAILED`, or why it could not be evaluated."""
    if one.passed is None:
        return f"not evaluated: {printable(one.reason)}"
    words = "holds" if one.passed else "FAILED"
    return f"{words} ({printable(one.reason)})" if one.reason else words


_FORMATS: dict[Kind, Callable[[float | None], str]] = {
    "duration": format_duration,
    "size": format_bytes,
    "rate": lambda value: MISSING if value is None else f"{format_number(value)}/s",
    "count": lambda value: MISSING if value is None else f"{value:,.10g}",
    "number": format_number,
}


def gate_failure(one: GateResult) -> str:
    """`480/s, wanted > 500/s`, or why it could not be evaluated: a failed gate in one cell."""
    if one.limit is None:
        return gate_words(one)
    try:
        comparator = parse_gate(one.gate).comparator
    except GateSyntaxError:  # of a newer harness
        comparator = "against"
    value, limit = (_in_units(one.gate, figure) for figure in (one.value, one.limit))
    reason = f" ({printable(one.reason)})" if one.reason else ""
    return f"{value}, wanted {comparator} {limit}{reason}"


def _in_units(gate: str, value: float | None) -> str:
    """A value as its metric is written."""
    try:
        kind = parse_gate(gate).measure.kind
    except GateSyntaxError:  # of a newer harness
        kind = "number"
    return _FORMATS[kind](value)


def _ratio(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def _p(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2g}" if value >= 1e-4 else "<0.0001"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
