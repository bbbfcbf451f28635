"""Tables of schedules: whether beat fired when it was to, and where the time went."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.figures.names import heading_of
from harness.report.tables.main import MISSING, NOT_APPLICABLE, Row, Section, Table
from harness.report.view.cells import CellView
from harness.results.judge.emulators import labelled
from harness.results.record.distributions import Distribution
from harness.results.record.periodic import Periodic
from harness.results.record.run import BlockRecord
from harness.units import format_duration, format_milliseconds

_FIRES_HEAD = tuple(
    heading_of(name)
    for name in (
        *("periodic.expected", "periodic.fires", "missed", "doubled", "periodic.slipped"),
        *("periodic.drift_per_hour", "periodic.behind_max"),
    )
)
_FIRES_NOTE = (
    "planned = fires + missed + slipped - doubled. missed: no fire for one and a half intervals. "
    "doubled: two fires for one moment. slipped: fires came regularly, but each a little later, "
    "which cost one in the end. drift/h: what ordinary intervals are too long in an hour, from 30 "
    "of them per entry on. behind: what all intervals of the measured time were too long together, "
    "pauses included; of the entry that is behind most."
)
_LATE_HEAD = (
    *(
        f"{heading_of(name)} {quantile}"
        for name in ("periodic.due_to_sent", "periodic.sent_to_started")
        for quantile in ("p50", "p99", "max")
    ),
    heading_of("periodic.beat_cpu"),
)
_LATE_NOTE = (
    "sent: from the moment that beat aimed at (its last fire + the interval, or what the crontab "
    "names) to its publish call. started: from there to the call of the function. beat CPU: of "
    "celery beat per fire; inside a worker it is the worker's."
)
Known = Sequence[tuple[CellView, BlockRecord, Periodic]]


def periodic_tables(cells: Sequence[CellView]) -> tuple[Table, ...]:
    """Tables of fires of the cells with a schedule, block by block."""
    known = [
        (cell, block, block.periodic)
        for cell in cells
        for block in cell.blocks
        if block.periodic is not None
    ]
    if not known:
        return ()
    return (
        _table("Schedules: fires against the plan", _FIRES_HEAD, known, _fires, _FIRES_NOTE),
        _table("Schedules: how late", _LATE_HEAD, known, _lateness, _LATE_NOTE),
    )


def _table(
    title: str,
    head: tuple[str, ...],
    known: Known,
    figures: Callable[[Periodic], tuple[str, ...]],
    note: str,
) -> Table:
    rows = [
        Row(_label(cell, block), figures(one), flagged=_is_unsound(one))
        for cell, block, one in known
    ]
    return Table(title, head, (Section("", tuple(rows)),), note)


def _label(cell: CellView, block: BlockRecord) -> str:
    several = f", block {block.number}" if len(cell.blocks) > 1 else ""
    name = labelled(cell.shown.name.removesuffix("/schedule"), emulated=cell.record.emulated)
    return f"{name}{several}"


def _is_unsound(one: Periodic) -> bool:
    return one.missed + one.doubled > 0 or one.fires == 0


def _fires(one: Periodic) -> tuple[str, ...]:
    counts = (one.expected, one.fires, one.missed, one.doubled, one.slipped)
    drifts = one.behind_s is not None
    return (
        *(f"{count:,}" for count in counts),
        _signed(one.drift_per_hour_s) if drifts else NOT_APPLICABLE,
        format_duration(one.behind_max_s) if drifts else NOT_APPLICABLE,
    )


def _signed(seconds: float | None) -> str:
    if seconds is None:
        return MISSING
    return f"{'-' if seconds < 0 else '+'}{format_duration(abs(seconds))}"


def _lateness(one: Periodic) -> tuple[str, ...]:
    cpu_ms = one.beat_cpu_ms_per_fire
    return (
        *_quantiles(one.due_to_sent_s),
        *_quantiles(one.sent_to_started_s),
        NOT_APPLICABLE if cpu_ms is None else format_milliseconds(cpu_ms),
    )


def _quantiles(found: Distribution) -> tuple[str, ...]:
    return tuple(format_duration(value) for value in (found.p50, found.p99, found.max))
