"""One line per series, told apart by colour, dash and shape alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.charts.chart import Spec, tooltip, wrapped
from harness.report.charts.theme import DASHES, SHAPES

HOVER = "hover"
"""Name of the layer that only answers to the mouse: an image does without."""


def series_channels(labels: Sequence[str]) -> Spec:
    """Colour, dash and shape of each series; one legend for all."""
    # A dashed line in its colour; a symbol that is itself drawn in dashes could not be read.
    legend: Spec = {"symbolType": "stroke", "symbolSize": 500}
    lines = {label: wrapped(label) for label in labels}
    if any("\n" in text for text in lines.values()):
        legend["labelExpr"] = f"split(({json.dumps(lines)})[datum.label], '\\n')"
    return {
        "color": _channel(labels) | {"legend": legend},
        "strokeDash": _channel(labels, list(DASHES)) | {"legend": legend},
        # One more, so that Vega-Lite does not take it for the same legend.
        "shape": _channel([*labels, ""], list(SHAPES)) | {"legend": None},
    }


def _channel(labels: Sequence[str], chosen: Sequence[Any] | None = None) -> Spec:
    scale: dict[str, Any] = {"domain": list(labels)}
    if chosen is not None:
        scale["range"] = [chosen[index % len(chosen)] for index in range(len(labels))]
    return {"field": "series", "type": "nominal", "title": None, "scale": scale}


def lines_and_points(
    data: str,
    labels: Sequence[str],
    x: Spec,
    y: Spec,
    heads: Mapping[str, str],
    *,
    seen: str | None = "true",
    interpolate: str = "linear",
    detail: str | None = None,
) -> list[Spec]:
    """Lines; points where `seen` holds, an expression over a row (None: nowhere); and points that
    are not drawn and answer to the mouse. `detail`: what else divides lines."""
    channels = series_channels(labels)
    color, dash, shape = channels["color"], channels["strokeDash"], channels["shape"]
    divided = {} if detail is None else {"detail": {"field": detail, "type": "nominal"}}
    known = f"isValid(datum.{y['field']})"
    point = {"x": x, "y": y, "color": color, "shape": shape}
    drawn: Spec = {
        "data": {"name": data},
        "transform": [{"filter": f"{known} && {seen}"}],
        "mark": {"type": "point", "aria": False},
        "encoding": point,
    }
    return [
        {
            "data": {"name": data},
            "mark": {"type": "line", "interpolate": interpolate, "aria": False},
            "encoding": {"x": x, "y": y, "color": color, "strokeDash": dash, **divided},
        },
        *([drawn] if seen else []),
        {
            "name": HOVER,
            "data": {"name": data},
            "transform": [{"filter": known}],
            "mark": {"type": "point", "opacity": 0, "size": 120},
            "encoding": {**point, "tooltip": tooltip(heads)},
        },
    ]


def log_axis(field: str, what: str) -> Spec:
    """Milliseconds on a logarithmic axis: latencies differ by orders of magnitude."""
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"type": "log", "nice": False},
        "axis": {"title": f"{what}, ms, log scale", "tickCount": 5, "format": ",~r"},
    }
