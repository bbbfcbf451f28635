"""Which cells are the same one: within a run and over runs, by their values.

Names change with the words that a version of the harness finds for values, with the other values
of an axis, and with the names that users give; a series, a baseline or a comparison of two runs
goes on all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.results.record.run import CellRecord
from harness.scenario.plan.identity import axes_key, cell_key, extent_key, work_key
from harness.scenario.plan.pairing import Place
from harness.scenario.plan.value_words import canonical, words_of


def key_of(cell: CellRecord) -> str:
    """The key of a cell by its record, alike for the same cell in every run; see `cell_key`."""
    return cell_key(cell.config, cell.axes, cell.workload, cell.load)


def series_key(cell: CellRecord) -> str:
    """The key of a cell's series: alike for the same cell in every run that measured as much of
    it."""
    return canonical([key_of(cell), extent_key(cell.measure)])


def places_of(cells: Sequence[CellRecord]) -> list[Place]:
    """Where the cells of a run stand in its scenario's matrix. What no record of an older version
    holds, how names call the values of its axes, is found anew."""
    words: dict[str, dict[str, str]] = {}
    for axis in dict.fromkeys(axis for cell in cells for axis in cell.axes):
        values = {
            canonical(cell.axes[axis]): cell.axes[axis] for cell in cells if axis in cell.axes
        }
        words[axis] = dict(zip(values, words_of(list(values.values())), strict=True))
    return [
        Place(
            str(cell.config.get("name", "")),
            cell.axes,
            cell.name,
            {axis: words[axis][canonical(value)] for axis, value in cell.axes.items()}
            | cell.axis_words,
            work_key(cell.workload, cell.load, cell.measure, cell.axes),
        )
        for cell in cells
    ]


def matched(base: Sequence[CellRecord], head: Sequence[CellRecord]) -> dict[str, CellRecord]:
    """Name of a cell of one run -> the same cell of another run, where that has it.

    The same by value first; then by name, where configuration and axes agree: a workload or load
    may have been edited, which `configuration_differences` tells.
    """
    by_key: dict[str, list[CellRecord]] = {}
    for cell in head:
        by_key.setdefault(key_of(cell), []).append(cell)
    found = {}
    for cell in base:
        if same := by_key.get(key_of(cell)):
            found[cell.name] = min(same, key=lambda other: _unlike(cell, other))
    taken = {other.name for other in found.values()}
    for cell in base:
        for other in head:
            alike = other.name == cell.name and other.name not in taken
            if alike and cell.name not in found and _axes(cell) == _axes(other):
                found[cell.name] = other
    return {cell.name: found[cell.name] for cell in base if cell.name in found}


def _axes(cell: CellRecord) -> str:
    return axes_key(cell.config, cell.axes)


def _unlike(cell: CellRecord, other: CellRecord) -> tuple[bool, bool, bool]:
    """Cells may differ in their measuring plan alone."""
    return (
        extent_key(cell.measure) != extent_key(other.measure),
        canonical(cell.measure) != canonical(other.measure),
        cell.name != other.name,
    )
