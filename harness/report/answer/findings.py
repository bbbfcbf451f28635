"""What a run's comparison found, one finding for each two cells: by the figure that its load asks
for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.errors import HarnessError
from harness.report.answer.naming import Names, Pair
from harness.report.view.cells import CellView, RunView
from harness.results.judge.compare import compare_run
from harness.results.judge.phrases import SHOWN_ONLY
from harness.results.record.comparison import Comparison, ComparisonReport
from harness.results.record.typed_work import load_kind
from harness.stats.paired import FEWEST_PAIRS

HeadIs = Literal["faster", "slower", "alike", "open"]


@dataclass(frozen=True)
class Finding:
    """Two cells, and what is known of them."""

    base: CellView
    head: CellView
    names: Pair
    leading: Comparison
    """Of the figure that answers: the rate of a search, the median latency at a given rate, else
    the throughput."""
    others: tuple[Comparison, ...]
    elsewhere: tuple[Comparison, ...] = ()
    """Of the same two sides at the rate that `harness ab` gave to both: what it costs."""

    @property
    def judged(self) -> tuple[Comparison, ...]:
        """Every figure that a verdict on the whole rests on, the leading one first; at equal rates
        those that are told there."""
        every = (self.leading, *self.others, *self.elsewhere)
        return tuple(one for one in every if one.judged and not one.own)

    @property
    def head_is(self) -> HeadIs:
        """What the head is."""
        return head_is(self.leading)

    @property
    def size(self) -> float:
        """How far the two are apart, for sorting."""
        return abs(math.log(self.leading.ratio)) if self.leading.ratio else 0.0

    @property
    def cells(self) -> tuple[str, str]:
        """Their names."""
        return self.base.name, self.head.name


def head_is(one: Comparison) -> HeadIs:
    """What a comparison says of its head."""
    if not one.judged or one.reason:
        return "open"
    if one.ahead or one.behind:
        return "faster" if one.ahead else "slower"
    return "open" if one.verdict == "inconclusive" else "alike"


def compared(view: RunView) -> ComparisonReport | None:
    """The run's own comparison; of a run of several alternatives without one, what `harness
    compare` says, where there are pairs enough for a verdict."""
    record = view.record
    if record.comparison is not None:
        return record.comparison if record.comparison.comparisons else None
    enough = {cell.variant for cell in view.cells if len(cell.blocks) >= FEWEST_PAIRS}
    if len(enough) < 2:
        return None
    try:
        return compare_run(record, second_opinion=False)
    except HarnessError:
        return None


def findings(view: RunView, report: ComparisonReport, names: Names) -> Iterator[Finding]:
    """One for each two cells that were compared, in the order of the comparison."""
    cells = {cell.name: cell for cell in view.cells}
    by_cells: dict[tuple[str, str], list[Comparison]] = {}
    for one in report.comparisons:
        if one.base in cells and one.head in cells:
            by_cells.setdefault((one.base, one.head), []).append(one)
    for (base, head), ones in by_cells.items():
        leading = _leading(cells[head], ones)
        others = tuple(one for one in ones if one is not leading)
        told = cells[base].record.equal_rate, cells[head].record.equal_rate
        rates = tuple(one.at_rate if one else "" for one in told)
        elsewhere = () if base in rates else tuple(by_cells.get((rates[0], rates[1]), ()))
        pair = names.pair(base, head)
        yield Finding(cells[base], cells[head], pair, leading, others, elsewhere)


def _leading(cell: CellView, ones: Sequence[Comparison]) -> Comparison:
    kind = load_kind(cell.record.load)
    wanted = "latency.total.p50" if kind.gives_the_rate else "throughput"
    wanted = "saturation" if cell.record.load.get("load") == "saturate" else wanted
    named = [one for one in ones if one.metric == wanted]
    shown = [one for one in ones if one.reason != SHOWN_ONLY and not one.own]
    return (named or shown or ones)[0]
