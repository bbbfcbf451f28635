"""What the page over a store shows: its runs, newest first, and how each cell came out over time.

Nothing is read but the records: no samples, so that hundreds of runs take a second or two.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from harness.errors import RecordError, UsageError
from harness.report.answer.answer import answer_of
from harness.report.tables.verdicts import gate_counts, verdict_counts
from harness.report.view.cells import CellView, Spread, counts_of, view_of
from harness.report.words.wording import outcome_words, quantity_words
from harness.results.history.runs import History, Question, history
from harness.results.history.series import Point, Series
from harness.results.judge.circumstances import facts_of, project_of
from harness.results.judge.emulators import cell_label, labelled
from harness.results.judge.gates import failed_gates
from harness.results.judge.identity import series_key
from harness.results.judge.metrics import COMPARED, Metric
from harness.results.record.run import CellRecord, RunRecord
from harness.results.store.catalog import Catalog, StoredRun
from harness.results.store.liveness import is_being_written
from harness.results.store.views import scenario_name
from harness.scenario.files.wording import listed, printable
from harness.units import format_duration, format_number

REPORT_FILE = "report.html"
_LAST = 365
_CONFIG = "config."


@dataclass(frozen=True)
class CellLine:
    """One cell of one run."""

    name: str
    rate: str
    p50: str
    p99: str
    cpu: str
    outcome: str
    flagged: bool


@dataclass(frozen=True)
class Verdict:
    """What gates or comparisons say, in words."""

    words: str
    flagged: bool


@dataclass(frozen=True)
class RunLine:
    """One run of a store, as a line of the page's list."""

    run_id: str
    started: str
    """`2026-11-24 16:32`, UTC."""
    scenario: str
    question: str
    answer: str
    """The first sentence of its answer."""
    status: str
    verdicts: tuple[Verdict, ...]
    blocks: int
    ledger: str
    flagged: bool
    """A block failed, or units did not end as they were meant to."""
    software: str
    commit: str
    links: tuple[tuple[str, str], ...]
    """Word and relative URL."""
    cells: tuple[CellLine, ...]


@dataclass(frozen=True)
class Dot:
    """One run's value in a series."""

    value: float
    words: str
    sound: bool
    breaks: str
    """What changed of the environment since the dot before; empty if nothing did."""


@dataclass(frozen=True)
class Line:
    """One cell over time, in one metric, on one machine."""

    metric: str
    unit: str
    dots: tuple[Dot, ...]
    newest: str
    span: str
    """The lowest and the highest value."""


@dataclass(frozen=True)
class SeriesRow:
    """One cell over time on one machine: a line per metric that says something there."""

    cell: str
    work: str
    """How much of it is measured in a block."""
    machine: str
    reference: str
    runs: int
    lines: tuple[Line | None, ...]


