"""The content of a report, one for all formats that people read: lines and tables of text.

Formats only draw it. So a Markdown report cannot say less than the terminal's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.report.view.cells import CellView, Figures, RunView, Spread
from harness.report.words.wording import outcome_words
from harness.results.judge.emulators import labelled
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_milliseconds, format_number

NOT_APPLICABLE = ""
MISSING = "-"

OUTCOME = "outcome"
"""Heading of the one column that holds words; it stands last."""


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    label: str
    cells: tuple[str, ...]
    flagged: bool = False
    """Something went wrong there: marked in every format."""
    part: bool = False
    """One block of the row above."""


@dataclass(frozen=True)
class Section:
    """Rows that are to be compared with each other."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """A table with a sentence about what its figures are."""

    title: str
    head: tuple[str, ...]
    """Of the columns after the label."""
    sections: tuple[Section, ...]
    note: str


@dataclass(frozen=True)
class Column:
    """One figure and its heading."""

    head: str
    text: Callable[[Figures], str]
    optional: bool = False
    """Left out where no row has a figure for it."""
    percentile: bool = False
    """Comes from raw samples, so without them it stands block by block."""
    note: str = ""
    """What it is, where the table's own note does not say."""


def tables(view: RunView) -> tuple[Table, ...]:
    """Every table of a run, in the order of reading. Tables without rows are left out."""
    watched = [cell for cell in view.cells if not cell.unwatched]
    unwatched = [cell for cell in view.cells if cell.unwatched and not cell.backlog]
    backlog = [cell for cell in view.cells if cell.backlog]
    return tuple(
        table
        for table in (
            table_of("Results", watched, _WATCHED, _WATCHED_NOTE),
            table_of("Results, nobody watching", unwatched, _WATCHED, _UNWATCHED_NOTE),
            table_of("Backlog: publish all, then consume", backlog, _BACKLOG, _BACKLOG_NOTE),
            table_of(
                "Where the time goes (mean; adds up to the total)",
                view.cells,
                _PHASES,
                _PHASES_NOTE,
            ),
            table_of(
                "Beside the phases (mean; not part of the sum)", view.cells, _BESIDE, _BESIDE_NOTE
            ),
        )
        if table is not None
    )


def row_label(cell: CellView, *, by_work: bool) -> str:
    """The part of the cell's name that its section does not say. Emulators are called so."""
    label = cell.variant if by_work or not cell.work else cell.work
    return labelled(label, emulated=cell.record.emulated)


def table_of(
    title: str, cells: Sequence[CellView], columns: Sequence[Column], note: str
) -> Table | None:
    """A row per cell, with the columns that it needs; None where no cell has a figure."""
    by_work = len({cell.variant for cell in cells}) > 1
    shown = [
        column
        for column in columns
        if not column.optional or any(_is_figure(column.text(cell.figures)) for cell in cells)
    ]
    sections = tuple(
        Section(
            printable(name), tuple(row for cell in group for row in _rows(cell, shown, by_work))
        )
        for name, group in grouped(cells, by_work=by_work)
    )
    rows = [row for section in sections for row in section.rows]
    if not any(_is_figure(text) for row in rows for text in row.cells):
        return None
    notes = filter(None, [note, *(column.note for column in shown)])
    return Table(title, tuple(column.head for column in shown), sections, " ".join(notes))


def _is_figure(text: str) -> bool:
    return text not in (NOT_APPLICABLE, MISSING)


def grouped(cells: Sequence[CellView], *, by_work: bool) -> Iterable[tuple[str, list[CellView]]]:
    """By workload and load where configurations are compared, else all under the configuration."""

    def key(cell: CellView) -> str:
        return cell.work if by_work else cell.variant

    order = list(dict.fromkeys(map(key, cells)))
    ordered = sorted(cells, key=lambda cell: order.index(key(cell)))
    return [(name, list(group)) for name, group in groupby(ordered, key=key)]


def _rows(cell: CellView, columns: Sequence[Column], by_work: bool) -> Iterable[Row]:
    texts = tuple(column.text(cell.figures) for column in columns)
    yield Row(row_label(cell, by_work=by_work), texts, flagged=cell.flagged)
    percentiles = any(column.percentile for column in columns)
    for number, figures in cell.by_block if percentiles else ():
        texts = tuple(column.text(figures) for column in columns)
        flagged = not figures.counts.sound
        yield Row(f"block {number}", texts, flagged=flagged, part=True)


# --- columns ------------------------------------------------------------------------------------


def median_if_any(
    figure: Callable[[Figures], Spread | None],
    words: Callable[[float], str] = format_number,
) -> Callable[[Figures], str]:
    """The text of a column for a figure that only some kinds of cells have."""

    def text(figures: Figures) -> str:
        spread = figure(figures)
        return NOT_APPLICABLE if spread is None else words(spread.median)

    return text


def _median(figure: Callable[[Figures], Spread | None]) -> Callable[[Figures], str]:
    def text(figures: Figures) -> str:
        spread = figure(figures)
        return format_number(None if spread is None else spread.median)

    return text


def _range(figure: Callable[[Figures], Spread | None]) -> Callable[[Figures], str]:
    def text(figures: Figures) -> str:
        spread = figure(figures)
        if spread is None or spread.blocks < 2:
            return NOT_APPLICABLE
        return f"{format_number(spread.lowest)}-{format_number(spread.highest)}"

    return text


