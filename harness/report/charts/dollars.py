"""What requests cost: dollars per million tasks, where a broker sells them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.charts.chart import Chart, Columns, Spec, Value, told, wrapped
from harness.report.charts.gate_lines import NO_GATES, GateLines, upright, with_lines
from harness.report.charts.groups import groups
from harness.report.charts.labelled_rows import Bands, row_labels, rows_axis
from harness.report.tables.costs import price_words
from harness.report.view.cells import CellView

_HEADS = {"cell": "cell", "dollars": "$ per million tasks"}
_MOST_ROWS = 30
_FIGURE = "dollars_per_million"


def _priced(cell: CellView) -> bool:
    return _FIGURE in cell.figures.spreads


_X: Spec = {
    "field": "dollars",
    "type": "quantitative",
    "axis": {"title": "dollars per million tasks", "tickCount": 6},
}


def dollar_charts(cells: Sequence[CellView], gates: GateLines = NO_GATES) -> Iterator[Chart]:
    """A bar per cell whose requests have a price."""
    for group in groups(cells, most=_MOST_ROWS, wanted=_priced):
        labels: list[dict[str, Value]] = []
        rows: list[dict[str, Value]] = []
        for index, member in enumerate(group.members):
            dollars = member.cell.figures.spreads[_FIGURE].median
            text = f"{member.label}: ${dollars:,.2f} per million tasks"
            flagged = member.cell.flagged
            lines = wrapped(text, bold=flagged)
            labels.append({"row": index, "label": text, "lines": lines, "flagged": flagged})
            rows.append({"row": index, "cell": member.label, "dollars": dollars})
        room = Bands.of(labels)
        shown = [row["dollars"] for row in rows]
        limits = gates.of(_FIGURE, group.members, "dollars", beside=shown)
        chart = Chart(
            key=f"dollars-{group.key}",
            title=f"{group.title}: dollars per million tasks, shorter is better",
            note="What the requests that were counted would cost: those that are billed, at "
            f"{price_words(group.members[0].cell.blocks)}. An emulator asks nothing for them.",
            spec={
                "height": room.height,
                "layer": [
                    *row_labels("cells", room),
                    {
                        "data": {"name": "dollars"},
                        "mark": {"type": "bar", "yOffset": room.marks_at, "height": 14},
                        "encoding": {
                            "y": rows_axis(room.count),
                            "x": _X,
                            **told(_HEADS),
                        },
                    },
                ],
            },
            data={"cells": Columns.of(labels), "dollars": Columns.of(rows)},
            shown="dollars",
            heads=_HEADS,
        )
        yield with_lines(chart, limits, upright(_X), in_front=True)
