"""Figures that gates judge and that no other chart shows: a phase, one task of a mix, memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.figures.figure import Kind
from harness.report.charts.chart import (
    FAINT_IF_EMULATED,
    Chart,
    Columns,
    DataRow,
    Spec,
    told,
    wrapped,
    x_axis,
)
from harness.report.charts.gate_lines import GateLines, positive, upright, with_lines
from harness.report.charts.groups import Group, Member, groups
from harness.report.charts.labelled_rows import Bands, row_labels, rows_axis
from harness.report.view.cells import CellView
from harness.scenario.files.wording import printable
from harness.scenario.models.gates import GatedFigure

_MOST_ROWS = 30
_DRAWN = ("throughput", "latency.total", "worker_cpu", "dollars_per_million", "saturation")
"""Figures whose own charts have the lines."""
_UNITS: dict[Kind, tuple[float, str]] = {"duration": (1e3, "ms"), "size": (2.0**-20, "MiB")}
"""Of base units: how many of the axis' own they are, and what these are called."""


def gated_charts(cells: Sequence[CellView], gates: GateLines) -> Iterator[Chart]:
    """A chart per left side of a gate whose figure no other chart shows, and per group of cells.
    What is counted, as what was lost, is in the ledger."""
    for number, measure in enumerate(gates.measures()):
        if measure.figure.summed or (measure.metric in _DRAWN and not measure.within):
            continue

        def has_a_value(cell: CellView, measure: GatedFigure = measure) -> bool:
            return bool(gates.evaluated(measure, [Member("", cell)]))

        for group in groups(cells, most=_MOST_ROWS, wanted=has_a_value):
            yield _chart(number, measure, group, gates)


def _words(measure: GatedFigure) -> str:
    """`p99(phase.run, task=shop.tasks.add)`, as a gate has it."""
    which = f"{measure.within}={measure.one}" if measure.within else ""
    inside = ", ".join(filter(None, [measure.metric, which]))
    if measure.function:
        return printable(f"{measure.function}({inside})")
    return printable(f"{measure.metric}({which})" if which else inside)


def _chart(number: int, measure: GatedFigure, group: Group, gates: GateLines) -> Chart:
    factor, unit = _UNITS.get(measure.kind, (1.0, ""))
    what = _words(measure)
    found = gates.evaluated(measure, group.members)
    rows: list[DataRow] = []
    for index, member in enumerate(group.members):
        value, words = found[member.cell.name]
        label = f"{member.label}: {words}"
        flagged = member.cell.flagged
        rows.append({"row": index, "label": label, "lines": wrapped(label, bold=flagged),
                     "flagged": flagged, "value": value * factor,
                     "emulated": member.cell.record.emulated})  # fmt: skip
    shown = [value * factor for value, _ in found.values()]
    limits = gates.of_measure(measure, group.members, "value", factor, beside=shown)
    title = f"{what}, {unit}" if unit else what
    scale, title = x_axis(title, [*shown, *positive(limits, "value")])
    heads = {"label": "cell", "value": title}
    better = "further right" if measure.figure.better == "more" else "further left"
    chart = Chart(
        key=f"gated-{number}-{group.key}",
        title=f"{group.title}: {what}, {better} is better",
        note="What the gate looks at in each cell.",
        spec=_spec(Bands.of(rows), scale, title, heads),
        data={"cells": Columns.of(rows)},
        shown="cells",
        heads=heads,
    )
    x = {"field": "value", "type": "quantitative", "scale": scale}
    return with_lines(chart, limits, upright(x))


def _spec(room: Bands, scale: Spec, title: str, heads: dict[str, str]) -> Spec:
    x = {"field": "value", "type": "quantitative", "scale": scale,
         "axis": {"title": title, "tickCount": 6}}  # fmt: skip
    y = rows_axis(room.count)
    encoding = {"y": y, "x": x, "opacity": FAINT_IF_EMULATED, **told(heads)}
    return {
        "height": room.height,
        "layer": [
            *row_labels("cells", room),
            {
                "data": {"name": "cells"},
                "mark": {"type": "tick", "yOffset": room.marks_at, "thickness": 4, "size": 20},
                "encoding": encoding,
            },
        ],
    }
