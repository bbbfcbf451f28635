"""Latency against the rate that was asked for: of searches, and of cells at several rates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.report.charts.chart import Chart, Columns, DataRow, Spec
from harness.report.charts.gate_lines import (
    NO_GATES,
    GateLines,
    across,
    positive,
    upright,
    with_lines,
)
from harness.report.charts.groups import Member
from harness.report.charts.lines import lines_and_points, log_axis
from harness.report.charts.series import cell_title
from harness.report.view.cells import CellView
from harness.report.words.wording import stopped_words
from harness.results.record.loads import Saturation
from harness.results.record.run import BlockRecord
from harness.scenario.files.wording import printable
from harness.scenario.models.gate_tokens import GateSyntaxError
from harness.scenario.models.gates import parse_gate
from harness.units import format_number

_QUANTILES = ("p50", "p99")
_FEWEST_RATES = 3
_HEADS = {
    "series": "of",
    "sent": "sent, units/s",
    "done": "completed, units/s",
    "ms": "latency, ms",
    "what": "outcome",
}
_X_TITLE = "units sent per second"


@dataclass(frozen=True)
class _Curve:
    """What the chart of one search for saturation shows."""

    key: str
    title: str
    note: str
    rows: tuple[DataRow, ...]
    found: float | None
    limit_ms: float | None
    gates: tuple[DataRow, ...] = ()
    """On latency, in ms."""
    least: tuple[DataRow, ...] = ()
    """On the rate that was found."""


def rate_charts(cells: Sequence[CellView], gates: GateLines = NO_GATES) -> Iterator[Chart]:
    """A chart per search, and one per workload that was measured at three rates or more."""
    for index, cell in enumerate(cells):
        for block in cell.blocks:
            if block.saturation is not None and block.load_phases:
                curve = _searched(index, cell, block, block.saturation)
                yield _chart(replace(curve, least=_limits(gates, "saturation", [cell], curve)))
    for number, group in enumerate(_at_several_rates(cells)):
        curve = _steady(number, group)
        limits = _limits(gates, "latency.total", group, curve, "ms", 1e3)
        yield _chart(replace(curve, gates=limits))


def _limits(
    gates: GateLines,
    metric: str,
    cells: Sequence[CellView],
    curve: _Curve,
    field: str = "sent",
    factor: float = 1.0,
) -> tuple[DataRow, ...]:
    members = [Member(cell_title(cell), cell) for cell in cells]
    shown = [row[field] for row in curve.rows]
    return tuple(gates.of(metric, members, field, factor, beside=shown))


def _searched(index: int, cell: CellView, block: BlockRecord, found: Saturation) -> _Curve:
    rows = [
        _row(quantile, phase.sent_in_time / phase.duration_s, phase.completed_per_s,
             getattr(phase.latency_s, quantile),
             "kept" if step.kept else f"broke {', '.join(map(printable, step.broken))}")
        for step, phase in zip(found.steps, block.load_phases, strict=False)
        for quantile in _QUANTILES
    ]  # fmt: skip
    answer = f"{format_number(found.rate_per_s)}/s" if found.rate_per_s else "no rate"
    several = f", block {block.number}" if len(cell.blocks) > 1 else ""
    return _Curve(
        key=f"rates-{index}-{block.number}",
        title=f"{cell_title(cell)}{several}: latency by rate, low for longer is better",
        note=f"{answer} kept the limits ({printable(', '.join(found.limits))}), "
        f"{stopped_words(found)}. Each point is a rate that was tried; latency counts from the "
        "moment a unit was due.",
        rows=_ordered(rows),
        found=found.rate_per_s,
        limit_ms=_latency_limit_ms(found.limits),
    )


def _latency_limit_ms(limits: Sequence[str]) -> float | None:
    """The first limit on the total latency."""
    for text in limits:
        try:
            gate = parse_gate(text)
            if gate.measure.metric == "latency.total" and not gate.needs_baseline:
                return gate.limit_at(None) * 1e3
        except (GateSyntaxError, ZeroDivisionError):  # of a newer harness
            continue
    return None


def _at_several_rates(cells: Sequence[CellView]) -> Iterator[list[CellView]]:
    """Cells that differ in their rate alone, three or more of them."""
    groups: dict[tuple[str, str], list[CellView]] = {}
    for cell in cells:
        steady = [len(block.load_phases) == 1 and not block.saturation for block in cell.blocks]
        if steady and all(steady) and cell.figures.latency_s is not None:
            key = (cell.shown.variant, cell.shown.work.partition("/")[0])
            groups.setdefault(key, []).append(cell)
    yield from (group for group in groups.values() if len(group) >= _FEWEST_RATES)


def _steady(number: int, group: Sequence[CellView]) -> _Curve:
    rows = []
    for cell in group:
        sent, done = (cell.figures.spreads.get(name) for name in ("throughput.sent", "throughput"))
        if sent is None or done is None or cell.figures.latency_s is None:
            continue
        what = cell_title(cell)
        rows += [
            _row(name, sent.median, done.median, getattr(cell.figures.latency_s, name), what)
            for name in _QUANTILES
        ]
    shown = group[0].shown
    name = f"{printable(shown.variant)}, {printable(shown.work.partition('/')[0])}"
    return _Curve(
        key=f"rates-steady-{number}",
        title=f"{name}: latency by rate, low for longer is better",
        note="Each point is a cell; latency counts from the moment a unit was due.",
        rows=_ordered(rows),
        found=None,
        limit_ms=None,
    )


def _row(series: str, sent: float, done: float, value_s: float | None, what: str) -> DataRow:
    shown = value_s * 1e3 if value_s is not None and value_s > 0 else None
    return {"series": series, "sent": sent, "done": done, "ms": shown, "what": what,
            "broke": what.startswith("broke")}  # fmt: skip


def _ordered(rows: Sequence[DataRow]) -> tuple[DataRow, ...]:
    return tuple(sorted(rows, key=lambda row: (str(row["series"]), float(row["sent"] or 0))))


def _chart(curve: _Curve) -> Chart:
    # Room at both ends for the words on a point.
    x: Spec = {
        "field": "sent",
        "type": "quantitative",
        "scale": {"padding": 26, "nice": False},
        "axis": {"title": _X_TITLE, "tickCount": 6},
    }
    shown = [*(row["ms"] for row in curve.rows), curve.limit_ms, *positive(curve.gates, "ms")]
    y = log_axis("ms", "latency", shown)
    layer = lines_and_points("rates", _QUANTILES, x, y, _HEADS)
    data = {"rates": Columns.of(curve.rows)}
    if any(row["broke"] for row in curve.rows):
        layer.append(_broken(x, y))
    if curve.limit_ms is not None:
        data["limit"] = Columns.of([{"ms": curve.limit_ms, "text": f"limit {curve.limit_ms:g} ms"}])
        layer += _limit(y)
    if curve.found is not None:
        data["found"] = Columns.of([{"sent": curve.found, "text": "highest rate kept"}])
        layer += _found(x)
    chart = Chart(curve.key, curve.title, curve.note, {"height": 260, "layer": layer}, data,
                 "rates", _HEADS)  # fmt: skip
    return with_lines(chart, curve.gates or curve.least, across(y) if curve.gates else upright(x))


def _broken(x: Spec, y: Spec) -> Spec:
    return {
        "data": {"name": "rates"},
        "transform": [{"filter": "datum.broke && isValid(datum.ms) && datum.series === 'p99'"}],
        "mark": {"type": "text", "style": "flag", "text": "! broke", "dy": -12, "aria": False},
        "encoding": {"x": x, "y": y},
    }


def _limit(y: Spec) -> list[Spec]:
    return [
        {"data": {"name": "limit"}, "mark": {"type": "rule", "style": "limit"},
         "encoding": {"y": y}},
        {"data": {"name": "limit"},
         "mark": {"type": "text", "style": "soft-text", "align": "left", "baseline": "bottom",
                  "dx": 4, "dy": -3},
         "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "text", "type": "nominal"}}},
    ]  # fmt: skip


def _found(x: Spec) -> list[Spec]:
    return [
        {"data": {"name": "found"}, "mark": {"type": "rule", "style": "soft"},
         "encoding": {"x": x}},
        # On a halo, as the limit's line and those of latency may run through it.
        *({"data": {"name": "found"},
           "mark": {"type": "text", "style": style, "fontSize": 11, "align": "right",
                    "baseline": "top", "dx": -5, "dy": 12, "aria": False},
           "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "text", "type": "nominal"}}}
          for style in ("halo", "soft-text")),
    ]  # fmt: skip
