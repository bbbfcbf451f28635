"""The content of a report, one for all formats that people read: lines and tables of text.

Formats only draw it. So a Markdown report cannot say less than the terminal's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.figures.figure import Figure
from harness.figures.names import figure_named
from harness.report.view.cells import CellView, Figures, RunView
from harness.report.words.wording import outcome_words, quantity_words
from harness.results.judge.emulators import labelled
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_milliseconds, format_number

Text = Callable[[Figures], str]
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
    places: tuple[str, ...] = ()
    """What stands in the table's `places`, where it has such columns: the label taken apart."""


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
    """Headings of the columns after the label."""
    sections: tuple[Section, ...]
    note: str
    places: tuple[str, ...] = ()
    """Headings of the columns that say which row it is, axes of a matrix; empty: one column, of
    labels."""
    of: str = "cell"
    """What its rows are of, for the heading of the labels."""


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
    name = cell.shown
    label = name.variant if by_work or not name.work else name.work
    return labelled(label, emulated=cell.record.emulated)


def place_heads(cells: Sequence[CellView]) -> tuple[str, ...]:
    """Headings of the axes by which the rows of cells are told apart; empty where labels do."""
    several = len({cell.variant for cell in cells}) > 1
    return tuple(map(printable, cells[0].shown.columns)) if cells and several else ()


def row_of(cell: CellView, texts: tuple[str, ...], *, by_work: bool, places: bool = False) -> Row:
    """The row of a cell; `places`: its table has a column per axis."""
    found = places_of_row(cell) if places else ()
    return Row(row_label(cell, by_work=by_work), texts, flagged=cell.flagged, places=found)


def places_of_row(cell: CellView) -> tuple[str, ...]:
    """What stands in the columns of `place_heads`. Emulators are called so."""
    first, *others = cell.shown.places
    return (labelled(first, emulated=cell.record.emulated), *map(printable, others))


def table_of(
    title: str, cells: Sequence[CellView], columns: Sequence[Column], note: str
) -> Table | None:
    """A row per cell, with the columns that it needs; None where no cell has a figure."""
    by_work = len({cell.variant for cell in cells}) > 1
    places = place_heads(cells)
    shown = [
        column
        for column in columns
        if not column.optional or any(_is_figure(column.text(cell.figures)) for cell in cells)
    ]
    sections = tuple(
        Section(
            printable(name),
            tuple(row for cell in group for row in _rows(cell, shown, by_work, len(places))),
        )
        for name, group in grouped(cells, by_work=by_work)
    )
    rows = [row for section in sections for row in section.rows]
    if not any(_is_figure(text) for row in rows for text in row.cells):
        return None
    notes = filter(None, [note, *(column.note for column in shown)])
    return Table(title, tuple(column.head for column in shown), sections, " ".join(notes), places)


def _is_figure(text: str) -> bool:
    return text not in (NOT_APPLICABLE, MISSING)


def grouped(cells: Sequence[CellView], *, by_work: bool) -> Iterable[tuple[str, list[CellView]]]:
    """Name of a group -> its cells: by workload and load where configurations are compared, else
    all under the configuration."""

    def key(cell: CellView) -> str:
        return cell.shown.work if by_work else cell.shown.variant

    order = list(dict.fromkeys(map(key, cells)))
    ordered = sorted(cells, key=lambda cell: order.index(key(cell)))
    return [(name, list(group)) for name, group in groupby(ordered, key=key)]


def _rows(cell: CellView, columns: Sequence[Column], by_work: bool, places: int) -> Iterable[Row]:
    texts = tuple(column.text(cell.figures) for column in columns)
    yield row_of(cell, texts, by_work=by_work, places=places > 0)
    percentiles = any(column.percentile for column in columns)
    for number, figures in cell.by_block if percentiles else ():
        texts = tuple(column.text(figures) for column in columns)
        flagged = not figures.counts.sound
        label = f"block {number}"
        where = (label, *[""] * (places - 1)) if places else ()
        yield Row(label, texts, flagged=flagged, part=True, places=where)


# --- columns ------------------------------------------------------------------------------------


def figure_column(
    name: str, *, head: str = "", optional: bool = True, note: str = "", text: Text | None = None
) -> Column:
    """The column of a figure under its own heading, or another one: the median of a plain figure in
    a unit that suits it, the mean of times."""
    figure = figure_named(name)
    assert figure is not None  # noqa: S101 - a row of the table
    shown = text or (_mean(name) if figure.distribution else _median_if_any(figure))
    return Column(head or figure.heading, shown, optional, note=note)


