"""One line per series, told apart by colour, dash and shape alike."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.report.charts.chart import Spec, Value, told, wrapped
from harness.report.charts.theme import DASHES, SHAPES

_LEAST_SPAN = 2.0
"""From the lowest to the highest end of a logarithmic axis: on a narrower one half a per cent
would look like a cliff."""
_ROOM = 1.06
"""Beyond the lowest and the highest value, so that no line lies on the chart's edge."""
_MANTISSAS = (
    (1, 2, 5),
    (1, 1.5, 2, 3, 4, 5, 6, 8),
    (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9),
)
_FEWEST_TICKS = 4
_IN_UNITS = (
    "datum.value >= 1000 ? format(datum.value / 1000, ',~r') + ' s' : "
    "datum.value >= 1 ? format(datum.value, '~r') + ' ms' : "
    "format(datum.value * 1000, '~r') + ' us'"
)
"""A tick in milliseconds as text."""
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
            "encoding": {**point, **told(heads)},
        },
    ]


def log_axis(field: str, what: str, values_ms: Iterable[Value]) -> Spec:
    """Milliseconds on a logarithmic axis: latencies differ by orders of magnitude, so each tick
    bears the unit that a person would use."""
    axis: Spec = {"title": f"{what}, log scale", "labelExpr": _IN_UNITS}
    scale: Spec = {"type": "log", "nice": False}
    known = [value for value in values_ms if isinstance(value, int | float) and value > 0]
    if known:
        low, high = _ends(min(known), max(known))
        scale["domain"] = [low, high]
        axis["values"] = _ticks(low, high)
    return {"field": field, "type": "quantitative", "scale": scale, "axis": axis}


def _ends(lowest: float, highest: float) -> tuple[float, float]:
    """Of an axis, with room beyond the values and at least `_LEAST_SPAN` wide."""
    middle = math.sqrt(lowest * highest)
    half = max(highest / lowest * _ROOM**2, _LEAST_SPAN) ** 0.5
    return float(f"{middle / half:.5g}"), float(f"{middle * half:.5g}")


def _ticks(low: float, high: float) -> list[float]:
    """Round figures from end to end: without them a reader guesses beyond the last one."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for mantissas in _MANTISSAS:
        every = [float(f"{one * 10.0**decade:.3g}") for decade in decades for one in mantissas]
        found = [tick for tick in every if low <= tick <= high]
        if len(found) >= _FEWEST_TICKS:
            break
    return found
