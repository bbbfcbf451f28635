"""Colours and type of charts: light and dark, and safe for colour-blind readers.

The categorical colours are Okabe and Ito's (2008), in an order in which the first five keep a
contrast of 3 and more; what colour says, a dash, a shape or a word says too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif"
_OKABE_ITO_LIGHT = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#4d4d4d", "#E69F00", "#56B4E9", "#7a5c00",
)  # fmt: skip
_OKABE_ITO_DARK = (
    "#56B4E9", "#E69F00", "#2fc39a", "#e59ac4", "#d9d9d9", "#F0E442", "#ff8a4c", "#8fb4ff",
)  # fmt: skip
DASHES: tuple[list[int], ...] = (
    [1, 0], [7, 3], [2, 3], [8, 3, 2, 3], [12, 4], [4, 4], [1, 2], [10, 2, 2, 2, 2, 2],
)  # fmt: skip
SHAPES = (
    "circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right",
    "triangle-left",
)  # fmt: skip
MOST_SERIES = len(_OKABE_ITO_LIGHT)
"""Lines of one chart that can be told apart."""


def _config(
    *, background: str, ink: str, soft: str, grid: str, flag: str, colors: tuple[str, ...]
) -> Mapping[str, Any]:
    return {
        "background": background,
        "font": _FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": ink, "titleColor": ink, "gridColor": grid, "domainColor": soft,
            "tickColor": soft, "labelFontSize": 12, "titleFontSize": 12,
            "titleFontWeight": "normal", "titlePadding": 8, "labelOverlap": True,
        },
        "axisX": {"labelFlush": True},
        "legend": {
            "labelColor": ink, "titleColor": ink, "labelFontSize": 12, "titleFontSize": 12,
            "titleFontWeight": "normal", "orient": "bottom", "direction": "vertical", "columns": 1,
            "labelLimit": 340, "symbolStrokeWidth": 2.5, "symbolSize": 120, "offset": 12,
        },
        "line": {"strokeWidth": 2, "color": colors[0]},
        "point": {"filled": True, "size": 46, "color": colors[0]},
        "bar": {"color": colors[0]},
        "tick": {"color": ink},
        "range": {"category": list(colors), "symbol": list(SHAPES)},
        "style": {
            "row-label": {"color": ink, "fontSize": 12, "baseline": "middle"},
            "halo": {"color": background, "stroke": background, "strokeWidth": 5, "fontSize": 12,
                     "baseline": "middle", "strokeJoin": "round"},
            "flag": {"color": flag, "fontSize": 12, "fontWeight": "bold", "baseline": "middle"},
            "interval": {"color": colors[0], "strokeWidth": 7, "opacity": 0.3},
            "dot": {"stroke": colors[0], "strokeWidth": 1.5},
            "ink": {"color": ink},
            "limit": {"color": flag, "strokeDash": [5, 4], "strokeWidth": 1.5},
            "soft": {"color": soft, "strokeDash": [3, 3]},
            "soft-text": {"color": ink, "fontSize": 11},
            "segment": {"stroke": background if background != "transparent" else grid},
        },
    }  # fmt: skip


LIGHT: Mapping[str, Any] = _config(
    background="#ffffff", ink="#1f2328", soft="#6e7781", grid="#e3e6ea", flag="#b3261e",
    colors=_OKABE_ITO_LIGHT,
)  # fmt: skip
DARK: Mapping[str, Any] = _config(
    background="#161b22", ink="#e6edf3", soft="#8b949e", grid="#30363d", flag="#ff8a80",
    colors=_OKABE_ITO_DARK,
)  # fmt: skip
