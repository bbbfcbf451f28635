"""The page over a store as one HTML file: no script or style from anywhere else, all escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from harness.report.index.overview import Dot, Line, Overview

WIDTH, HEIGHT = 110, 32
_EDGE = 3


@dataclass(frozen=True)
class Mark:
    """One run's value in the drawing."""

    x: float
    y: float
    dot: Dot


@dataclass(frozen=True)
class Sparkline:
    """A line as it is drawn: its pieces, which a change of environment breaks, and its marks."""

    pieces: tuple[str, ...]
    """Points of polylines."""
    marks: tuple[Mark, ...]
    breaks: tuple[Mark, ...]
    """The first mark after each change of environment."""


def page(content: Overview, *, written_at: str) -> str:
    """The page over a store as one HTML document."""
    environment = Environment(
        loader=PackageLoader("harness.report", "index"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html")
    return template.render(
        content=content, written_at=written_at, sparkline=sparkline, width=WIDTH, height=HEIGHT
    )


def sparkline(line: Line) -> Sparkline:
    """Oldest to newest from left to right; from the lowest to the highest value, as the numbers
    beside it say."""
    values = [dot.value for dot in line.dots]
    low, high = min(values), max(values)
    step = (WIDTH - 2 * _EDGE) / max(1, len(values) - 1)
    room = HEIGHT - 2 * _EDGE

    def height(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(HEIGHT - _EDGE - share * room, 1)

    marks = tuple(
        Mark(
            round(_EDGE + index * step, 1) if len(values) > 1 else WIDTH / 2, height(dot.value), dot
        )
        for index, dot in enumerate(line.dots)
    )
    pieces = tuple(" ".join(f"{mark.x},{mark.y}" for mark in part) for part in _unbroken(marks))
    return Sparkline(pieces, marks, tuple(mark for mark in marks if mark.dot.breaks))


def _unbroken(marks: Sequence[Mark]) -> Iterator[Sequence[Mark]]:
    begins = [0, *(index for index, mark in enumerate(marks) if mark.dot.breaks), len(marks)]
    for begin, end in pairwise(begins):
        if end - begin > 1:
            yield marks[begin:end]
