"""Throughput of each cell: its blocks, their median, and the interval that they allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.charts.chart import (
    HOLLOW_IF_EMULATED,
    Chart,
    Columns,
    DataRow,
    Spec,
    told,
    wrapped,
    x_axis,
)
from harness.report.charts.gate_lines import NO_GATES, GateLines, positive, upright, with_lines
from harness.report.charts.groups import Group, Member, groups, is_paced
from harness.report.charts.labelled_rows import Bands, row_labels, rows_axis
from harness.report.view.cells import CellView
from harness.report.view.intervals import block_values, interval_of
from harness.stats.paired import Estimate
from harness.units import format_number

_MOST_ROWS = 30
_ROOM = 1.4
"""How far beyond the fastest block the axis goes to show an interval's end."""
_NOTE = (
    "A dot is a block, hollow of an emulator; the line across is their median. The bar, in words "
    "above it, is a 95 % t interval of the blocks' geometric mean; one or two blocks have none."
)
_SUMMARY = {
    "label": "cell",
    "median": "median, units/s",
    "low": "interval from, units/s",
    "high": "to, units/s",
    "blocks": "blocks",
}
_BLOCK = {"cell": "cell", "block": "block", "rate": "units/s", "status": "status"}


def throughput_charts(cells: Sequence[CellView], gates: GateLines = NO_GATES) -> Iterator[Chart]:
    """A chart per group of cells."""
    for group in groups(cells, most=_MOST_ROWS, wanted=_measured):
        blocks = (block for member in group.members for block in member.cell.blocks)
        shown = [block.throughput_per_s for block in blocks]
        limits = gates.of("throughput", group.members, "rate", beside=shown)
        yield _chart(group, limits)


def _measured(cell: CellView) -> bool:
    return cell.figures.throughput_per_s is not None


def _chart(group: Group, limits: Sequence[DataRow]) -> Chart:
    rows = [_summary(index, member) for index, member in enumerate(group.members)]
    dots = [dot for index, member in enumerate(group.members) for dot in _dots(index, member)]
    data = {"cells": Columns.of(rows), "blocks": Columns.of(dots)}
    rates = [float(dot["rate"] or 0) for dot in dots]
    good = "further right"
    if all(is_paced(member.cell) for member in group.members):
        good = "as many as were due, over the time until the last result,"
    lines = positive(limits, "rate")
    scale, title = x_axis("completed units per second", [*rates, *lines])
    # An interval of two blocks may reach anywhere: the axis is for what was measured.
    if scale["type"] == "linear":
        ends = [float(row["high"] or 0) for row in rows]
        scale["domainMax"] = max(*rates, *lines, min(max(ends), _ROOM * max(rates)))
    chart = Chart(
        key=f"throughput-{group.key}",
        title=f"{group.title}: completed units per second, {good} is better",
        note=_NOTE,
        spec=_spec(rows, scale, title),
        data=data,
        shown="cells",
        heads=_SUMMARY,
    )
    x = {"field": "rate", "type": "quantitative", "scale": scale}
    return with_lines(chart, limits, upright(x))


def _summary(index: int, member: Member) -> DataRow:
    spread = member.cell.figures.throughput_per_s
    assert spread is not None  # noqa: S101 - chosen by it
    found = _interval(member.cell)
    words = _short(found)
    label = f"{member.label}: {format_number(spread.median)}/s ({words})"
    return {
        "row": index,
        "label": label,
        "lines": wrapped(label, bold=member.cell.flagged),
        "flagged": member.cell.flagged,
        "median": spread.median,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "blocks": spread.blocks,
    }


def _short(found: Estimate | None) -> str:
    """As few words as fit above a row on a phone."""
    if found is None or found.low is None or found.high is None:
        blocks = found.pairs if found else 0
        return f"{blocks} {'block' if blocks == 1 else 'blocks'}, no interval"
    return f"{format_number(found.low)} to {format_number(found.high)}, {found.pairs} blocks"


def _interval(cell: CellView) -> Estimate | None:
    found = block_values(cell, lambda block: block.throughput_per_s)
    return interval_of([value for _, value in found])


def _dots(index: int, member: Member) -> Iterator[DataRow]:
    for block, rate in block_values(member.cell, lambda block: block.throughput_per_s):
        yield {
            "row": index,
            "cell": member.label,
            "block": block.number,
            "rate": rate,
            "emulated": member.cell.record.emulated,
            "status": block.status if block.sound and block.completed else "! unsound",
        }


def _spec(rows: Sequence[DataRow], scale: Spec, title: str) -> Spec:
    room = Bands.of(rows)
    y = rows_axis(room.count)
    return {
        "height": room.height,
        "layer": [
            *row_labels("cells", room),
            *([_interval_bar(y, scale, room)] if any(row["low"] for row in rows) else []),
            {
                "data": {"name": "blocks"},
                "mark": {"type": "point", "style": "dot", "yOffset": room.marks_at,
                         "opacity": 0.75},
                "encoding": {
                    "y": y,
                    "x": {"field": "rate", "type": "quantitative", "scale": scale,
                          "axis": {"title": title, "tickCount": 6}},
                    "shape": {
                        "field": "status", "type": "nominal", "legend": None,
                        "scale": {"domain": ["complete", "partial", "! unsound"],
                                  "range": ["circle", "triangle-up", "cross"]},
                    },
                    "fillOpacity": HOLLOW_IF_EMULATED,
                    **told(_BLOCK),
                },
            },
            {
                "data": {"name": "cells"},
                "mark": {"type": "tick", "yOffset": room.marks_at, "thickness": 3, "size": 20},
                "encoding": {
                    "y": y,
                    "x": {"field": "median", "type": "quantitative", "scale": scale},
                    **told(_SUMMARY),
                },
            },
        ],
    }  # fmt: skip


def _interval_bar(y: Spec, scale: Spec, room: Bands) -> Spec:
    return {
        "data": {"name": "cells"},
        "transform": [{"filter": "isValid(datum.low)"}],
        "mark": {"type": "rule", "style": "interval", "yOffset": room.marks_at, "clip": True},
        "encoding": {
            "y": y,
            "x": {"field": "low", "type": "quantitative", "scale": scale},
            "x2": {"field": "high"},
            **told(_SUMMARY),
        },
    }
