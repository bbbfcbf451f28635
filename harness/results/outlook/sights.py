"""What the pairs of a plan can tell apart, at the noise of the last runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.results.judge.metrics import COMPARED, Metric
from harness.results.outlook.keys import keys_of
from harness.results.outlook.last_runs import Known, LastRuns
from harness.results.record.run import CellRecord
from harness.scenario.models.compare import Compare
from harness.scenario.models.scenario import Cell
from harness.scenario.plan.pairing import Place
from harness.stats.looks import confidence_of
from harness.stats.paired import FEWEST_PAIRS, beyond, visible_effect


@dataclass(frozen=True)
class PlannedCell:
    """A cell of a plan, as the plan and as a record have it, and how many blocks it gets."""

    cell: Cell
    stored: CellRecord
    blocks: int
    most_blocks: int
    pairs: int
    """So many of its blocks are compared with those of another cell at the first look; 0: none."""
    twin: bool = False
    """They are twins of these: both are up at once."""


@dataclass(frozen=True)
class Sight:
    """What so many pairs can tell apart of one figure of one work."""

    work: str
    """Workload and load, as names of cells end: `add/closed-8`."""
    metric: str
    pairs: int
    spread: Known | None
    """Standard deviation of log ratios of pairs; None: unknown yet."""
    effect: float | None
    """The smallest relative change that is seen with power 80 %."""
    regression: float | None
    """The smallest slowdown that is called a regression."""


def looks(
    cells: Sequence[PlannedCell], compare: Compare | None, most: float = math.inf
) -> tuple[int, ...]:
    """At how many pairs it is looked, as far as there is time for `most`; empty where nothing is
    compared."""
    if compare is None:
        return ()
    first = min((one.pairs for one in cells if one.pairs), default=0)
    sizes = compare.look_sizes or (first,)
    return tuple(size for size in sizes if size <= most) or sizes[:1]


def sights(
    cells: Sequence[PlannedCell], compare: Compare | None, pairs: Sequence[int], runs: LastRuns
) -> Iterator[Sight]:
    """Of every work that is compared, every figure that is judged, at the first and at the last of
    these looks; none where pairs are too few for a verdict."""
    if compare is None or not pairs or pairs[0] < FEWEST_PAIRS:
        return
    confidence = confidence_of(compare.look_sizes)
    works = {keys_of(one.stored).work: one for one in cells if one.pairs}
    for work, one in works.items():
        for metric in COMPARED:
            if not _judged(metric, one):
                continue
            spread = runs.spread(metric.name, work, one.cell.load.load, twins=one.twin)
            for count in dict.fromkeys((pairs[0], pairs[-1])):
                effect = None if spread is None else visible_effect(spread.value, count, confidence)
                regression = None if effect is None else beyond(compare.margin, effect)
                words = Place("", {}, one.cell.name).work
                yield Sight(words, metric.name, count, spread, effect, regression)


def _judged(metric: Metric, one: PlannedCell) -> bool:
    """A rate that the load asks for is no figure of who serves it."""
    return metric.judged and not metric.set_by(type(one.cell.load)) and metric.applies(one.stored)
