"""The table of an answer: alternatives as rows, and what is asked of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.report.answer.findings import compared
from harness.report.answer.held import worst_promises
from harness.report.answer.money import Monthly, dollars_words, monthly
from harness.report.answer.naming import Names
from harness.report.tables.main import (
    MISSING,
    NOT_APPLICABLE,
    OUTCOME,
    Row,
    Section,
    Table,
    place_heads,
)
from harness.report.view.cells import CellView, RunView
from harness.report.words.warnings import counted
from harness.report.words.wording import outcome_words
from harness.results.costs.capacity import saturation_range
from harness.results.judge.emulators import labelled
from harness.results.record.comparison import GateResult
from harness.results.samples.pooled import measured_blocks
from harness.scenario.files.wording import printable
from harness.units import format_bytes, format_duration, format_milliseconds, format_number

MOST_ROWS = 24
"""Rows that are shown; the record and the tables further below have all cells."""


@dataclass(frozen=True)
class Alternative:
    """One row: a cell, by what decides between alternatives. Unknown figures are None."""

    cell: str
    """Its name in the record."""
    name: str
    """The alternative as an answer calls it; that of an emulator with the word."""
    work: str
    places: tuple[str, ...]
    """Of a matrix the name taken apart: configuration and values of the axes."""
    emulated: bool
    flagged: bool
    limits: int
    """Gates that were judged in the cell."""
    limits_held: int
    p50_s: float | None
    p99_s: float | None
    """Of all samples together; None of a backlog, where it is the time in the queue."""
    throughput_per_s: float | None
    saturation_per_s: float | None
    """The median rate that searches found."""
    cpu_ms_per_task: float | None
    """Of the workers and of the servers that the harness started."""
    memory_bytes: float | None
    """Peaks of the same."""
    cost: Monthly | None
    promises: int
    """Promises that were put to the test."""
    promises_kept: int
    outcome: str


def alternatives(view: RunView, names: Names) -> tuple[Alternative, ...]:
    """A row per cell, in the order of the run."""
    return tuple(_alternative(cell, view, names) for cell in view.cells)


def _alternative(cell: CellView, view: RunView, names: Names) -> Alternative:
    figures, latency = cell.figures, cell.figures.latency_s
    watched = latency if latency is not None and not cell.backlog else None
    found = saturation_range(measured_blocks(cell.record))
    gates = _judged(view.record.gates, cell)
    tested = [one for one in worst_promises(cell) if one.kept in ("kept", "broken")]
    rate = figures.spreads.get("throughput")
    return Alternative(
        cell=cell.name,
        name=names.alternative(cell.name),
        work=printable(names.points[cell.name].work),
        places=_places(cell) if names.axes else (),
        emulated=cell.record.emulated,
        flagged=cell.flagged or any(not one.passed for one in gates),
        limits=len(gates),
        limits_held=sum(bool(one.passed) for one in gates),
        p50_s=None if watched is None else watched.p50,
        p99_s=None if watched is None else watched.p99,
        throughput_per_s=None if rate is None else rate.median,
        saturation_per_s=None if found is None else found.median_per_s,
        cpu_ms_per_task=_added(cell, "worker_cpu", "broker_cpu", "backend_cpu"),
        memory_bytes=_added(cell, "worker_memory", "broker_memory", "backend_memory"),
        cost=monthly(cell),
        promises=len(tested),
        promises_kept=sum(one.kept == "kept" for one in tested),
        outcome=outcome_words(figures.counts),
    )


def _places(cell: CellView) -> tuple[str, ...]:
    first, *others = cell.shown.places or ("",)
    if not first:
        return ()
    return (labelled(first, emulated=cell.record.emulated), *map(printable, others))


def _judged(gates: Sequence[GateResult], cell: CellView) -> list[GateResult]:
    return [one for one in gates if one.cell == cell.name and one.judged and one.passed is not None]


def _added(cell: CellView, first: str, *others: str) -> float | None:
    """The first figure with what is known of the others; None where the first is unknown."""
    spreads = cell.figures.spreads
    if first not in spreads:
        return None
    return sum(spreads[name].median for name in (first, *others) if name in spreads)


# --- as a table -----------------------------------------------------------------------------------

_Text = Callable[[Alternative], str]


def _limits(row: Alternative) -> str:
    return f"{row.limits_held} of {row.limits}" if row.limits else NOT_APPLICABLE


def _promises(row: Alternative) -> str:
    return f"{row.promises_kept} of {row.promises}" if row.promises else NOT_APPLICABLE


def _dollars(row: Alternative) -> str:
    return NOT_APPLICABLE if row.cost is None else dollars_words(row.cost.dollars)


def _duration(name: str) -> _Text:
    def text(row: Alternative) -> str:
        value = getattr(row, name)
        return NOT_APPLICABLE if value is None else format_duration(value)

    return text


def _throughput(row: Alternative) -> str:
    """Of a search the rate that it found answers: its steps' throughput beside it, lower for what
    they wait at their ends, would be read as another answer."""
    searched = row.saturation_per_s is not None
    return NOT_APPLICABLE if searched else format_number(row.throughput_per_s)


def _saturation(row: Alternative) -> str:
    return NOT_APPLICABLE if row.saturation_per_s is None else format_number(row.saturation_per_s)


_COLUMNS: tuple[tuple[str, _Text], ...] = (
    ("limits held", _limits),
    ("p50", _duration("p50_s")),
    ("p99", _duration("p99_s")),
    ("units/s", _throughput),
    ("up to units/s", _saturation),
    ("CPU/task in all", lambda row: format_milliseconds(row.cpu_ms_per_task)),
    ("memory in all", lambda row: format_bytes(row.memory_bytes)),
    ("$ a month", _dollars),
    ("promises kept", _promises),
    (OUTCOME, lambda row: row.outcome),
)
TITLE = "At a glance"
_NOTES: tuple[tuple[str, str], ...] = (
    (
        " in all",
        "in all: of the workers and of the servers that the harness started; one elsewhere is "
        "missing, not free.",
    ),
    ("up to units/s", "up to: the highest rate that kept the limits of the search."),
    ("promises kept", "promises kept: of those that were put to the test."),
)

_PAIRS_NOTE = (
    "Each figure is that of the median block, p50 and p99 of all samples; differences above are "
    "mean ratios of pairs of blocks."
)


def answer_table(view: RunView, rows: Sequence[Alternative]) -> Table | None:
    """The rows as every format draws them: a section per work where there are several alternatives,
    a column per axis of a matrix, columns without any figure left out. None without a measured
    row."""
    shown = list(rows)
    if len(rows) > MOST_ROWS:  # what went wrong is not among those that are left out
        shown = sorted(rows, key=lambda row: not row.flagged)[:MOST_ROWS]
    columns = [
        (head, text)
        for head, text in _COLUMNS
        if any(text(row) not in (NOT_APPLICABLE, MISSING) for row in shown)
    ]
    if not any(row.throughput_per_s is not None for row in rows):
        return None
    several = len({row.name for row in shown}) > 1
    sections = [
        Section(title, tuple(_row(row, columns, several=several) for row in of))
        for title, of in _grouped(shown, several=several)
    ]
    notes = [note for part, note in _NOTES if any(part in head for head, _ in columns)]
    if several and _tells_differences(view):
        notes.append(_PAIRS_NOTE)
    if any(row.cost is not None for row in shown):
        notes.append(_cost_note(shown))
    if left := len(rows) - len(shown):
        notes.append(f"The tables below have {counted(left, 'more cell')}.")
    heads = tuple(head for head, _ in columns)
    return Table(TITLE, heads, tuple(sections), " ".join(notes), place_heads(view.cells))


def _tells_differences(view: RunView) -> bool:
    """Whether sentences say by how much, which these figures alone may not give."""
    return compared(view) is not None or any(not one.reason for one in view.effects)


def _row(row: Alternative, columns: Iterable[tuple[str, _Text]], *, several: bool) -> Row:
    label = row.name if several else row.work
    texts = tuple(text(row) for _, text in columns)
    return Row(label, texts, flagged=row.flagged, places=row.places if several else ())


def _grouped(
    rows: Sequence[Alternative], *, several: bool
) -> Iterable[tuple[str, list[Alternative]]]:
    def key(row: Alternative) -> str:
        return row.work if several else row.name

    return [
        (title, [row for row in rows if key(row) == title])
        for title in dict.fromkeys(map(key, rows))
    ]


def _cost_note(rows: Sequence[Alternative]) -> str:
    given = {row.cost.given for row in rows if row.cost is not None}
    at = "the load's rate" if given == {True} else "the measured throughput"
    if len(given) > 1:
        at = "the load's rate, or without one at the measured throughput"
    return f"$ a month: the broker's requests for 30 days at {at}, without idle fleets and storage."