def _median_if_any(figure: Figure) -> Text:
    """Of a figure that only some kinds of cells have."""

    def text(figures: Figures) -> str:
        spread = figures.spreads.get(figure.name)
        return NOT_APPLICABLE if spread is None else quantity_words(figure, spread.median)

    return text


def _median(name: str) -> Text:
    def text(figures: Figures) -> str:
        spread = figures.spreads.get(name)
        return format_number(None if spread is None else spread.median)

    return text


def _range(name: str) -> Text:
    def text(figures: Figures) -> str:
        spread = figures.spreads.get(name)
        if spread is None or spread.blocks < 2:
            return NOT_APPLICABLE
        return f"{format_number(spread.lowest)}-{format_number(spread.highest)}"

    return text


def _tasks_per_s(figures: Figures) -> str:
    """Only where a unit is more than one task."""
    units, tasks = (figures.spreads.get(name) for name in ("throughput", "throughput.tasks"))
    same = units is None or tasks is None or abs(tasks.median - units.median) < 1e-9 * units.median
    return NOT_APPLICABLE if same or tasks is None else format_number(tasks.median)


def _percentile(name: str) -> Text:
    def text(figures: Figures) -> str:
        if figures.latency_s is None:
            return MISSING
        return format_duration(getattr(figures.latency_s, name))

    return text


def _mean(name: str) -> Text:
    def text(figures: Figures) -> str:
        mean = figures.mean_s.get(name)
        if mean is not None:
            return format_duration(mean)
        # Without any unit nothing is known; else this kind of unit or load has no such figure.
        return NOT_APPLICABLE if "latency.total" in figures.mean_s else MISSING

    return text


def _schedule(figures: Figures) -> str:
    """Exactly zero says that nothing was planned ahead: no pacer, no delay of it."""
    if figures.mean_s.get("phase.schedule") == 0:
        return NOT_APPLICABLE
    return _mean("phase.schedule")(figures)


def _retry(figures: Figures) -> str:
    """Where no task ran more than once there is nothing to say."""
    return _mean("phase.retry")(figures) if figures.mean_s.get("phase.retry") else NOT_APPLICABLE


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
    figure_column(
        "throughput.sent",
        text=_median("throughput.sent"),
        note="sent/s: units that were sent when they were due; with this figure, latency counts "
        "from that moment. units/s counts until the last result: it is below sent/s by what the "
        "last units took, even where none is missing.",
    ),
    figure_column("throughput", text=_median("throughput"), optional=False),
    Column("range", _range("throughput"), optional=True),
    figure_column("throughput.tasks", text=_tasks_per_s),
    *(Column(name, _percentile(name), percentile=True) for name in _PERCENTILES),
    *_LAST,
)
_BACKLOG = (
    figure_column("throughput.publish", text=_median("throughput.publish"), optional=False),
    Column("consume units/s", _median("throughput")),
    Column("consume range", _range("throughput"), optional=True),
    Column("consume tasks/s", _tasks_per_s, optional=True),
    *(Column(f"queued {name}", _percentile(name), percentile=True) for name in _PERCENTILES),
    *_LAST,
)
_PHASES = (
    figure_column("phase.schedule", text=_schedule, note="schedule: due to publish call."),
    figure_column("phase.queue", optional=False),
    figure_column("phase.dispatch", optional=False),
    figure_column(
        "phase.retry",
        text=_retry,
        note="retry: of tasks that ran more than once, from their first start to that of the "
        "execution which gave the result; run is that one alone.",
    ),
    figure_column("phase.run", optional=False),
    figure_column("phase.result"),
    figure_column("latency.total", optional=False),
)
_BESIDE = (
    figure_column("call.publish", optional=False),
    figure_column("call.store"),
    figure_column("canvas.hop", note="chain hop: end of a link to the start of the next."),
    figure_column("canvas.member_spread", note="member spread: first to last member's end."),
    figure_column("canvas.join", note="group join: last member's end to the group's result."),
    figure_column(
        "canvas.fan_out",
        note="fan out: end of the link before a group to each member's start.",
    ),
    figure_column(
        "canvas.join_delay",
        note="join delay: last header task stored to the chord's body started; phases of chords "
        "are summed over header and body.",
    ),
    figure_column(
        "canvas.unlock_looks",
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
    "queued: the time in the queue, from the publish call to the end of the unit's last task. "
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
