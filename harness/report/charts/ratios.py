"""Comparisons: the ratio of each pair of blocks, the interval, and the margin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.report.charts.chart import Chart, Columns, DataRow, Spec, told, wrapped
from harness.report.charts.labelled_rows import Bands, row_labels, rows_axis
from harness.report.tables.verdicts import pair_words, verdict_words
from harness.report.view.cells import RunView
from harness.results.judge.compare import pair_ratios
from harness.results.judge.phrases import size_words
from harness.results.record.comparison import Comparison, ComparisonReport
from harness.results.record.run import RunRecord
from harness.scenario.models.compare import ComparisonKind

_HEADS = {"label": "comparison", "ratio": "ratio", "low": "interval from", "high": "to",
          "pairs": "pairs", "verdict": "verdict"}  # fmt: skip
_PAIR = {"label": "comparison", "pair": "pair", "ratio": "ratio of the pair"}
_KIND_NOTES: Mapping[ComparisonKind, str] = {
    "alternatives": "Faster or slower has its whole bar on one side of the line, no difference "
    "found between the dashed margins.",
    "change": "A regression has its whole bar left of the dashed margin.",
}


def ratio_charts(view: RunView) -> Iterator[Chart]:
    """A chart per pair of cells; nothing for a run that compares nothing."""
    record = view.record
    report = record.comparison
    if report is None:
        return
    by_cells: dict[tuple[str, str], list[Comparison]] = {}
    for one in report.comparisons:
        if one.ratio is not None and not one.own:
            by_cells.setdefault((one.base, one.head), []).append(one)
    for index, found in enumerate(by_cells.values()):
        title = pair_words(view.names.in_one(found[0]))
        yield _chart(index, title, record, report, found)


def _chart(
    index: int, title: str, record: RunRecord, report: ComparisonReport, found: Sequence[Comparison]
) -> Chart:
    rows = [_row(number, one) for number, one in enumerate(found)]
    dots: list[DataRow] = [
        {"row": number, "label": one.metric, "pair": pair, "ratio": ratio}
        for number, one in enumerate(found)
        for pair, ratio in enumerate(pair_ratios(record, one))
    ]
    margins = [1 - report.margin] + [1 / (1 - report.margin)] * (report.kind == "alternatives")
    lines: list[DataRow] = [{"x": 1.0, "text": "alike"}]
    lines += [{"x": at, "text": "margin"} for at in margins]
    ratios = [float(dot["ratio"] or 1) for dot in dots] + [1.0, *margins]
    return Chart(
        key=f"ratios-{index}",
        title=f"{title}: ratio of each pair of blocks, further right is better",
        note="A dot is a pair of neighbouring blocks; further right is better, so latency and CPU "
        f"are turned round. The bar is the interval ({100 * found[0].confidence:.3g} %, t over the "
        f"pairs), the line across the mean. {_KIND_NOTES[report.kind]}",
        spec=_spec(
            Bands.of(rows),
            ratios,
            intervals=any(row["low"] for row in rows),
        ),
        data={
            "comparisons": Columns.of(rows),
            "pairs": Columns.of(dots),
            "lines": Columns.of(lines),
        },
        shown="comparisons",
        heads=_HEADS,
    )


def _row(number: int, one: Comparison) -> DataRow:
    words = verdict_words(one)
    unsound = "! " if one.unsound else ""
    flagged = bool(one.unsound) or one.is_regression
    size = size_words(one.metric, one.ratio, one.low, one.high)
    label = f"{unsound}{one.metric}: {size}, {words}"
    return {
        "row": number,
        "label": label,
        "lines": wrapped(label, bold=flagged),
        "flagged": flagged,
        "ratio": one.ratio,
        "low": one.low,
        "high": one.high,
        "pairs": one.pairs,
        "verdict": words,
    }


def _spec(rows: Bands, ratios: Sequence[float], *, intervals: bool) -> Spec:
    # The axis is for what was measured: an interval of two pairs may reach anywhere.
    domain = [min(ratios) / 1.08, max(ratios) * 1.08]
    scale = {"type": "log", "domain": domain, "nice": False}
    y = rows_axis(rows.count)

    def x(field: str) -> Spec:
        axis = {"title": "ratio, log scale; right of 1 is better", "tickCount": 5, "format": ".3~r"}
        return {"field": field, "type": "quantitative", "scale": scale, "axis": axis}

    return {
        "height": rows.height,
        "layer": [
            {"data": {"name": "lines"},
             "transform": [{"filter": "datum.text === 'alike'"}],
             "mark": {"type": "rule", "style": "ink", "aria": False}, "encoding": {"x": x("x")}},
            {"data": {"name": "lines"},
             "transform": [{"filter": "datum.text === 'margin'"}],
             "mark": {"type": "rule", "style": "limit", "aria": False},
             "encoding": {"x": x("x")}},
            *row_labels("comparisons", rows),
            *([_interval_bar(y, x("low"), rows)] if intervals else []),
            {"data": {"name": "pairs"},
             "mark": {"type": "point", "yOffset": rows.marks_at, "opacity": 0.75},
             "encoding": {"y": y, "x": x("ratio"), **told(_PAIR)}},
            {"data": {"name": "comparisons"},
             "mark": {"type": "tick", "yOffset": rows.marks_at, "thickness": 3, "size": 20},
             "encoding": {"y": y, "x": x("ratio"), **told(_HEADS)}},
        ],
    }  # fmt: skip


def _interval_bar(y: Spec, low: Spec, rows: Bands) -> Spec:
    return {
        "data": {"name": "comparisons"},
        "transform": [{"filter": "isValid(datum.low)"}],
        "mark": {"type": "rule", "style": "interval", "yOffset": rows.marks_at, "clip": True},
        "encoding": {"y": y, "x": low, "x2": {"field": "high"}, **told(_HEADS)},
    }
