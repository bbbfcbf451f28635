"""A chart: a Vega-Lite specification, the data it draws, and the words beside it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.charts.theme import LIGHT

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
Value = str | float | int | bool | None
Spec = dict[str, Any]
DataRow = Mapping[str, Value]
"""One row of what a chart draws: name of a column -> its value."""
_LABEL_WIDTH, _BOLD_WIDTH = 53, 45
"""Letters of a label that a phone has room for; a longer one takes several lines."""

FAINT_IF_EMULATED: Spec = {"condition": {"test": "datum.emulated", "value": 0.55}, "value": 1}
HOLLOW_IF_EMULATED: Spec = {"condition": {"test": "datum.emulated", "value": 0.1}, "value": 1}
"""Fill of bars and of dots: an emulator's figures are no figures of the service, and look it."""


@dataclass(frozen=True)
class Columns:
    """Rows by column: a tenth of the size of an object per row."""

    names: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Value]]) -> Columns:
        """Columns of rows that all have the keys of the first one. Numbers keep five digits."""
        listed = list(rows)
        names = tuple(listed[0]) if listed else ()
        return cls(names, tuple(tuple(_short(row[name]) for name in names) for row in listed))

    def records(self) -> list[dict[str, Value]]:
        """A dictionary per row, as Vega-Lite takes them."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Chart:
    """One picture of a report: what is drawn, of which data, and the words around it.

    All texts are printable; they come from users and servers, so formats escape them.

    Example:
        >>> rows = Columns.of([{"cell": "add/closed-8", "rate": 1234.5678}])
        >>> chart = Chart(
        ...     key="rates",
        ...     title="Throughput (more is better)",
        ...     note="Of blocks without failures.",
        ...     spec={
        ...         "data": {"name": "rates"},
        ...         "mark": "bar",
        ...         "encoding": {"y": {"field": "cell"}, "x": {"field": "rate"}},
        ...     },
        ...     data={"rates": rows},
        ...     shown="rates",
        ...     heads={"cell": "cell", "rate": "units/s"},
        ... )
        >>> vega_lite(chart, width=600)["datasets"]
        {'rates': [{'cell': 'add/closed-8', 'rate': 1234.6}]}
    """

    key: str
    """Unique within a report; fit for a file name and an id."""
    title: str
    """What the chart shows, and whether more or less is better."""
    note: str
    """What a reader must know of the chart."""
    spec: Spec
    """The Vega-Lite specification without data, title, width and theme."""
    data: Mapping[str, Columns]
    """Datasets, by the names that the specification uses."""
    shown: str
    """Name of the dataset that says the same as a table."""
    heads: Mapping[str, str]
    """Columns of that table: name in the dataset -> heading with its unit."""


@dataclass(frozen=True)
class Gallery:
    """The charts of a report on one subject, with the words above them."""

    key: str
    title: str
    intro: str
    charts: tuple[Chart, ...]
    missing: tuple[str, ...] = ()
    """What could not be drawn, and why."""
    folded: bool = False
    """Shown only when a reader asks for it."""


def vega_lite(chart: Chart, width: int | str, config: Mapping[str, Any] = LIGHT) -> Spec:
    """The whole specification. `width`: pixels, or `container`."""
    return {
        "$schema": SCHEMA,
        "description": f"{chart.title}. {chart.note}",
        "width": width,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "datasets": {name: columns.records() for name, columns in chart.data.items()},
        "config": config,
        **chart.spec,
    }


def wrapped(label: str, *, bold: bool = False) -> str:
    """In lines that a phone has room for, or its end is cut off: marks such as `! 4 lost`, and
    the figure itself."""
    return "\n".join(textwrap.wrap(label, _BOLD_WIDTH if bold else _LABEL_WIDTH))


def x_axis(title: str, values: Sequence[float], **more: Any) -> tuple[Spec, str]:
    """A scale and the axis' title: from zero, or logarithmic where figures are far apart."""
    positive = [value for value in values if value > 0]
    if positive and len(positive) == len(values) and max(positive) > 20 * min(positive):
        return {"type": "log", "nice": True, **more}, f"{title}, log scale"
    return {"type": "linear", "zero": True, "nice": True, **more}, title


def told(heads: Mapping[str, str]) -> Spec:
    """Channels that tell the values of a row, each with its heading: to who points at it, and to
    a screen reader, which else would read the names of internal fields."""
    words = (
        f"{json.dumps(f'{title}: ')} + datum[{json.dumps(field)}]" for field, title in heads.items()
    )
    return {
        "tooltip": [{"field": field, "title": title} for field, title in heads.items()],
        "description": {"value": {"expr": " + ', ' + ".join(words)}},
    }


def _short(value: Value) -> Value:
    if not isinstance(value, float):
        return value
    return float(f"{value:.5g}")
