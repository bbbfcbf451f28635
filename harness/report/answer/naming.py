"""How an answer calls cells: in as few words as tell each from the others of its run.

Names are those of the user: of configurations, of settings (`task_acks_late=true`), of workloads.
What all cells have in common is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from harness.report.view.cells import RunView
from harness.results.judge.emulators import labelled
from harness.scenario.files.wording import printable
from harness.scenario.models.scenario import AB_AXIS


@dataclass(frozen=True)
class Point:
    """Where a cell stands among the others."""

    configuration: str
    axes: Mapping[str, str]
    """Axis -> value, both in words; only axes of several values."""
    work: str
    emulated: bool


@dataclass(frozen=True)
class Pair:
    """Two cells that differ in some words, and the words that they have in common."""

    base: str
    head: str
    where: str
    """` on redis in add/closed-8`; empty where nothing else was measured."""


@dataclass(frozen=True)
class Names:
    """The names of all cells of a run."""

    points: Mapping[str, Point]
    """By the cell's name in the record."""
    several_configurations: bool
    several_works: bool
    axes: tuple[str, ...]
    """Axes of several values, as they are called."""

    def alternative(self, cell: str) -> str:
        """`redis`, `task_acks_late=true`, `redis[task_acks_late=true]`: without the work."""
        point = self.points[cell]
        return labelled(_alternative(point, self._says_configuration), emulated=point.emulated)

    def of(self, cell: str) -> str:
        """The shortest name: the alternative, the work where there is one alternative only, or
        both: `redis with add/closed-8`."""
        point = self.points[cell]
        if not self.several_works:
            return self.alternative(cell)
        if not self.several_configurations and not self.axes:
            return labelled(point.work, emulated=point.emulated)
        return f"{self.alternative(cell)} with {printable(point.work)}"

    def pair(self, base: str, head: str) -> Pair:
        """How two cells are told apart, and what is alike."""
        one, other = self.points[base], self.points[head]
        unlike = {axis for axis in self.axes if one.axes.get(axis) != other.axes.get(axis)}
        says_configuration = one.configuration != other.configuration
        if not says_configuration and not unlike:
            return Pair(self.alternative(base), self.alternative(head), self._work(other))
        base_name, head_name = (
            labelled(
                _alternative(_only(point, unlike), says_configuration), emulated=point.emulated
            )
            for point in (one, other)
        )
        alike = {axis: word for axis, word in other.axes.items() if axis not in unlike}
        where = "" if says_configuration else self._configuration(other)
        if alike:
            where += " at " + ", ".join(f"{printable(a)}={printable(w)}" for a, w in alike.items())
        return Pair(base_name, head_name, where + self._work(other))

    @property
    def _says_configuration(self) -> bool:
        return self.several_configurations or not self.axes

    def _configuration(self, point: Point) -> str:
        return f" on {printable(point.configuration)}" if self.several_configurations else ""

    def _work(self, point: Point) -> str:
        return f" in {printable(point.work)}" if self.several_works else ""


def _only(point: Point, axes: Collection[str]) -> Point:
    kept = {axis: point.axes[axis] for axis in axes if axis in point.axes}
    return Point(point.configuration, kept, point.work, point.emulated)


def _alternative(point: Point, says_configuration: bool) -> str:
    said = [word if axis == AB_AXIS else f"{axis}={word}" for axis, word in point.axes.items()]
    inside = ", ".join(map(printable, said))
    if not says_configuration:
        return inside or printable(point.configuration)
    return printable(point.configuration) + (f"[{inside}]" if inside else "")


def names_of(view: RunView) -> Names:
    """The names of a run's cells; what all share is left out, as in tables."""
    points = {
        cell.name: Point(
            cell.shown.configuration or cell.variant,
            cell.shown.axes,
            cell.shown.work or cell.name,
            cell.record.emulated,
        )
        for cell in view.cells
    }
    return Names(
        points,
        several_configurations=len({point.configuration for point in points.values()}) > 1,
        several_works=len({point.work for point in points.values()}) > 1,
        axes=tuple(dict.fromkeys(axis for point in points.values() for axis in point.axes)),
    )