@dataclass(frozen=True)
class ScenarioPart:
    """All series of one scenario."""

    name: str
    metrics: tuple[str, ...]
    rows: tuple[SeriesRow, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Overview:
    """The whole page. All texts are printable."""

    store: str
    runs: tuple[RunLine, ...]
    scenarios: tuple[ScenarioPart, ...]
    skipped: tuple[str, ...]


def overview(catalog: Catalog, page_folder: Path) -> Overview:
    """What the page over a store says, from its catalogue. Links lead from `page_folder`."""
    newest_first = tuple(reversed(catalog.runs))
    names = dict.fromkeys(scenario_name(run.record) for run in newest_first)
    return Overview(
        store=printable(str(catalog.store)),
        runs=tuple(_run_line(run, page_folder) for run in newest_first),
        scenarios=tuple(_part(catalog, name) for name in names),
        skipped=tuple(printable(str(one)) for one in catalog.skipped),
    )


# --- runs -----------------------------------------------------------------------------------------


def _run_line(run: StoredRun, page_folder: Path) -> RunLine:
    record = run.record
    view = view_of(record, run.folder, {})
    cells = view.cells
    counts = counts_of(record.blocks)
    environment = record.environment
    software = [
        f"{name} {environment.packages[name]}"
        for name in ("celery", "kombu")
        if name in environment.packages
    ]
    return RunLine(
        run_id=printable(record.run_id),
        started=printable(record.started_at[:16].replace("T", " ")),
        scenario=printable(scenario_name(record)) or "-",
        question=printable(str(record.scenario.get("question") or "")),
        answer=answer_of(view).in_one_line,
        status=_status(run),
        verdicts=tuple(_verdicts(record)),
        flagged=any(cell.flagged for cell in cells),
        blocks=len(record.blocks),
        ledger=outcome_words(counts),
        software=printable(listed(software)),
        commit=printable(_commits(record)),
        links=tuple(_links(run.folder, page_folder)),
        cells=tuple(map(_cell_line, cells)),
    )


def _commits(record: RunRecord) -> str:
    """Of the project, as each of its cells ran it."""
    ran = dict.fromkeys(project_of(record, cell) for cell in record.cells)
    dirty = ", uncommitted changes"
    return "; ".join(f"{commit[:9]}{dirty if changed else ''}" for commit, changed in ran if commit)


def _status(run: StoredRun) -> str:
    if run.record.status != "running":
        return run.record.status
    alive = is_being_written(run.folder)
    return "running" if alive else "killed" if alive is False else "running or killed"


def _verdicts(record: RunRecord) -> Iterator[Verdict]:
    """The mark stands before what failed, and before nothing else."""
    if record.gates:
        yield Verdict(f"gates: {gate_counts(record.gates)}", bool(failed_gates(record.gates)))
    for words in verdict_counts(record.comparison).split(", ") if record.comparison else ():
        yield Verdict(printable(words), "regression" in words)


def _links(folder: Path, page_folder: Path) -> Iterator[tuple[str, str]]:
    name = quote(os.path.relpath(folder, page_folder))
    # Or a browser might take what stands before a colon for a protocol.
    name = name if name.startswith("../") else f"./{name}"
    if (folder / REPORT_FILE).is_file():
        yield "report", f"{name}/{REPORT_FILE}"
    yield "run.json", f"{name}/run.json"


def _cell_line(cell: CellView) -> CellLine:
    figures, blocks = cell.figures, [one for one in cell.blocks if one.status != "failed"]
    return CellLine(
        name=cell_label(cell.record),
        rate=_median(figures.throughput_per_s),
        p50=_range([block.latency_s.p50 for block in blocks]),
        p99=_range([block.latency_s.p99 for block in blocks]),
        cpu="-"
        if figures.worker_cpu_ms_per_task is None
        else format_duration(figures.worker_cpu_ms_per_task.median / 1e3),
        outcome=outcome_words(figures.counts),
        flagged=cell.flagged,
    )


def _median(spread: Spread | None) -> str:
    return "-" if spread is None else format_number(spread.median)


def _range(values_s: Sequence[float | None]) -> str:
    """Over blocks: a mean of percentiles would be no percentile."""
    known = [value for value in values_s if value is not None]
    if not known:
        return "-"
    low, high = format_duration(min(known)), format_duration(max(known))
    return low if low == high else f"{low} to {high}"


# --- series ---------------------------------------------------------------------------------------


def _part(catalog: Catalog, name: str) -> ScenarioPart:
    found = {metric.name: _history(catalog, name, metric) for metric in COMPARED}
    metrics = [one for one in COMPARED if not one.only_load or found[one.name] is not None]
    rows: dict[tuple[str, ...], dict[str, Series]] = {}
    for metric, answer in found.items():
        for one in answer.series if answer else ():
            key = (series_key(one.points[-1].cell), one.machine, one.reference or "")
            rows.setdefault(key, {})[metric] = one
    remarks = dict.fromkeys(
        printable(sentence) for answer in found.values() if answer for sentence in answer.left_out
    )
    return ScenarioPart(
        printable(name) or "-",
        tuple(metric.name for metric in metrics),
        tuple(_row(row, metrics) for row in rows.values()),
        tuple(remarks),
    )


def _history(catalog: Catalog, name: str, metric: Metric) -> History | None:
    """None where no run has a figure to show, or the baselines' names cannot be read."""
    try:
        return history(catalog, Question(name, metric, last=_LAST), nominate=False)
    except (UsageError, RecordError):
        return None


def _row(by_metric: Mapping[str, Series], metrics: Sequence[Metric]) -> SeriesRow:
    """Series of one cell, one amount of work and one machine."""
    one = max(by_metric.values(), key=lambda series: len(series.points))
    return SeriesRow(
        cell=labelled(one.cell, emulated=one.emulated),
        work=_extent(one.points[-1].cell),
        machine=printable(one.machine),
        reference=printable(one.reference or ""),
        runs=len(one.points),
        lines=tuple(_line(metric, by_metric.get(metric.name)) for metric in metrics),
    )


def _extent(cell: CellRecord) -> str:
    """Cells of one name may be measured for a time or a number of units, and are told apart."""
    units, duration_s = cell.measure.get("units"), cell.measure.get("duration")
    return f"{units:,} units" if units else f"{duration_s:g} s" if duration_s else ""


def _line(metric: Metric, series: Series | None) -> Line | None:
    if series is None:
        return None
    points = series.points
    befores: list[Point | None] = [None, *points[:-1]]
    ratio = series.reference is not None

    def words(value: float) -> str:
        return _shown(value, metric, ratio=ratio)

    dots = tuple(
        Dot(
            value=point.value,
            words=printable(_dot_words(point, words(point.value))),
            sound=point.sound,
            breaks=printable(_changed(before, point)),
        )
        for before, point in zip(befores, points, strict=True)
    )
    low, high = min(series.values), max(series.values)
    span = f"{words(low)} to {words(high)}" if len(points) > 1 else ""
    unit = "ratio" if ratio else metric.unit
    return Line(metric.name, unit, dots, words(points[-1].value), span)


def _dot_words(point: Point, value: str) -> str:
    marks = f" ({listed(point.marks)})" if point.marks else ""
    return f"{point.run.started_at[:16].replace('T', ' ')}: {value}{marks}"


def _changed(before: Point | None, point: Point) -> str:
    """The environment: versions of software and servers, not the project's own commit, whose
    effect is what a series is there to show; nor its configuration, which makes another series."""
    if before is None:
        return ""
    old, new = (facts_of(one.run, one.cell) for one in (before, point))
    names = [
        name
        for name in sorted(old.keys() | new.keys())
        if name != "commit" and not name.startswith(_CONFIG) and old.get(name) != new.get(name)
    ]
    return listed(f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}" for name in names)


def _shown(value: float, metric: Metric, *, ratio: bool) -> str:
    if ratio:
        return f"{value:.3f}"
    figure = metric.asked.figure
    per_second = "/s" if figure.kind == "rate" else ""
    return f"{quantity_words(figure, value)}{per_second}"
