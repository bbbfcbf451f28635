"""One series of a history: its points, and the changes of level that are nominated in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.results.history.reruns import CellOfRun, Rerun, not_varied, reruns, run_again
from harness.results.judge.circumstances import (
    difference_words,
    differences,
    facts_of,
    project_of,
    software_of,
)
from harness.results.judge.comparability import unlike_rates
from harness.results.judge.emulators import NOT_JUDGED
from harness.results.judge.metrics import Metric
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.scenario.files.wording import listed
from harness.stats.changepoints import SHORTEST_SERIES, ChangePoint, change_points

_REFERENCE = "reference's "
_REACH = 2
"""So many runs beyond its neighbours the cause of a change is looked for."""


@dataclass(frozen=True)
class Point:
    """One cell in one run."""

    run: RunRecord
    cell: CellRecord
    reference: CellRecord | None
    """The cell of the same run to which the value is a ratio; None: the value is absolute."""
    value: float
    """Ratio to the reference, above 1 is better; without one the figure itself, in the unit of its
    row."""
    blocks: int
    """How many blocks of its cell the value rests on."""
    sound: bool
    """Whether no unit of these blocks was lost, wrong, duplicated or failed unmeant."""
    marks: tuple[str, ...]
    """What a reader has to know of the point; empty for one like any other."""


@dataclass(frozen=True)
class Nomination:
    """A change of level that may be one: a paired re-run has to confirm it."""

    change: ChangePoint
    worse: bool
    before: Point
    after: Point
    """The runs on its two sides between which something changed; without that its neighbours."""
    differences: tuple[str, ...]
    """What the records say changed in between: `celery 5.6.3 -> 5.7.0`."""
    confirm: tuple[Rerun, ...]
    """Paired re-runs, each of one kind of difference; empty where none can be paired."""
    not_varied: tuple[str, ...]
    """Differences that no re-run brings back."""
    run_again: str
    """The command that measures the scenario once more as it is."""


@dataclass(frozen=True)
class Series:
    """Values of one cell over the runs that measured it alike, oldest first."""

    cell: str
    machine: str
    """Where all points were measured; empty if several machines were thrown together."""
    reference: str | None
    """The cell to which the values are ratios, and what it runs."""
    points: tuple[Point, ...]
    nominations: tuple[Nomination, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def emulated(self) -> bool:
        """Whether a point of it, or what it is a ratio to, is an emulator's."""
        return any(map(_of_emulator, self.points))

    @property
    def values(self) -> tuple[float, ...]:
        """The values of the points, oldest first."""
        return tuple(point.value for point in self.points)


def _of_emulator(point: Point) -> bool:
    return point.cell.emulated or (point.reference is not None and point.reference.emulated)


def series_of(
    cell: str,
    machine: str,
    points: Sequence[Point],
    *,
    nominate: bool,
    metric: Metric,
) -> Series:
    """A series with its nominated changes; without `nominate` no change is looked for."""
    newest = points[-1].reference
    rising_is_better = newest is not None or metric.more_is_better
    values = [point.value for point in points]
    changes, without = [], []
    for change in change_points(values) if nominate else ():
        reason = _not_nominated(change, points, metric)
        if reason:
            without.append(f"{_levels(change)}: not nominated, {reason}")
        else:
            changes.append(change)
    return Series(
        cell=cell,
        machine=machine,
        reference=None if newest is None else _reference_words(newest),
        points=tuple(points),
        nominations=tuple(_nomination(change, points, rising_is_better) for change in changes),
        notes=(*_notes(points), *without) if nominate else (),
    )


def _levels(change: ChangePoint) -> str:
    """The level before a change and after it: `1.2 -> 1.6`."""
    return f"{change.before:.4g} -> {change.after:.4g}"


