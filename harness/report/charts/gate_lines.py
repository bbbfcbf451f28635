"""The limits of gates: a line, with its gate's words, in the chart of the figure that it judges."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.report.charts.chart import Chart, Columns, DataRow, Spec, Value
from harness.report.charts.groups import Member
from harness.report.tables.verdicts import in_units_of
from harness.results.record.comparison import GateResult
from harness.scenario.files.wording import listed, printable
from harness.scenario.models.gate_tokens import GateSyntaxError
from harness.scenario.models.gates import Gate, GatedFigure, parse_gate

DATA = "gates"
"""Name of the dataset in a chart."""
EDGE = "far gates"
"""Name of the dataset of limits that lie far outside what a chart shows."""
_NOTE = "A dashed line is the limit of a gate."
_FAR = 5.0
"""A limit so many times beyond all that was measured would take the axis from it."""
_LINE_HEIGHT = 13
Judges = Callable[[GatedFigure], bool]
"""Whether gates with such a left side are meant."""


@dataclass(frozen=True)
class GateLines:
    """What became of a run's gates, for the charts of its cells."""

    results: tuple[GateResult, ...] = ()

    def of(
        self,
        metric: str,
        members: Sequence[Member],
        field: str,
        factor: float = 1.0,
        *,
        beside: Iterable[Value] = (),
    ) -> list[DataRow]:
        """A row per limit on a metric of these cells: `field` is the limit times `factor`, which
        turns base units into the axis' own. Where cells have limits of their own (a baseline's),
        or not all of them have one, the words say whose it is. `beside` are the values that the
        chart shows: a limit far above them has no place on its axis, and `field` is null."""

        def judges(measure: GatedFigure) -> bool:
            return measure.metric == metric and not measure.within

        return self._rows(judges, members, field, factor, beside)

    def of_measure(
        self,
        measure: GatedFigure,
        members: Sequence[Member],
        field: str,
        factor: float,
        *,
        beside: Iterable[Value],
    ) -> list[DataRow]:
        """As `of`, of gates with this left side: its function and part, too."""

        def judges(other: GatedFigure) -> bool:
            return told_apart(other) == told_apart(measure)

        return self._rows(judges, members, field, factor, beside)

    def measures(self) -> list[GatedFigure]:
        """The left sides of the gates, each once."""
        parsed = (_parsed(one.gate) for one in self.results)
        return list({told_apart(g.measure): g.measure for g in parsed if g is not None}.values())

    def evaluated(
        self, measure: GatedFigure, members: Sequence[Member]
    ) -> Mapping[str, tuple[float, str]]:
        """Name of a cell -> what its gates with this left side looked at, and that in words."""
        names = {member.cell.name for member in members}
        found = {}
        for one in self.results:
            gate = _parsed(one.gate)
            if gate is None or one.value is None or not math.isfinite(one.value):
                continue
            if one.cell in names and told_apart(gate.measure) == told_apart(measure):
                found[one.cell] = one.value, in_units_of(one.gate, one.value)
        return found

    def _rows(
        self,
        judges: Judges,
        members: Sequence[Member],
        field: str,
        factor: float,
        beside: Iterable[Value],
    ) -> list[DataRow]:
        most = max((one for one in beside if isinstance(one, int | float)), default=math.inf)
        rows: list[DataRow] = []
        for (text, limit), found in self._limits(judges, members).items():
            words = _words(text, limit, found)
            if len(found) < len(members):
                words += f": {listed(member.label for member, _ in found)}"
            far = 0 < most * _FAR < limit * factor
            words += ", far above" if far else ""
            place = None if far else limit * factor
            rows.append({field: place, "text": words, "line": len(rows), "far": far})
        return rows

    def _limits(
        self, judges: Judges, members: Sequence[Member]
    ) -> Mapping[tuple[str, float], list[tuple[Member, GateResult]]]:
        by_cell = {member.cell.name: member for member in members}
        found: dict[tuple[str, float], list[tuple[Member, GateResult]]] = {}
        for one in self.results:
            gate, member = _parsed(one.gate), by_cell.get(one.cell)
            if member is None or gate is None or not judges(gate.measure):
                continue
            # None below zero, and a line at zero would take the room of a logarithmic axis.
            if one.limit is not None and math.isfinite(one.limit) and one.limit > 0:
                found.setdefault((one.gate, one.limit), []).append((member, one))
        return found


