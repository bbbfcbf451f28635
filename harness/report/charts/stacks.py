"""Stacked bars: where a unit's time goes, and whose CPU time a task takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.figures.of_units import PHASES
from harness.report.charts.chart import (
    FAINT_IF_EMULATED,
    Chart,
    Columns,
    Spec,
    Value,
    told,
    wrapped,
)
from harness.report.charts.gate_lines import NO_GATES, GateLines, upright, with_lines
from harness.report.charts.groups import Group, groups
from harness.report.charts.labelled_rows import Bands, row_labels, rows_axis
from harness.report.view.cells import CellView
from harness.units import format_duration

_MOST_ROWS = 30
_FAR_APART = 10
"""Beyond this ratio of totals the short bars of a chart would be invisible: shares are drawn."""
_BAR = 14


@dataclass(frozen=True)
class _Stack:
    """What a kind of bar is made of."""

    key: str
    what: str
    good: str
    parts: tuple[str, ...]
    part: str
    """What one of them is called."""
    values_ms: Callable[[CellView], Mapping[str, float]]
    note: str


def _phases_ms(cell: CellView) -> Mapping[str, float]:
    means = cell.figures.mean_s
    return {
        name: 1e3 * mean_s
        for name in PHASES
        if (mean_s := means.get(f"phase.{name}")) is not None
        and (mean_s or name != "retry")  # most tasks run once
    }


def _cpu_ms(cell: CellView) -> Mapping[str, float]:
    costs = cell.figures.spreads
    return {
        name: costs[f"{figure}_cpu"].median
        for name, figure in zip(_CPU.parts, _CPU_FIGURES, strict=True)
        if f"{figure}_cpu" in costs
    }


_TIME = _Stack(
    "phases",
    "mean time of a unit",
    "shorter is better",
    PHASES,
    "phase",
    _phases_ms,
    "schedule: due to publish call. queue: publish call to received by a worker. dispatch: to the "
    "call of the function. retry: until the execution began that gave the result, where one came "
    "before it. run: the function. result: to the caller.",
)
_CPU_FIGURES = ("worker", "client", "broker", "backend")
_CPU = _Stack(
    "cpu",
    "CPU time per task",
    "shorter is better",
    ("workers", "client", "broker", "backend"),
    "process",
    _cpu_ms,
    "Median of the blocks. broker and backend only where the harness started their processes.",
)


def phase_charts(cells: Sequence[CellView]) -> Iterator[Chart]:
    """Charts of where the time of a unit goes, by the phases' means: they add up, percentiles would
    not. Backlogs, whose queue is the load, stand apart."""
    for backlog in (False, True):
        note = " Nearly all of a backlog's time is the time in the queue." if backlog else ""
        key = "backlog-" if backlog else ""
        chosen = [cell for cell in cells if cell.backlog is backlog]
        for group in groups(chosen, most=_MOST_ROWS, wanted=_having(_TIME)):
            yield _chart(_TIME, group, key, note)


def cpu_charts(cells: Sequence[CellView], gates: GateLines = NO_GATES) -> Iterator[Chart]:
    """CPU time that a task takes, by process. The workers' part begins at zero, so a limit on it is
    a line; the others' parts begin anywhere."""
    for group in groups(cells, most=_MOST_ROWS, wanted=_having(_CPU)):
        chart = _chart(_CPU, group, "", "")
        totals = [sum(_CPU.values_ms(member.cell).values()) for member in group.members]
        limits = gates.of("worker_cpu", group.members, "ms", 1e3, beside=totals)
        limits = [] if _in_shares(_CPU, group) else limits
        x = {"field": "ms", "type": "quantitative"}
        yield with_lines(chart, limits, upright(x), in_front=True)


def _having(stack: _Stack) -> Callable[[CellView], bool]:
    return lambda cell: sum(stack.values_ms(cell).values()) > 0


def _in_shares(stack: _Stack, group: Group) -> bool:
    totals = [sum(stack.values_ms(member.cell).values()) for member in group.members]
    return max(totals) > _FAR_APART * min(totals)


def _chart(stack: _Stack, group: Group, key: str, note: str) -> Chart:
    totals = [sum(stack.values_ms(member.cell).values()) for member in group.members]
    shares = _in_shares(stack, group)
    rows: list[dict[str, Value]] = []
    labels: list[dict[str, Value]] = []
    for index, (member, total) in enumerate(zip(group.members, totals, strict=True)):
        words = f"{member.label}: {format_duration(total / 1e3)}"
        flagged = member.cell.flagged
        lines = wrapped(words, bold=flagged)
        labels.append({"row": index, "label": words, "lines": lines, "flagged": flagged})
        rows += [
            {"row": index, "cell": member.label, "part": name, "order": stack.parts.index(name),
             "emulated": member.cell.record.emulated, "ms": value, "share": 100 * value / total}
            for name, value in stack.values_ms(member.cell).items()
        ]  # fmt: skip
    # A phase that is nowhere (schedule, where nothing is planned) is no colour to look for.
    used = [name for name in stack.parts if any(row["part"] == name and row["ms"] for row in rows)]
    heads = {"cell": "cell", "part": stack.part, "ms": f"{stack.what}, ms", "share": "share, %"}
    kind = f"shares of the {stack.what}" if shares else stack.what
    good = "shorter totals, beside the names, are better" if shares else stack.good
    return Chart(
        key=f"{stack.key}-{key}{group.key}",
        title=f"{group.title}: {kind} by {stack.part}, {good}",
        note=stack.note + note,
        spec=_spec(stack, used, Bands.of(labels), heads, shares=shares),
        data={
            "parts": Columns.of([row for row in rows if row["part"] in used]),
            "cells": Columns.of(labels),
        },
        shown="parts",
        heads=heads,
    )


def _spec(
    stack: _Stack,
    used: Sequence[str],
    rows: Bands,
    heads: Mapping[str, str],
    *,
    shares: bool,
) -> Spec:
    title = f"share of the {stack.what}, %" if shares else f"{stack.what}, ms"
    return {
        "height": rows.height,
        "layer": [
            *row_labels("cells", rows),
            {
                "data": {"name": "parts"},
                "mark": {"type": "bar", "yOffset": rows.marks_at, "height": _BAR,
                         "style": "segment"},
                "encoding": {
                    "y": rows_axis(rows.count),
                    "x": {
                        "field": "share" if shares else "ms", "type": "quantitative",
                        "stack": "zero", "axis": {"title": title, "tickCount": 6},
                        **({"scale": {"domainMax": 100}} if shares else {}),
                    },
                    "color": {
                        "field": "part", "type": "nominal", "title": None,
                        "scale": {"domain": list(stack.parts)},
                        "legend": {"direction": "horizontal", "columns": 0, "values": list(used)},
                    },
                    "fillOpacity": FAINT_IF_EMULATED,
                    "order": {"field": "order", "type": "quantitative"},
                    **told(heads),
                },
            },
        ],
    }  # fmt: skip
