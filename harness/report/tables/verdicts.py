"""Comparisons and gates as tables, for the top of a report. See `comparing` for a report of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.figures.figure import Kind
from harness.figures.names import asked
from harness.report.tables.layers import layers_table
from harness.report.tables.main import MISSING, NOT_APPLICABLE, OUTCOME, Row, Section, Table
from harness.report.view.names import ShownName, shown_names
from harness.report.words.first_looks import equal_rate_words, target_words
from harness.results.judge.emulators import NOT_JUDGED, labelled
from harness.results.judge.gates import failed_gates
from harness.results.judge.own_figures import UNDECIDED, changed
from harness.results.judge.verdicts import SHOWN_ONLY
from harness.results.record.comparison import Comparison, ComparisonReport, GateResult, GroupMean
from harness.scenario.files.wording import printable
from harness.scenario.models.gates import GateSyntaxError, parse_gate
from harness.units import format_bytes, format_duration, format_number

_HEAD = ("ratio", "interval", "pairs", "q", "Wilcoxon p", "finds", OUTCOME)
_VERDICTS = {
    "regression": "REGRESSION",
    "improved": "improved",
    "no_change": "no change",
    "inconclusive": "inconclusive",
}
_WORK = "workload and load"
_GATES_NOTE = (
    "Each gate is evaluated in every cell. Percentiles are those of all the cell's samples "
    "together; one figure per block stands as its median."
)


def verdict_tables(
    gates: Sequence[GateResult], comparison: ComparisonReport | None
) -> tuple[Table, ...]:
    """What a run's own gates and comparison say; empty if it has none."""
    found = []
    if gates:
        found.append(gates_table(gates))
    if comparison is not None:
        found += comparison_tables(comparison)
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
    by_cells: dict[str, list[Comparison]] = {}
    for one in report.comparisons:
        by_cells.setdefault(pair_words(one), []).append(one)
    sections = [Section(title, tuple(_rows(found))) for title, found in by_cells.items()]
    groups: dict[str, list[GroupMean]] = {}
    for group in report.groups:
        groups.setdefault(_pair_title(group), []).append(group)
    for pair, means in groups.items():
        title = f"{pair}: geometric mean of {means[0].cells} cells"
        sections.append(Section(title, tuple(map(_mean_row, means))))
    ones = report.comparisons
    base = labelled(report.base, emulated=bool(ones) and all(one.base_emulated for one in ones))
    title = f"Compared with {base}: {verdict_counts(report)}"
    return Table(title, _HEAD, tuple(sections), _comparison_note(report), of="figure")


def verdict_counts(report: ComparisonReport) -> str:
    """`1 regression, 1 improved, 5 no change, 1 inconclusive`; beside these what had no pairs or
    figures that a verdict could rest on. Tasks that have not changed are not counted."""
    judged = [one for one in report.judged if not one.own or changed(one)]
    decided = [one for one in judged if not (one.verdict == "inconclusive" and one.reason)]
    counts = {word: sum(one.verdict == word for one in decided) for word in _VERDICTS}
    counts["without a verdict"] = len(judged) - len(decided)
    words = [f"{count} {word.replace('_', ' ')}" for word, count in counts.items() if count]
    return ", ".join(words) or "nothing was judged"


def _mean_row(mean: GroupMean) -> Row:
    return Row(mean.metric, (_ratio(mean.ratio), *(NOT_APPLICABLE,) * (len(_HEAD) - 1)))


def _pair_title(one: Comparison | GroupMean) -> str:
    head = labelled(one.head, emulated=one.head_emulated)
    if one.base == one.head and one.base_emulated == one.head_emulated:
        return head
    return f"{head} against {labelled(one.base, emulated=one.base_emulated)}"


def _rows(found: Sequence[Comparison]) -> Iterator[Row]:
    """Of two cells. Tasks of a mix that have not changed share a row; JSON and CSV have each."""
    yield from (_comparison_row(one) for one in found if not one.own or changed(one))
    others = [one for one in found if one.task and not changed(one)]
    if others:
        words = ", ".join(_of_the_rest(others))
        yield Row("tasks' own", (*(NOT_APPLICABLE,) * (len(_HEAD) - 1), words))


