"""JUnit XML: what CI servers show as tests.

One test case per cell's ledger, per gate and per verdict. A failure is a loss (or another unit
that did not end as meant), a failed gate or a regression of a change against its base; skipped is
what could not be decided, or is shown without being judged. Alternatives fail nothing.
The numbers stand in the body, since most readers ignore properties.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from harness.report.answer.answer import answer_of
from harness.report.exports.rounds import (
    exported_name,
    healthy,
    remarks_of,
    rounds_of,
    warning_codes_of,
)
from harness.report.tables.by_queue import divided_words
from harness.report.tables.by_task import part_words
from harness.report.tables.verdicts import (
    gate_failure,
    gate_words,
    verdict_cautions,
    verdict_remarks,
    where_words,
)
from harness.report.view.cells import CellView, RunView
from harness.report.words.look import Look
from harness.report.words.warnings import warning_sentence
from harness.report.words.wording import outcome_words, server_words, state_sentence
from harness.results.judge.emulators import labelled
from harness.results.judge.gates import failed_gates
from harness.results.judge.phrases import percent_words, phrase
from harness.results.record.comparison import Comparison, ComparisonReport, GateResult
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_number

Result = Literal["passed", "failure", "error", "skipped"]


@dataclass(frozen=True)
class Case:
    """One test case of JUnit's: a cell, a comparison or a gate, with its result."""

    name: str
    result: Result
    message: str = ""
    """One line: why it did not pass."""
    body: tuple[str, ...] = ()
    time_s: float = 0.0


