"""Finds figures by what users call them: `throughput`, `canvas.hop.p99`, `traffic.sqs.requests`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.figures.figure import PLACEHOLDER, STATISTICS, Figure
from harness.figures.table import FIGURES


@dataclass(frozen=True)
class Asked:
    """A figure, and of a distribution perhaps which statistic."""

    figure: Figure
    statistic: str = ""

    @property
    def name(self) -> str:
        """The name as a gate has it: `canvas.hop.p99`, or the figure's alone."""
        return f"{self.figure.name}.{self.statistic}" if self.statistic else self.figure.name


def figure_named(name: str) -> Figure | None:
    """The row of a present name. One of many comes as a row of its own: `traffic.redis.commands`
    has that name, and that path in the record."""
    for row in FIGURES:
        if row.name == name and not row.many:
            return row
    for row in FIGURES:
        stem = row.name.removesuffix(PLACEHOLDER)
        which = name.removeprefix(stem)
        if row.many and which not in ("", name) and not which.endswith("."):
            return replace(row, name=name, field=f"{row.field}.{which}")
    return None


def asked(name: str) -> Asked | None:
    """A figure, with `.p99` behind a distribution's name. None for what is no name, or was one."""
    stem, _, statistic = name.rpartition(".")
    if statistic in STATISTICS and (found := figure_named(stem)) and found.distribution:
        return Asked(found, statistic)
    figure = figure_named(name)
    return None if figure is None else Asked(figure)


def heading_of(name: str) -> str:
    """Over its column in a report's table."""
    figure = figure_named(name)
    assert figure is not None  # noqa: S101 - a row of the table
    return figure.heading


def renamed(name: str) -> str:
    """What a name of older versions has become; empty for any other."""
    return next((row.name for row in FIGURES if name in row.was), "")


def plain_names() -> Iterator[str]:
    """Names of the figures that can be asked for as they are."""
    return (row.name for row in FIGURES if not row.distribution)


def distribution_names() -> Iterator[str]:
    """Names of the figures that take a statistic."""
    return (row.name for row in FIGURES if row.distribution)
