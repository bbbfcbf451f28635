"""Pairs of blocks: which blocks of two cells stand beside each other, and what their ratio is.

Only pairs that ran as mirrored neighbours (AB BA) in one session carry a verdict: identical code
measured AAA BBB on a shared machine gave ratio 0.60 with p = 0.0006.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.results.judge.comparability import unfit_pair
from harness.results.judge.metrics import Metric
from harness.results.record.run import BlockRecord, CellRecord, RunRecord

Pair = tuple[BlockRecord, BlockRecord]
"""A block of the base cell and one of the head cell."""


@dataclass(frozen=True)
class ComparedCells:
    """Two cells that are compared, with their pairs of blocks."""

    base: CellRecord
    head: CellRecord
    pairs: tuple[Pair, ...]
    dropped: int
    """Repetitions that do not count."""
    interleaved: bool
    """Whether their blocks were measured in turn."""
    left_out: Mapping[str, int]
    """Why further pairs do not count -> how many of them."""


def by_repetition(record: RunRecord, one: int, other: int) -> ComparedCells:
    """Two cells of one run, by their indices: the blocks of a repetition are a pair."""
    base, head = record.cells[one], record.cells[other]
    pairs, left_out = sound_repetitions(base, head)
    # A base goes on beside its undecided heads: what it has beyond this head is no lost pair.
    planned = min(record.order.count(one), record.order.count(other))
    repetitions = {block.repetition for block in (*base.blocks, *head.blocks)}
    begun = sum(repetition < planned for repetition in repetitions)
    return ComparedCells(base, head, pairs, begun - len(pairs), is_interleaved(pairs), left_out)


def by_order(base: CellRecord, head: CellRecord) -> ComparedCells:
    """Cells of two runs: complete blocks are paired as they come, which is not interleaved."""
    sides = [
        [
            block
            for block in sorted(cell.blocks, key=lambda b: b.number)
            if block.status == "complete"
        ]
        for cell in (base, head)
    ]
    pairs, left_out = sound_pairs([(one, other) for one, other in zip(*sides, strict=False)])
    dropped = max(len(base.blocks), len(head.blocks)) - len(pairs)
    return ComparedCells(base, head, pairs, dropped, False, left_out)


def sound_repetitions(
    base: CellRecord, head: CellRecord
) -> tuple[tuple[Pair, ...], dict[str, int]]:
    """The blocks of each repetition that both cells have, as far as a verdict can rest on them, and
    why the others are left out."""
    return sound_pairs(
        same_repetitions(base, head), base.measure["duration"] if base.at_equal_rate else None
    )


def same_repetitions(base: CellRecord, head: CellRecord) -> list[Pair]:
    """The blocks of each repetition that both cells have, in their order."""
    ours = {block.repetition: block for block in base.blocks}
    theirs = {block.repetition: block for block in head.blocks}
    return [(ours[n], theirs[n]) for n in sorted(ours.keys() & theirs.keys())]


def sound_pairs(
    pairs: Sequence[Pair], lasts_s: float | None = None
) -> tuple[tuple[Pair, ...], dict[str, int]]:
    """Those on which a verdict can rest, and why the others are left out; `lasts_s` as in
    `unfit_pair`."""
    reasons = [unfit_pair(*pair, lasts_s) for pair in pairs]
    sound = tuple(pair for pair, reason in zip(pairs, reasons, strict=True) if not reason)
    return sound, dict(Counter(filter(None, reasons)))


def is_interleaved(pairs: Sequence[Pair]) -> bool:
    """Whether the two blocks of every pair are neighbours, and pairs 2k and 2k+1 are mirrored.

    Blocks of other cells may lie between: neighbours are meant among the blocks of these pairs.
    """
    order = sorted((block.number, index) for index, pair in enumerate(pairs) for block in pair)
    if any(order[2 * n][1] != order[2 * n + 1][1] for n in range(len(pairs))):
        return False
    base_first = {one.repetition: one.number < other.number for one, other in pairs}
    return all(
        base_first[one] != base_first[other]
        for one, other in pairwise(sorted(base_first))
        if one % 2 == 0 and other == one + 1
    )


def log_ratios(pairs: Sequence[Pair], metric: Metric) -> list[float]:
    """Of each pair that has the figure on both sides; above 0 the head is better."""
    ratios = []
    for one, other in pairs:
        base, head = metric.figure(one), metric.figure(other)
        if base and head and 0 < base < math.inf and 0 < head < math.inf:
            ratios.append(math.log(head / base if metric.more_is_better else base / head))
    return ratios


def sides_of(pairs: Sequence[Pair]) -> tuple[list[BlockRecord], list[BlockRecord]]:
    """The base's blocks, and the head's."""
    return [one for one, _ in pairs], [other for _, other in pairs]