def _of_the_rest(others: Sequence[Comparison]) -> Iterator[str]:
    """`run: no change in 9`, `CPU: no change in 8 and 1 undecided`."""
    by_figure: dict[str, list[Comparison]] = {}
    for one in others:
        if one.reason != SHOWN_ONLY:
            by_figure.setdefault(_heading(one.metric), []).append(one)
    for heading, ones in by_figure.items():
        same = sum(one.judged for one in ones)
        if any(one.reason not in ("", UNDECIDED) for one in ones):
            yield f"{heading}: not judged"
        else:
            parts = [
                (same, f"no change in {same}"),
                (len(ones) > same, f"{len(ones) - same} undecided"),
            ]
            yield f"{heading}: {' and '.join(words for count, words in parts if count)}"


def _heading(metric: str) -> str:
    found = asked(metric)
    return metric if found is None else found.figure.heading or metric


def figure_words(one: Comparison) -> str:
    """`throughput`; of a task's function what it was and is: `add: run 120 us -> 10.4 ms`."""
    if not one.own or one.base_value is None or one.head_value is None:
        return printable(one.metric)
    task = f"{printable(one.task)}: " if one.task else ""
    before, after = map(format_duration, (one.base_value, one.head_value))
    return f"{task}{_heading(one.metric)} {before} -> {after}"


def _comparison_row(one: Comparison) -> Row:
    interval = MISSING
    if one.low is not None and one.high is not None:
        interval = f"{_ratio(one.low)}-{_ratio(one.high)}"
    finds = MISSING
    if one.smallest_regression is not None:
        finds = _percent(one.smallest_regression)
    figures = (_ratio(one.ratio), interval, str(one.pairs), _p(one.q_value), _p(one.wilcoxon_p))
    flagged = one.judged and one.verdict == "regression"
    return Row(figure_words(one), (*figures, finds, verdict_words(one)), flagged=flagged)


def pair_words(one: Comparison) -> str:
    """`add/closed-8, payload_bytes=64: rabbitmq against redis`: what both share stands in front."""
    (_, *work), (_, *same) = one.base.rsplit("/", 2), one.head.rsplit("/", 2)
    if one.base == one.head or not work or work != same:
        return _pair_title(one)
    names = shown_names([one.base, one.head])
    base = labelled(names.by_name[one.base].variant, emulated=one.base_emulated)
    head = labelled(names.by_name[one.head].variant, emulated=one.head_emulated)
    shared = printable(", ".join(filter(None, ["/".join(work), names.axes_alike])))
    return f"{shared}: {head} against {base}"


def where_words(one: Comparison) -> str:
    """`sqs/add/closed-8 (emulator) against redis/add/closed-8`."""
    head = labelled(one.head, emulated=one.head_emulated)
    return f"{head} against {labelled(one.base, emulated=one.base_emulated)}"


def verdict_words(one: Comparison) -> str:
    """`inconclusive, 1 outlier`. A comma is where a narrow table may break it."""
    words = _VERDICTS[one.verdict] if one.judged else "not judged"
    if one.verdict == "inconclusive" and one.reason and one.reason != SHOWN_ONLY:
        words = f"{'no verdict' if one.judged else words}: {printable(one.reason)}"
    counted = [(one.outliers, "outlier"), (one.unsound, "unsound pair")]
    remarks = [_counted(count, noun) for count, noun in counted if count]
    if one.dropped:
        remarks.append(_left_out(one))
    return ", ".join([words, *remarks])


