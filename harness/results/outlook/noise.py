"""How far neighbouring blocks of stored runs lay apart: the noise that a next run will meet."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.results.judge.compare import pair_ratios
from harness.results.judge.metrics import COMPARED
from harness.results.outlook.keys import keys_of
from harness.results.record.run import CellRecord, RunRecord

_FEWEST_RATIOS = 4
"""Pairs below which a spread says nothing."""


@dataclass(frozen=True)
class Spread:
    """How far the log ratios of neighbouring blocks of one work lay apart in one run."""

    run: str
    metric: str
    work: str
    """See `CellKeys.work`."""
    load: str
    """The kind of its load."""
    deviation: float
    """Standard deviation."""
    ratios: int
    twins: bool = False
    """The sides of pairs were up at once."""


def spreads_in(record: RunRecord) -> Iterator[Spread]:
    """Of what was compared: of the pairs. Of a run that compares nothing: of the neighbouring
    blocks of each cell."""
    if record.comparison is not None:
        cells = {cell.name: cell for cell in record.cells}
        for one in record.comparison.comparisons:
            if one.own:  # of tasks, which decide nothing about how much is measured
                continue
            logs = [math.log(ratio) for ratio in pair_ratios(record, one)]
            if one.base in cells:
                yield from _spread(record.run_id, one.metric, cells[one.base], logs)
        return
    for cell in record.cells:
        whole = sorted(
            (one for one in cell.blocks if one.status == "complete"), key=lambda b: b.repetition
        )
        for metric in (one for one in COMPARED if one.applies(cell)):
            values = [metric.figure(block) for block in whole]
            logs = [
                math.log(after / before)
                for before, after in list(pairwise(values))[::2]
                if before and after and 0 < before < math.inf and 0 < after < math.inf
            ]
            yield from _spread(record.run_id, metric.name, cell, logs)


def pooled(spreads: Sequence[Spread]) -> float:
    """One standard deviation of several, each weighted by its degrees of freedom."""
    freedom = sum(one.ratios - 1 for one in spreads)
    return math.sqrt(sum((one.ratios - 1) * one.deviation**2 for one in spreads) / freedom)


def _spread(run: str, metric: str, cell: CellRecord, logs: Sequence[float]) -> Iterator[Spread]:
    if len(logs) >= _FEWEST_RATIOS:
        load = str(cell.load.get("load"))
        deviation, twins = statistics.stdev(logs), any(one.slices for one in cell.blocks)
        yield Spread(run, metric, keys_of(cell).work, load, deviation, len(logs), twins)
