"""What is an emulator, in one place: the word beside its name, and that nothing judges it.

An emulator's speed says nothing about the service that it stands for. Its ratios and figures are
shown, with the word, and are no reason to fail.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.results.record.comparison import Comparison, ComparisonReport, GateResult
from harness.results.record.run import CellRecord, RunRecord
from harness.scenario.files.wording import printable

WORD = "(emulator)"
NOT_JUDGED = "an emulator"


def labelled(name: str, *, emulated: bool) -> str:
    """A name fit for one line; that of an emulator with the word."""
    return f"{printable(name)} {WORD}" if emulated else printable(name)


def cell_label(cell: CellRecord) -> str:
    """Name of a cell, fit for one line, by its record; that of an emulator with the word."""
    return labelled(cell.name, emulated=cell.emulated)


def emulated_cells(record: RunRecord) -> frozenset[str]:
    """Names of the cells of a run whose servers are no products."""
    return frozenset(cell.name for cell in record.cells if cell.emulated)


def with_emulators(record: RunRecord) -> RunRecord:
    """A stored run whose gates and comparison know which cells ran on an emulator: those written
    before it was asked judged them."""
    emulated = emulated_cells(record)
    if not emulated:
        return record
    gates = tuple(marked_gate(one) if one.cell in emulated else one for one in record.gates)
    comparison = record.comparison
    if comparison is not None:
        sides = {cell.name: cell.emulated for cell in record.cells}
        comparison = _marked_report(comparison, sides)
    return record.model_copy(update={"gates": gates, "comparison": comparison})


def marked_gate(one: GateResult) -> GateResult:
    """What became of a gate, in a cell that ran on an emulator."""
    return one.model_copy(update={"emulated": True, "judged": False})


def marked(one: Comparison, *, base: bool, head: bool) -> Comparison:
    """A comparison that knows whether either side is an emulator."""
    changes: dict[str, object] = {"base_emulated": base, "head_emulated": head}
    if base or head:
        changes |= {"judged": False, "verdict": "inconclusive", "reason": NOT_JUDGED}
    return one.model_copy(update=changes)


def _marked_report(report: ComparisonReport, sides: Mapping[str, bool]) -> ComparisonReport:
    return report.model_copy(
        update={
            "comparisons": tuple(
                marked(one, base=sides.get(one.base, False), head=sides.get(one.head, False))
                for one in report.comparisons
            )
        }
    )
