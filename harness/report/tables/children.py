"""What became of pool processes: how many were replaced, why, and what that cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from harness.report.tables.main import (
    MISSING,
    NOT_APPLICABLE,
    Column,
    Table,
    figure_column,
    table_of,
)
from harness.report.view.cells import CellView, Figures, RunView
from harness.results.record.children import ChildrenRecord
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_number

_WHY = {
    "max_tasks": "max tasks",
    "max_memory": "max memory",
    "time_limit": "time limit",
    "terminated": "terminated",
    "exited": "ended by a task",
    "shrunk": "shrunk",
    "fault": "fault",
    "killed": "killed",
    "worker": "with their worker",
}


def children_tables(view: RunView) -> tuple[Table, ...]:
    """One table if pool processes ended in any block while it was measured; none otherwise."""
    cells = [cell for cell in view.cells if any(one.ended for one in _of(cell))]
    found = table_of("Pool processes", cells, _COLUMNS, _NOTE) if cells else None
    return () if found is None else (found,)


def _of(cell: CellView) -> Iterable[ChildrenRecord]:
    return (block.children for block in cell.blocks if block.children is not None)


def why_words(ended: Iterable[ChildrenRecord]) -> str:
    """Why pool processes ended, with the number of each; the most frequent first."""
    counts: Counter[str] = Counter()
    for one in ended:
        counts.update(one.ended)
    return ", ".join(f"{count:,} {_WHY.get(why, why)}" for why, count in counts.most_common())


def _why(figures: Figures) -> str:
    known = [block.children for block in figures.blocks if block.children is not None]
    words = [why_words(known)]
    groups: Counter[str] = Counter()
    for one in known:
        groups.update(one.replaced_by_group)
    if groups:
        told = (f"{count:,} in {printable(name)}" for name, count in groups.most_common())
        words.append(f"replaced: {', '.join(told)}")
    return "; ".join(filter(None, words)) or NOT_APPLICABLE


def _gap(name: str) -> Column:
    """A percentile of a block's gaps; of several blocks the median of them."""

    def text(figures: Figures) -> str:
        spread = figures[f"replacement_gap.{name}"]
        return MISSING if spread is None else format_duration(float(spread))

    return Column(f"gap {name}", text)


def _each(figures: Figures) -> str:
    known = [block.children for block in figures.blocks if block.children is not None]
    each = sorted(one.tasks_each for one in known if one.tasks_each is not None)
    return format_number(each[len(each) // 2]) if each else NOT_APPLICABLE


_COLUMNS = (
    figure_column("children", optional=False),
    figure_column("replaced_children", optional=False),
    Column("tasks each", _each, optional=True),
    _gap("p50"),
    _gap("p99"),
    figure_column("replacement_share"),
    figure_column("child_start"),
    figure_column("child_memory"),
    Column("why they ended", _why),
)
_NOTE = (
    "Of prefork pools, while a block was measured; of several blocks the median. tasks each: that "
    "a replaced process had run. gap: from its last task to the first of its successor, only while "
    "tasks waited; time lost: the gaps' share of what all slots could have run. start: of those "
    "that were started meanwhile, until they are initialised. why they ended: of all blocks "
    "together."
)