def _not_nominated(change: ChangePoint, points: Sequence[Point], metric: Metric) -> str:
    """Why a change of level is none to look into; empty for one that is. An emulator is judged
    nowhere, and a cost per task moves with the rate, of the cell or of its reference."""
    if any(map(_of_emulator, points)):
        return NOT_JUDGED
    before, after = points[change.index - 1], points[change.index]
    sides = [(before.cell, after.cell), (before.reference, after.reference)]
    reasons = (
        unlike_rates(metric, _whole(one), _whole(other))
        for one, other in sides
        if one is not None and other is not None
    )
    return next((f"{metric.name} {reason}" for reason in reasons if reason), "")


def _whole(cell: CellRecord) -> list[BlockRecord]:
    return [block for block in cell.blocks if block.status == "complete"]


def _reference_words(cell: CellRecord) -> str:
    """What values are ratios to: `redis[ab=base], revision 3fa9c1b08c2d`."""
    celery = cell.config.get("celery") or {}
    version = [f"celery {celery['version']}"] if celery.get("version") else []
    revision = [f"revision {celery['revision'][:12]}"] if celery.get("revision") else []
    python = [f"python {celery['python']}"] if celery.get("python") else []
    return ", ".join(
        [cell.name.rsplit("/", 2)[0], *revision, *python, *version, *(celery.get("pins") or ())]
    )


def _notes(points: Sequence[Point]) -> Iterator[str]:
    if len(points) < SHORTEST_SERIES:
        count = "1 point" if len(points) == 1 else f"{len(points)} points"
        yield f"{count}: too few to look for changes, which takes {SHORTEST_SERIES}"
    references = [(point.run, point.reference) for point in points if point.reference is not None]
    if references:
        first, newest = (software_of(*references[place]) for place in (0, -1))
        moved = [
            difference_words(name, *sides) for name, sides in differences(first, newest).items()
        ]
        if moved:
            yield (
                f"the reference is not pinned: {listed(moved)}; what hits both sides alike "
                "leaves no trace here"
            )


def _nomination(change: ChangePoint, points: Sequence[Point], rising_is_better: bool) -> Nomination:
    before, after = _ends(change, points)
    different = differences(*(facts_of(point.run, point.cell) for point in (before, after)))
    of_reference = _reference_differences(before, after)
    names = [str(after.cell.config.get("name"))]
    if of_reference and after.reference is not None:
        names.append(str(after.reference.config.get("name")))
    found = reruns(
        CellOfRun(before.run, before.cell),
        CellOfRun(after.run, after.cell),
        different,
        with_configurations=names,
    )
    words = {name: difference_words(name, *sides) for name, sides in different.items()}
    shared = {name for name, sides in of_reference.items() if different.get(name) == sides}
    own = tuple(f"{word} (both sides)" if name in shared else word for name, word in words.items())
    others = tuple(
        f"{_REFERENCE}{difference_words(name, *sides)}"
        for name, sides in of_reference.items()
        if name not in shared
    )
    return Nomination(
        change=change,
        worse=(change.change < 0) == rising_is_better,
        before=before,
        after=after,
        differences=(*own, *others),
        confirm=found,
        not_varied=(
            *(words[name] for name in not_varied(different, found)),
            *others,
            *(f"uncommitted changes of run {point.run.run_id}" for point in _dirty(before, after)),
        ),
        run_again=run_again(CellOfRun(after.run, after.cell)),
    )


def _dirty(*points: Point) -> Iterator[Point]:
    yield from (point for point in points if project_of(point.run, point.cell)[1])


def _ends(change: ChangePoint, points: Sequence[Point]) -> tuple[Point, Point]:
    """Noise moves a change by a run or two, so its cause may lie just beside it."""
    nearest = points[change.index - 1], points[change.index]
    for further in range(_REACH + 1):
        first, last = change.index - 1 - further, change.index + further
        if first < 0 or last >= len(points):
            break
        ends = points[first], points[last]
        one, other = (facts_of(point.run, point.cell) for point in ends)
        if one != other or _reference_differences(*ends):
            return ends
    return nearest


def _reference_differences(before: Point, after: Point) -> dict[str, tuple[str, str]]:
    if before.reference is None or after.reference is None:
        return {}
    return differences(
        software_of(before.run, before.reference), software_of(after.run, after.reference)
    )
