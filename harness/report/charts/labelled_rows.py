"""Charts of one row to each thing that is compared, with its label above its marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.charts.chart import DataRow, Spec

_ROW_HEIGHT, _LINE_HEIGHT = 44, 15


@dataclass(frozen=True)
class Bands:
    """Rows whose labels stand above their marks: so they need no margin, and fit a phone."""

    count: int
    lines: int
    """Lines of the longest label."""

    @classmethod
    def of(cls, rows: Sequence[DataRow]) -> Bands:
        """High enough for the `lines` of each of these."""
        counts = [str(row["lines"]).count("\n") + 1 for row in rows]
        return cls(len(rows), max(counts, default=1))

    @property
    def height(self) -> int:
        """Pixels of all rows together."""
        return self.count * self._each

    @property
    def marks_at(self) -> float:
        """Pixels from the middle of a row to its marks."""
        return self._each / 2 - 13

    @property
    def labels_at(self) -> float:
        """Pixels from the middle of a row to the first line of a label of one line."""
        return self.marks_at - 19

    @property
    def _each(self) -> int:
        return _ROW_HEIGHT + _LINE_HEIGHT * (self.lines - 1)


def rows_axis(count: int) -> Spec:
    """One band per row of data, in their order, without an axis: labels are marks."""
    return {
        "field": "row",
        "type": "ordinal",
        "scale": {"domain": list(range(count)), "paddingInner": 0, "paddingOuter": 0},
        "axis": None,
    }


def row_labels(data: str, rows: Bands) -> list[Spec]:
    """The text `lines` above each row; in the style of trouble where something went wrong there."""
    at_left = {
        "x": {"value": 0},
        "y": rows_axis(rows.count),
        "text": {"field": "lines", "type": "nominal"},
    }
    above = f"{_LINE_HEIGHT} * (length(split(datum.lines, '\\n')) - 1)"
    # The halo keeps a line behind the text from being read as a letter.
    styles = (("true", "halo"), ("!datum.flagged", "row-label"), ("datum.flagged", "flag"))
    return [
        {
            "data": {"name": data},
            "transform": [{"filter": test}],
            "mark": {
                "type": "text",
                "style": style,
                "align": "left",
                "yOffset": rows.labels_at,
                "dy": {"expr": f"-{above}"},
                "lineBreak": "\n",
                "lineHeight": _LINE_HEIGHT,
                "limit": {"expr": "width"},
                "aria": False,
            },
            "encoding": at_left,
        }
        for test, style in styles
    ]
