"""What the blocks of a cell say about one figure: their spread as an interval, or that there is
none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.report.view.cells import CellView
from harness.results.record.run import BlockRecord
from harness.results.samples.pooled import measured_blocks
from harness.stats.paired import Estimate, estimate

CONFIDENCE = 0.95
FEWEST_BLOCKS = 3
"""Two blocks allow an interval by name only: t is 12.7 there, and it reaches over decades."""


def interval_of(values: Sequence[float]) -> Estimate | None:
    """Geometric mean of a figure over blocks with its t interval, which is that of the mean log.

    `pairs` is the number of blocks; fewer than FEWEST_BLOCKS have no interval. None without a
    positive value.
    """
    positive = [value for value in values if value > 0]
    if not positive:
        return None
    found = estimate([math.log(value) for value in positive], confidence=CONFIDENCE, margin=0.0)
    return found if found.pairs >= FEWEST_BLOCKS else replace(found, low=None, high=None)


def block_values(
    cell: CellView, figure: Callable[[BlockRecord], float | None]
) -> list[tuple[BlockRecord, float]]:
    """The measured blocks of a cell that have a figure, and the figure."""
    found = [(block, figure(block)) for block in measured_blocks(cell.record)]
    return [(block, value) for block, value in found if value is not None]


def interval_words(found: Estimate | None, words: Callable[[float], str]) -> str:
    """`95 % interval 512/s to 541/s over 10 blocks`, or why there is none."""
    if found is None:
        return "no figure"
    if found.low is None or found.high is None:
        few = f"{found.pairs} blocks, too few for an interval"
        return "one block, no interval" if found.pairs == 1 else few
    low, high = words(found.low), words(found.high)
    return f"95 % interval {low} to {high} over {found.pairs} blocks"