def _tasks_per_s(figures: Figures) -> str:
    """Only where a unit is more than one task."""
    units, tasks = figures.throughput_per_s, figures.tasks_per_s
    same = units is None or tasks is None or abs(tasks.median - units.median) < 1e-9 * units.median
    return NOT_APPLICABLE if same or tasks is None else format_number(tasks.median)


def _percentile(name: str) -> Callable[[Figures], str]:
    def text(figures: Figures) -> str:
        if figures.latency_s is None:
            return MISSING
        return format_duration(getattr(figures.latency_s, name))

    return text


def _mean(name: str) -> Callable[[Figures], str]:
    def text(figures: Figures) -> str:
        mean = figures.mean_s.get(name)
        if mean is not None:
            return format_duration(mean)
        # Without any unit nothing is known; else this kind of unit or load has no such figure.
        return NOT_APPLICABLE if "total" in figures.mean_s else MISSING

    return text


def _schedule(figures: Figures) -> str:
    """Exactly zero says that nothing was planned ahead: no pacer, no delay of it."""
    return NOT_APPLICABLE if figures.mean_s.get("schedule") == 0 else _mean("schedule")(figures)


def _retry(figures: Figures) -> str:
    """Where no task ran more than once there is nothing to say."""
    return _mean("retry")(figures) if figures.mean_s.get("retry") else NOT_APPLICABLE


def _cpu(figures: Figures) -> str:
    spread = figures.worker_cpu_ms_per_task
    return format_milliseconds(None if spread is None else spread.median)


def _outcome(figures: Figures) -> str:
    return outcome_words(figures.counts)


_PERCENTILES = ("p50", "p95", "p99")
_LAST = (
    Column("CPU/task", _cpu),
    # At the end: its length is not known.
    Column(OUTCOME, _outcome),
)
_WATCHED = (
    Column(
        "sent/s",
        _median(lambda figures: figures.sent_per_s),
        optional=True,
        note="sent/s: units that were sent when they were due; with this figure, latency counts "
        "from that moment. units/s counts until the last result: it is below sent/s by what the "
        "last units took, even where none is missing.",
    ),
    Column("units/s", _median(lambda figures: figures.throughput_per_s)),
    Column("range", _range(lambda figures: figures.throughput_per_s), optional=True),
    Column("tasks/s", _tasks_per_s, optional=True),
    *(Column(name, _percentile(name), percentile=True) for name in _PERCENTILES),
    *_LAST,
)
_BACKLOG = (
    Column("publish units/s", _median(lambda figures: figures.publish_rate_per_s)),
    Column("consume units/s", _median(lambda figures: figures.throughput_per_s)),
    Column("consume range", _range(lambda figures: figures.throughput_per_s), optional=True),
    Column("consume tasks/s", _tasks_per_s, optional=True),
    *(Column(f"place {name}", _percentile(name), percentile=True) for name in _PERCENTILES),
    *_LAST,
)
_PHASES = (
    Column("schedule", _schedule, optional=True, note="schedule: due to publish call."),
    *(Column(name, _mean(name)) for name in ("queue", "dispatch")),
    Column(
        "retry",
        _retry,
        optional=True,
        note="retry: of tasks that ran more than once, from their first start to that of the "
        "execution which gave the result; run is that one alone.",
    ),
    Column("run", _mean("run")),
    Column("result", _mean("result"), optional=True),
    Column("total", _mean("total")),
)
_BESIDE = (
    Column("publish call", _mean("publish_call")),
    Column("store call", _mean("store_call"), optional=True),
    Column(
        "chain hop",
        _mean("hop"),
        optional=True,
        note="chain hop: end of a link to the start of the next.",
    ),
    Column(
        "member spread",
        _mean("member_spread"),
        optional=True,
        note="member spread: first to last member's end.",
    ),
    Column(
        "group join",
        _mean("join"),
        optional=True,
        note="group join: last member's end to the group's result.",
    ),
    Column(
        "fan out",
        _mean("fan_out"),
        optional=True,
        note="fan out: end of the link before a group to each member's start.",
    ),
    Column(
        "join delay",
        _mean("join_delay"),
        optional=True,
        note="join delay: last header task stored to the chord's body started; phases of chords "
        "are summed over header and body.",
    ),
    Column(
        "unlock looks",
        median_if_any(lambda figures: figures.looks.get("unlock_looks")),
        optional=True,
        note="unlock looks: messages of Celery's chord_unlock per unit, where the result backend "
        "does not count the header.",
    ),
)

_WATCHED_NOTE = (
    "p50, p95, p99: from a unit's publish call to its result in the caller's hands. CPU/task: of "
    "all workers. ok: ended as meant, result checked. dup: tasks run once more."
)
_UNWATCHED_NOTE = (
    "p50, p95, p99: from the moment a unit was due to the end of its last task. Results were "
    "checked when the load was over."
)
_BACKLOG_NOTE = (
    "place: the place in the queue, from the publish call to the end of the unit's last task. "
    "All units are published first, so it is not a latency that a caller would see."
)
_PHASES_NOTE = (
    "queue: publish call to received by a worker. dispatch: to the call of the function. run: "
    "the function. result: to the caller. A chain's are summed over its links, a group's are its "
    "last member's."
)
_BESIDE_NOTE = (
    "publish call, store call: how long the client and the worker were in them; they overlap with "
    "the phases."
)