def as_junit(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """The whole file: the suites `run`, `ledger`, and where there are any `gates`, `verdicts`."""
    record = view.record
    suites = {
        "run": [_run_case(view)],
        "ledger": [_ledger_case(cell) for cell in view.cells],
        "gates": list(_gate_cases(record.gates)),
        "verdicts": list(_verdict_cases(record.comparison)),
    }
    scenario = printable(str(record.scenario.get("name", "-")))
    root = ET.Element(
        "testsuites", {"name": f"harness {scenario}", **_totals(_all(suites.values()))}
    )
    for name, cases in suites.items():
        if cases:
            _add_suite(root, f"{scenario}.{name}", cases, record.started_at[:19])
    ET.indent(root, " ")
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


# --- cases --------------------------------------------------------------------------------------


def _run_case(view: RunView) -> Case:
    result: Result = {
        "complete": "passed",
        "failed": "error",
    }.get(view.record.status, "skipped")  # type: ignore[assignment] # a literal of the three
    said = (one.text for one in answer_of(view).sentences)
    body = (*said, f"run {view.record.run_id}", f"folder {view.folder}")
    return Case("every planned block was measured", result, state_sentence(view), body)


def _ledger_case(cell: CellView) -> Case:
    blocks = cell.blocks
    remarks = remarks_of(cell)
    result: Result = "passed"
    if any(block.status == "failed" for block in blocks):
        result = "error"
    elif not blocks:
        result = "skipped"
    elif not cell.figures.counts.completed or not all(block.as_expected for block in blocks):
        result = "failure"
    elif not healthy(cell) and not _lost_as_allowed(
        cell
    ):  # stopped early: what there is is sound, and not all of it
        result = "skipped"
    message = "" if result == "passed" else "; ".join(remarks)
    seconds = sum(block.window_s or 0.0 for block in blocks)
    return Case(exported_name(cell), result, message, tuple(_cell_body(cell)), seconds)


def _lost_as_allowed(cell: CellView) -> bool:
    """Something was broken on purpose, every block was measured, and no promise was broken."""
    measured = len(cell.blocks) == cell.planned
    return measured and all(
        block.status == "complete" and block.unattributed is not None for block in cell.blocks
    )


def _cell_body(cell: CellView) -> Iterator[str]:
    figures = cell.figures
    yield outcome_words(figures.counts)
    yield from remarks_of(cell)
    yield from map(warning_sentence, warning_codes_of(cell))
    if figures.throughput_per_s is not None:
        yield f"throughput {format_number(figures.throughput_per_s.median)} units/s (median)"
    each = [format_number(1 / one.seconds_per_unit) for one in rounds_of(cell)]
    if len(each) > 1:
        yield f"by block: {', '.join(each)} units/s"
    if figures.latency_s is not None and figures.latency_s.count:
        what = "time in the queue" if cell.backlog else "latency"
        percentiles = (
            f"{name} {format_duration(getattr(figures.latency_s, name))}"
            for name in ("p50", "p95", "p99")
        )
        yield f"{what} {', '.join(percentiles)}"
    yield from part_words(cell)
    yield from divided_words(cell)
    for role, server in sorted(cell.record.servers.items()):
        yield f"{role}: {server_words(server)}"


def _gate_cases(gates: tuple[GateResult, ...]) -> Iterator[Case]:
    failed = failed_gates(gates)
    for gate in gates:
        result: Result = "passed" if gate.passed else "failure" if gate in failed else "skipped"
        words = f"holds: {gate_failure(gate)}" if gate.passed else gate_failure(gate)
        if not gate.judged:
            result, words = "skipped", f"{gate_words(gate)}: {gate_failure(gate)}"
        message = "" if result == "passed" else words
        where = labelled(gate.cell, emulated=gate.emulated)
        yield Case(f"{gate.gate} [{where}]", result, message, (gate.gate, words))


def _verdict_cases(report: ComparisonReport | None) -> Iterator[Case]:
    if report is None:
        return
    cautions = tuple(verdict_cautions(report))
    for one in report.comparisons:
        result = _verdict_result(one)
        words = ", ".join([phrase(one), *verdict_remarks(one)])
        body = (words, _ratio_words(one), *_beside(one), *cautions)
        message = "" if result == "passed" else "; ".join([words, *_beside(one)][:2])
        yield Case(f"{one.metric} [{where_words(one)}]", result, message, body)


def _verdict_result(one: Comparison) -> Result:
    if not one.judged or one.verdict == "inconclusive":
        return "skipped"
    return "failure" if one.is_regression else "passed"


def _ratio_words(one: Comparison) -> str:
    return (
        f"ratio {_number(one.ratio)}, {100 * one.confidence:.3g} % interval {_number(one.low)} to "
        f"{_number(one.high)}, above 1 is better; {one.pairs} pairs, margin {one.margin:.3g}"
    )


def _beside(one: Comparison) -> Iterator[str]:
    if one.judged and one.kind == "change" and one.smallest_regression is not None:
        seen = percent_words(one.smallest_regression)
        yield f"slowdowns from {seen} on would have been called a regression"
    if one.smallest_effect is not None:
        yield f"differences from {percent_words(one.smallest_effect)} on would have been seen"
    if one.p_value is not None:
        yield f"p {one.p_value:.4g}, q {_number(one.q_value)}, Wilcoxon p {_number(one.wilcoxon_p)}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


# --- XML ----------------------------------------------------------------------------------------


def _add_suite(root: ET.Element, name: str, cases: list[Case], timestamp: str) -> None:
    suite = ET.SubElement(
        root, "testsuite", {"name": name, "timestamp": timestamp, **_totals(cases)}
    )
    for case in cases:
        element = ET.SubElement(
            suite,
            "testcase",
            classname=name,
            name=printable(case.name),
            time=f"{case.time_s:.3f}",
        )
        body = "\n".join(map(printable, case.body))
        if case.result == "passed":
            ET.SubElement(element, "system-out").text = body
        else:
            outcome = ET.SubElement(element, case.result, message=printable(case.message))
            outcome.text = body


def _totals(cases: Iterable[Case]) -> dict[str, str]:
    every = list(cases)
    results = [case.result for case in every]
    return {
        "tests": str(len(every)),
        "failures": str(results.count("failure")),
        "errors": str(results.count("error")),
        "skipped": str(results.count("skipped")),
        "time": f"{sum(case.time_s for case in every):.3f}",
    }


def _all(suites: Iterable[list[Case]]) -> Iterator[Case]:
    return (case for cases in suites for case in cases)
