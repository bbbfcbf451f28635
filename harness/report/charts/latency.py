"""Latency of each cell: by percentile, and as a distribution, from all raw samples together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from harness.report.charts.chart import (
    FAINT_IF_EMULATED,
    Chart,
    Columns,
    DataRow,
    Spec,
    told,
    wrapped,
)
from harness.report.charts.gate_lines import (
    NO_GATES,
    GateLines,
    across,
    positive,
    upright,
    with_lines,
)
from harness.report.charts.groups import Group, Member, groups
from harness.report.charts.labelled_rows import Bands, row_labels, rows_axis
from harness.report.charts.lines import lines_and_points, log_axis
from harness.report.view.cells import CellView
from harness.results.record.distributions import Distribution
from harness.results.samples.curves import (
    NINES,
    Curve,
    Samples,
    distribution_curve,
    percentile_curve,
)
from harness.results.samples.pooled import measured_blocks
from harness.scenario.files.wording import printable
from harness.units import format_duration

_NAMED = {0.5: "50 %", 0.9: "90 %", 0.99: "99 %", 0.999: "99.9 %"}
_UNWATCHED = "publish call (or the moment a unit was due) to the end of its last task"
_WATCHED = "publish call (in an open loop: the moment a unit was due) to the result"
_JUDGED = "latency.total"
"""The metric of gates that these charts show."""
_PLACE = (
    "All units are published before the first is run, so this is a unit's time in the queue and "
    "no latency that a caller would see."
)


def curves_of(samples: Samples, cells: Sequence[CellView]) -> tuple[dict[str, Curve], ...]:
    """Name of a cell -> its curve of percentiles, and the same of its distribution. Cells without
    samples are left out."""
    percentiles, distributions = {}, {}
    for cell in cells:
        ordered_ns = samples.latencies_ns(measured_blocks(cell.record))
        if ordered_ns is not None and len(ordered_ns):
            percentiles[cell.name] = percentile_curve(ordered_ns)
            distributions[cell.name] = distribution_curve(ordered_ns)
    return percentiles, distributions


def percentile_charts(
    cells: Sequence[CellView], curves: dict[str, Curve], gates: GateLines = NO_GATES
) -> Iterator[Chart]:
    """Latency by percentile, the tail stretched: each nine takes as much room as the last."""
    for kind, group in _kinds(cells, curves):
        what, note = _words(kind, group)
        rows: list[DataRow] = [
            {
                "series": member.label,
                "nines": _nines(share),
                "percentile": _percent(share),
                "ms": value_s * 1e3,
                "named": share in NINES,
            }
            for member in group.members
            for share, value_s in _points(curves[member.cell.name])
        ]
        shown = [row["ms"] for row in rows]
        limits = gates.of(_JUDGED, group.members, "ms", 1e3, beside=shown)
        y = log_axis("ms", what, (*shown, *positive(limits, "ms")))
        heads = {"series": "cell", "percentile": "percentile", "ms": f"{what}, ms"}
        chart = Chart(
            key=f"percentiles-{kind}-{group.key}",
            title=f"{group.title}: {what} by percentile, lower is better",
            note=f"{note} A line ends at the last percentile that its samples can tell.",
            spec=_percentile_spec(y, [member.label for member in group.members], heads),
            data={"percentiles": Columns.of(rows)},
            shown="percentiles",
            heads=heads,
        )
        yield with_lines(chart, limits, across(y))


def distribution_charts(
    cells: Sequence[CellView], curves: dict[str, Curve], gates: GateLines = NO_GATES
) -> Iterator[Chart]:
    """Which share of the units took no longer than that."""
    for kind, group in _kinds(cells, curves):
        what, note = _words(kind, group)
        rows: list[DataRow] = [
            {"series": member.label, "ms": value_s * 1e3, "share": 100 * share}
            for member in group.members
            for share, value_s in _points(curves[member.cell.name])
        ]
        heads = {"series": "cell", "ms": f"{what}, ms", "share": "share of units, %"}
        shown = [row["ms"] for row in rows]
        limits = gates.of(_JUDGED, group.members, "ms", 1e3, beside=shown)
        x = log_axis("ms", what, (*shown, *positive(limits, "ms")))
        y = {"field": "share", "type": "quantitative", "scale": {"domain": [0, 100]},
             "axis": {"title": "share of units, %"}}  # fmt: skip
        labels = [member.label for member in group.members]
        chart = Chart(
            key=f"distribution-{kind}-{group.key}",
            title=f"{group.title}: share of units within a {what}, further left is better",
            note=f"{note} A steep line is an even service, a flat piece a gap between two speeds.",
            spec={
                "height": 260,
                "layer": lines_and_points(
                    "shares", labels, x, y, heads,
                    seen="datum.share % 25 === 0", interpolate="step-after",
                ),
            },
            data={"shares": Columns.of(rows)},
            shown="shares",
            heads=heads,
        )  # fmt: skip
        yield with_lines(chart, limits, upright(x))


def _kinds(cells: Sequence[CellView], curves: dict[str, Curve]) -> Iterator[tuple[str, Group]]:
    """Cells whose latencies mean the same stand together."""
    for kind in ("watched", "unwatched", "backlog"):
        known = [cell for cell in cells if cell.name in curves and _kind(cell) == kind]
        yield from ((kind, group) for group in groups(known, wanted=lambda _: True))


def _kind(cell: CellView) -> str:
    if cell.backlog:
        return "backlog"
    return "unwatched" if cell.unwatched else "watched"


def _words(kind: str, group: Group) -> tuple[str, str]:
    sizes = ", ".join(f"{size:,}" for size in map(_completed, group.members))
    samples = f"From all raw samples of a cell's blocks together ({sizes} units)."
    if kind == "backlog":
        return "time in the queue", f"{_PLACE} {samples}"
    from_to = _WATCHED if kind == "watched" else _UNWATCHED
    return "latency", f"From the {from_to}. {samples}"


def _completed(member: Member) -> int:
    return sum(block.latency_s.count for block in measured_blocks(member.cell.record))


def _points(curve: Curve) -> Iterator[tuple[float, float]]:
    """What a logarithmic axis can show: stamps out of order may give a time below zero."""
    pairs = zip(curve.shares, curve.values_s, strict=True)
    yield from ((share, value_s) for share, value_s in pairs if value_s > 0)


def _nines(share: float) -> float:
    """0 for the lowest, 1 for p90, 2 for p99, 3 for p99.9."""
    return -math.log10(1 - share)


def _percent(share: float) -> str:
    return f"p{100 * share:.5g}"


def _percentile_spec(y: Spec, labels: Sequence[str], heads: Mapping[str, str]) -> Spec:
    ticks = {round(_nines(share), 4): words for share, words in _NAMED.items()}
    words = " : ".join(f"datum.value < {at + 0.1} ? '{text}'" for at, text in ticks.items())
    x = {
        "field": "nines",
        "type": "quantitative",
        "scale": {"domain": [0, 3], "nice": False},
        "axis": {"title": "percentile, each nine stretched alike",
                 "values": list(ticks), "labelExpr": f"{words} : ''"},
    }  # fmt: skip
    layer = lines_and_points("percentiles", labels, x, y, heads, seen="datum.named")
    return {"height": 280, "layer": layer}


# --- parts, queues --------------------------------------------------------------------------------


def divided_charts(cells: Sequence[CellView]) -> Iterator[Chart]:
    """Of runs in which any cell has several queues or groups of workers: the latency of each part
    of a mix, or without one of each queue, cell beside cell."""
    blocks = [block for cell in cells for block in cell.blocks]
    if not any(block.by_queue or block.by_group for block in blocks):
        return
    most = max((len(_of_parts(cell)) for cell in cells), default=0)
    if not most:
        return
    for group in groups(cells, most=max(1, _MOST_ROWS // most), wanted=_has_parts):
        yield _divided_chart(group)


_MOST_ROWS = 40


def _has_parts(cell: CellView) -> bool:
    return not cell.backlog and len(_of_parts(cell)) > 1


def _of_parts(cell: CellView) -> dict[str, tuple[float, float]]:
    """Median and p99 in seconds of each part or queue, of all samples together as in the tables;
    where samples are missing in the median of the blocks."""
    found: dict[str, list[Distribution]] = {}
    for block in measured_blocks(cell.record):
        mixed = [(one.task, one.latency_s) for one in block.by_task]
        queued = [(f"queue {one.name}", one.latency_s) for one in block.by_queue]
        for name, latency_s in mixed if len(mixed) > 1 else queued:
            if latency_s.p50 is not None and latency_s.p99 is not None:
                found.setdefault(name, []).append(latency_s)
    queues = {f"queue {name}": times.latency_s for name, times in cell.queues_s.items()}
    together = {**queues, **cell.parts_s}
    return {name: _spread(together.get(name), ones) for name, ones in found.items()}


def _spread(together: Distribution | None, ones: Sequence[Distribution]) -> tuple[float, float]:
    if together is not None and together.p50 is not None and together.p99 is not None:
        return together.p50, together.p99
    return median(one.p50 or 0.0 for one in ones), median(one.p99 or 0.0 for one in ones)


def _divided_chart(group: Group) -> Chart:
    parts = list(dict.fromkeys(part for one in group.members for part in _of_parts(one.cell)))
    rows: list[DataRow] = []
    for part in parts:
        for member in group.members:
            p50_s, p99_s = _of_parts(member.cell).get(part, (None, None))
            if p50_s is None or p99_s is None:
                continue
            words = f"p50 {format_duration(p50_s)}, p99 {format_duration(p99_s)}"
            label = f"{printable(part)}, {member.label}: {words}"
            flagged = member.cell.flagged
            rows.append({"row": len(rows), "label": label, "lines": wrapped(label, bold=flagged),
                         "flagged": flagged, "p50": p50_s * 1e3, "p99": p99_s * 1e3,
                         "emulated": member.cell.record.emulated})  # fmt: skip
    room = Bands.of(rows)
    heads = {"label": "part and cell", "p50": "p50, ms", "p99": "p99, ms"}
    return Chart(
        key=f"divided-{group.key}",
        title=f"{group.title}: latency of each part, from p50 to p99, further left is better",
        note="All samples together.",
        spec=_divided_spec(room, rows, heads),
        data={"parts": Columns.of(rows)},
        shown="parts",
        heads=heads,
    )


def _divided_spec(room: Bands, rows: Sequence[DataRow], heads: Mapping[str, str]) -> Spec:
    x = log_axis("p50", "latency", [row[name] for row in rows for name in ("p50", "p99")])
    y = rows_axis(room.count)
    to_p99 = {"field": "p99", "type": "quantitative"}
    common: Spec = {"y": y, "opacity": FAINT_IF_EMULATED, **told(heads)}
    tick = {"type": "tick", "yOffset": room.marks_at, "size": 16}
    data = {"name": "parts"}
    return {
        "height": room.height,
        "layer": [
            *row_labels("parts", room),
            {
                "data": data,
                "mark": {
                    "type": "rule",
                    "style": "ink",
                    "yOffset": room.marks_at,
                    "strokeWidth": 3,
                },
                "encoding": {"x": x, "x2": {"field": "p99"}, **common},
            },
            {
                "data": data,
                "mark": {**tick, "thickness": 2},
                "encoding": {"x": x, **common},
            },
            {
                "data": data,
                "mark": {**tick, "thickness": 5},
                "encoding": {"x": {**to_p99, "scale": x["scale"]}, **common},
            },
        ],
    }
