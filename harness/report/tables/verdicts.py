"""Comparisons and gates as tables, for the top of a report. See `comparing` for a report of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.figures.figure import Kind
from harness.report.tables.layers import layers_table
from harness.report.tables.main import MISSING, NOT_APPLICABLE, OUTCOME, Row, Section, Table
from harness.report.view.names import ShownName, shown_names
from harness.report.words.first_looks import design_words, equal_rate_words, target_words
from harness.results.judge.emulators import NOT_JUDGED, labelled
from harness.results.judge.gates import failed_gates
from harness.results.judge.own_figures import UNDECIDED, changed
from harness.results.judge.phrases import (
    NO_VERDICT,
    SHOWN_ONLY,
    WORDS,
    heading_of_own,
    percent_words,
    signed_difference,
    signed_interval,
    verdict_word,
    visible_from,
    what_words,
    why_not,
)
from harness.results.record.comparison import Comparison, ComparisonReport, GateResult, GroupMean
from harness.scenario.files.wording import printable
from harness.scenario.models.compare import ComparisonKind
from harness.scenario.models.gate_tokens import GateSyntaxError
from harness.scenario.models.gates import parse_gate
from harness.units import format_bytes, format_duration, format_number

_HEAD = ("difference", "interval", "pairs", "q", "visible from", OUTCOME)
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
            "compare.minutes allows, so what could not be told then cannot be told now."
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
    """`2 regressions, 1 improved, 5 no change`, `2 faster, 1 uses less, 1 cannot be told`; beside
    these what had no pairs or figures that a verdict could rest on. Tasks that have not changed are
    not counted."""
    judged = [one for one in report.judged if not one.own or changed(one)]
    said = Counter(map(verdict_word, judged))
    regressions = _counted(said.pop(WORDS["regression"], 0), "regression")
    words = [] if regressions.startswith("0") else [regressions]
    words += [f"{said[word]} {word}" for word in WORDS.values() if said[word]]
    if said[NO_VERDICT]:
        words.append(f"{said[NO_VERDICT]} without a verdict")
    return ", ".join(words) or "nothing was judged"


def _mean_row(mean: GroupMean) -> Row:
    words = signed_difference(mean.metric, mean.ratio)
    return Row(mean.metric, (words, *(NOT_APPLICABLE,) * (len(_HEAD) - 1)))


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
            by_figure.setdefault(heading_of_own(one.metric), []).append(one)
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


def figure_words(one: Comparison) -> str:
    """`throughput`; of a task's function what it was and is: `add: run 120 us -> 10.4 ms`."""
    return what_words(one) if one.own else printable(one.metric)


def _comparison_row(one: Comparison) -> Row:
    seen = visible_from(one)
    figures = (
        signed_difference(one.metric, one.ratio),
        signed_interval(one.metric, one.ratio, one.low, one.high),
        str(one.pairs),
        _p(one.q_value),
        MISSING if seen is None else percent_words(seen),
    )
    return Row(figure_words(one), (*figures, verdict_words(one)), flagged=one.is_regression)


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
    """`faster, 1 outlier`, `no verdict: not interleaved`. A comma is where a narrow table may break
    it."""
    words, why = verdict_word(one), why_not(one)
    if why:
        words += f"{': ' if one.reason else ', '}{why}"
    return ", ".join([words, *verdict_remarks(one)])


def verdict_remarks(one: Comparison) -> list[str]:
    """What stands beside a verdict: outliers, unsound pairs, pairs left out."""
    counted = [(one.outliers, "outlier"), (one.unsound, "unsound pair")]
    remarks = [_counted(count, noun) for count, noun in counted if count]
    if one.dropped:
        remarks.append(_left_out(one))
    return remarks


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
        f"{_KIND_NOTES[report.kind].format(margin=percent_words(report.margin))} "
        f"interval: {100 * confidence:.3g} %, t over pairs of blocks{looks}. q: p value after "
        f"control of the false discovery rate. p99 is shown, not judged: a gate may judge it.{own}"
        + (_RATES_GIVEN if _gives_rates(report) else "")
        + "".join(f" {equal_rate_words(one)}" for one in report.equal_rates)
        + (f" {target_words(report.target)}" if report.target else "")
        + (f" {design_words(report.design)}" if report.design else "")
    )


def _gives_rates(report: ComparisonReport) -> bool:
    """Whether a load of the scenario itself does: of one that `harness ab` brought all is said."""
    brought = {one.at_rate for one in report.equal_rates}
    return any(base not in brought for base in report.rates_given)


_RATES_GIVEN = (
    " Where the load gives the rate, throughput is not compared: as long as a side keeps up, it is "
    "that rate."
)
_KIND_NOTES: Mapping[ComparisonKind, str] = {
    "alternatives": "difference: of the figure from the base's. faster, slower, uses less, uses "
    "more: the whole interval lies on that side. no difference found: it lies within {margin} to "
    "both sides. cannot be told: it allows for more than one of these. visible from: the smallest "
    "difference that so many pairs of this spread show (4 times in 5).",
    "change": "difference: of the figure from the base's. A slowdown up to {margin} is let pass. "
    "REGRESSION: the whole interval lies beyond that. cannot be told: it lies on both sides. "
    "visible from: the smallest slowdown that so many pairs of this spread call a regression (4 "
    "times in 5).",
}


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


def _p(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2g}" if value >= 1e-4 else "<0.0001"
