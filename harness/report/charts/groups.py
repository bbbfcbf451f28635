"""Which cells stand in one chart, and what each is called there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.report.charts.theme import MOST_SERIES
from harness.report.tables.main import grouped, row_label
from harness.report.view.cells import CellView
from harness.scenario.files.wording import printable


@dataclass(frozen=True)
class Member:
    """One cell of a chart."""

    label: str
    """Unlike every other one of the chart."""
    cell: CellView


@dataclass(frozen=True)
class Group:
    """Cells that are to be compared with each other."""

    key: str
    title: str
    members: tuple[Member, ...]


def groups(
    cells: Sequence[CellView], *, most: int = MOST_SERIES, wanted: Callable[[CellView], bool]
) -> Iterator[Group]:
    """Groups of cells that a chart shows together, as in the tables: by workload and load where
    configurations are compared, else all of a configuration. One of more than `most` cells is
    divided."""
    by_work = len({cell.variant for cell in cells}) > 1
    number = 0
    for name, found in grouped([cell for cell in cells if wanted(cell)], by_work=by_work):
        parts = [found[begin : begin + most] for begin in range(0, len(found), most)]
        for index, part in enumerate(parts):
            of = f" ({index + 1} of {len(parts)})" if len(parts) > 1 else ""
            yield Group(f"{number}", printable(name) + of, _members(part, by_work=by_work))
            number += 1


def _members(cells: Sequence[CellView], *, by_work: bool) -> tuple[Member, ...]:
    labels: list[str] = []
    for cell in cells:
        label = ", ".join([row_label(cell, by_work=by_work), *marks_of(cell)])
        while label in labels:
            label += " (again)"
        labels.append(label)
    return tuple(Member(label, cell) for label, cell in zip(labels, cells, strict=True))


def is_paced(cell: CellView) -> bool:
    """Whether the load says when units are due: its throughput is then given, and no merit."""
    return cell.record.load.get("load") in ("rate", "schedule")


def marks_of(cell: CellView) -> Iterator[str]:
    """What a reader has to know before a cell's figures, in a few words: `! 4 lost`, `partial`."""
    counts = cell.figures.counts
    troubles = {
        "lost": counts.lost,
        "dup": counts.duplicated,
        "wrong": counts.wrong,
        "failed": counts.failed,
        "timed out": counts.timed_out,
    }
    yield from (f"! {count:,} {word}" for word, count in troubles.items() if count)
    if cell.blocks and not counts.completed:
        yield "! no unit completed"
    if counts.client_limited:
        yield "! client-limited"
    statuses = [block.status for block in cell.blocks]
    if failed := statuses.count("failed"):
        yield f"! {failed} {'block' if failed == 1 else 'blocks'} failed"
    if partial := statuses.count("partial"):
        yield f"{partial} {'block' if partial == 1 else 'blocks'} partial"
    if len(cell.blocks) < cell.planned:
        yield f"{len(cell.blocks)} of {cell.planned} blocks"