def told_apart(measure: GatedFigure) -> tuple[str, str | None, str, str]:
    """What tells the left side of a gate from others: its place in the text does not."""
    return measure.metric, measure.function, measure.within, measure.one


def _parsed(text: str) -> Gate | None:
    try:
        return parse_gate(text)
    except GateSyntaxError:  # of a newer harness
        return None


def _words(text: str, limit: float, found: Sequence[tuple[Member, GateResult]]) -> str:
    """`! gate p99(latency.total) < 1.1 * baseline, 230 ms`."""
    words = f"gate {printable(text)}"
    gate = _parsed(text)
    if gate is not None and gate.needs_baseline:
        words += f", {in_units_of(text, limit)}"
    if not any(one.judged for _, one in found):
        return f"{words} (not judged)"
    fails = any(one.judged and one.passed is False for _, one in found)
    return f"! {words}" if fails else words


NO_GATES = GateLines()


def with_lines(
    chart: Chart, rows: Sequence[DataRow], lines: Sequence[Spec], *, in_front: bool = False
) -> Chart:
    """The chart with these limits, drawn behind all else or in front of it (bars would hide them);
    itself without any."""
    near, far = ([_plain(row) for row in rows if row["far"] is side] for side in (False, True))
    if near:
        drawn = chart.spec["layer"]
        chart = replace(
            chart,
            note=f"{chart.note} {_NOTE}",
            spec={**chart.spec, "layer": [*drawn, *lines] if in_front else [*lines, *drawn]},
            data={**chart.data, DATA: Columns.of(near)},
        )
    if far:
        layers = [*chart.spec["layer"], _at_the_edge(upwards="y" in lines[0]["encoding"])]
        chart = replace(
            chart,
            spec={**chart.spec, "layer": layers},
            data={**chart.data, EDGE: Columns.of(far)},
        )
    return chart


def _plain(row: DataRow) -> DataRow:
    return {name: value for name, value in row.items() if name != "far"}


def _at_the_edge(*, upwards: bool) -> Spec:
    """The words of limits beyond the axis, at the end of it that is nearer to them."""
    place, way = (
        ({"x": {"value": 0}, "y": {"value": 0}}, f"4 + {_LINE_HEIGHT} * datum.line")
        if upwards
        else ({"x": {"value": "width"}, "y": {"value": 0}}, f"-4 - {_LINE_HEIGHT} * datum.line")
    )
    return {
        "data": {"name": EDGE},
        "mark": {"type": "text", "style": "soft-text", "align": "left" if upwards else "right",
                 "baseline": "top" if upwards else "bottom", "dx": 4 if upwards else 0,
                 "dy": {"expr": way}, "limit": {"expr": "width"}},
        "encoding": {**place, "text": {"field": "text", "type": "nominal"}},
    }  # fmt: skip


def positive(rows: Sequence[DataRow], field: str) -> list[float]:
    """Limits that a logarithmic axis can show."""
    return [value for row in rows if isinstance(value := row[field], float) and value > 0]


def across(y: Spec, data: str = DATA) -> list[Spec]:
    """Horizontal lines with their words at the left, in turn above and below."""
    below = "datum.line % 2"
    return [
        {"data": {"name": data}, "mark": {"type": "rule", "style": "limit"},
         "encoding": {"y": y}},
        {"data": {"name": data},
         "mark": {"type": "text", "style": "soft-text", "align": "left",
                  "baseline": {"expr": f"{below} ? 'top' : 'bottom'"}, "dx": 4,
                  "dy": {"expr": f"{below} ? 4 : -3"}, "limit": {"expr": "width"}},
         "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "text", "type": "nominal"}}},
    ]  # fmt: skip


def upright(x: Spec, data: str = DATA) -> list[Spec]:
    """Vertical lines with their words above the chart, one above the other."""
    return [
        {"data": {"name": data}, "mark": {"type": "rule", "style": "limit"},
         "encoding": {"x": x}},
        *_above(x, data),
    ]  # fmt: skip


def _above(x: Spec, data: str) -> Iterator[Spec]:
    """Towards the side that has more room."""
    left = f"scale('x', datum[{x['field']!r}]) < width / 2"
    yield {
        "data": {"name": data},
        "mark": {"type": "text", "style": "soft-text", "baseline": "bottom",
                 "align": {"expr": f"{left} ? 'left' : 'right'"},
                 "dy": {"expr": f"-4 - {_LINE_HEIGHT} * datum.line"},
                 "limit": {"expr": "width"}},
        "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "text", "type": "nominal"}},
    }  # fmt: skip
