"""Tables of what message options ask for: latency by priority, and how late ETAs are kept."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.tables.main import Row, Section, Table
from harness.report.view.cells import CellView, RunView
from harness.results.record.distributions import Distribution
from harness.results.samples.pooled import PooledCell, measured_blocks
from harness.scenario.files.wording import printable
from harness.units import format_duration

_PERCENTILES = ("p50", "p95", "p99", "max")
_PRIORITIES_NOTE = (
    "Latency of the units of each priority, as in the results above. On Redis the lowest number "
    "goes first, on RabbitMQ the highest. Tasks that a worker has prefetched are beyond it."
)
_LATENESS_NOTE = (
    "Start of a task less the moment it was asked to run at (its ETA). Not in it: the countdown "
    "itself, which is in latencies and phases. Over-estimated by up to one publish call, in which "
    "Celery computes the ETA."
)


def message_option_tables(view: RunView) -> tuple[Table, ...]:
    """Tables of priorities and countdowns of the cells that have any. Several blocks are pooled, or
    stand one by one where their samples are missing."""
    head = ("units", *_PERCENTILES)
    by_cell = [
        Section(cell.label, tuple(rows))
        for index, cell in enumerate(view.cells)
        if (rows := list(_priorities(cell, view.pooled.get(index))))
    ]
    late = [
        row
        for index, cell in enumerate(view.cells)
        for row in _lateness(cell, view.pooled.get(index))
    ]
    tables = []
    if by_cell:
        tables.append(Table("By priority", head, tuple(by_cell), _PRIORITIES_NOTE))
    if late:
        head = ("tasks", *_PERCENTILES)
        tables.append(Table("Lateness of ETAs", head, (Section("", tuple(late)),), _LATENESS_NOTE))
    return tuple(tables)


def _priorities(cell: CellView, pooled: PooledCell | None) -> Iterator[Row]:
    if pooled is not None and pooled.priorities_s:
        for priority, latency_s in pooled.priorities_s.items():
            yield _row(f"priority {priority}", latency_s)
        return
    blocks = [block for block in measured_blocks(cell.record) if block.priorities_s]
    for block in blocks:
        which = f", block {block.number}" if len(blocks) > 1 else ""
        for priority, latency_s in block.priorities_s.items():
            yield _row(f"priority {priority}{which}", latency_s)


def _lateness(cell: CellView, pooled: PooledCell | None) -> Iterator[Row]:
    name = cell.label
    blocks = [block for block in measured_blocks(cell.record) if block.lateness_s.count]
    if pooled is not None and pooled.lateness_s is not None:
        yield _row(name, pooled.lateness_s)
    for block in blocks:
        which = f", block {block.number}" if len(blocks) > 1 else ""
        if pooled is None or pooled.lateness_s is None:
            yield _row(f"{name}{which}", block.lateness_s)
        waited = [task for task in block.by_task if task.lateness_s.count]
        for task in waited if len(waited) > 1 else ():
            yield _row(f"{task.task}{which}", task.lateness_s, part=True)


def _row(label: str, times_s: Distribution, *, part: bool = False) -> Row:
    figures = (format_duration(getattr(times_s, name)) for name in _PERCENTILES)
    return Row(printable(label), (f"{times_s.count:,}", *figures), part=part)