def _left_out(one: Comparison) -> str:
    """`2 pairs left out: 1 without one good unit`."""
    words = f"{_counted(one.dropped, 'pair')} left out"
    reasons = [f"{count} {printable(reason)}" for reason, count in one.left_out.items()]
    return f"{words}: {' + '.join(reasons)}" if reasons else words


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _comparison_note(report: ComparisonReport) -> str:
    confidence = next((one.confidence for one in report.comparisons if not one.own), 0.95)
    own = (
        " Of a task's function a change below 0.1 ms is none; its intervals are stricter, and "
        "it is shown by itself only where it has changed."
        if any(one.task or changed(one) for one in report.comparisons)
        else ""
    )
    looks = f", so that {report.looks} looks err no more than one" if report.looks > 1 else ""
    return (
        "ratio: above 1 is better, also for latency and CPU. "
        f"interval: {100 * confidence:.3g} %, t over pairs of blocks{looks}. A slowdown up to "
        f"{_percent(report.margin)} is let pass. REGRESSION: the whole interval lies beyond that. "
        "inconclusive: it lies on both sides. finds: the smallest slowdown that so many pairs of "
        "this spread call a regression (power 80 %). q: p value after control of the false "
        f"discovery rate. p99 is shown, not judged: a gate may judge it.{own}"
        + "".join(f" {equal_rate_words(one)}" for one in report.equal_rates)
        + (f" {target_words(report.target)}" if report.target else "")
    )


# --- gates --------------------------------------------------------------------------------------


def gates_table(results: Sequence[GateResult]) -> Table:
    """A section per gate, a row per cell."""
    failed = {(one.gate, one.cell) for one in failed_gates(results)}
    names = shown_names(one.cell for one in results)
    places = (*map(printable, names.columns), *([_WORK] if names.works > 1 else []))
    places = places if names.columns else ()
    by_gate: dict[str, list[GateResult]] = {}
    for one in results:
        by_gate.setdefault(one.gate, []).append(one)
    sections = tuple(
        Section(
            printable(gate),
            tuple(
                _gate_row(one, names.by_name[one.cell], places, flagged=(gate, one.cell) in failed)
                for one in found
            ),
        )
        for gate, found in by_gate.items()
    )
    title = f"Gates: {gate_counts(results)}"
    return Table(title, ("value", "limit", OUTCOME), sections, _GATES_NOTE, places)


def gate_counts(results: Sequence[GateResult]) -> str:
    """`2 of 3 hold`; those that are judged in no cell are said beside them."""
    judged = {one.gate for one in results if one.judged}
    failed = {one.gate for one in failed_gates(results)}
    words = [f"{len(judged) - len(failed)} of {len(judged)} hold"] if judged else []
    others = len({one.gate for one in results}) - len(judged)
    return ", ".join([*words, *([f"{others} not judged"] if others else [])])


def _gate_row(one: GateResult, name: ShownName, places: Sequence[str], *, flagged: bool) -> Row:
    cells = (in_units_of(one.gate, one.value), in_units_of(one.gate, one.limit), gate_words(one))
    label = labelled(one.cell, emulated=one.emulated)
    if not places:
        return Row(label, cells, flagged=flagged)
    first, *others = (*name.places, *([name.work] if _WORK in places else []))
    where = (labelled(first, emulated=one.emulated), *map(printable, others))
    return Row(label, cells, flagged=flagged, places=where)


def gate_words(one: GateResult) -> str:
    """`holds`, `FAILED`, why it could not be evaluated, or that it fails nothing."""
    reason = printable(one.reason)
    if one.passed is None:
        return f"{'not evaluated' if one.judged else 'not judged'}: {reason}"
    if not one.judged:
        words = f"not judged: {NOT_JUDGED if one.emulated else reason}"
        return words if one.passed else f"{words}, would fail"
    words = "holds" if one.passed else "FAILED"
    return f"{words} ({reason})" if one.reason else words


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
    value, limit = (in_units_of(one.gate, figure) for figure in (one.value, one.limit))
    reason = f" ({printable(one.reason)})" if one.reason else ""
    return f"{value}, wanted {comparator} {limit}{reason}"


def in_units_of(gate: str, value: float | None) -> str:
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
