"""What it would take to tell apart what a run could not: pairs of blocks, and minutes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from harness.report.answer.findings import Finding
from harness.report.answer.sentences import Sentence
from harness.report.view.cells import RunView
from harness.results.judge.phrases import MOST_PAIRS, pairs_that_tell, percent_words, rounded_up
from harness.results.record.comparison import Comparison
from harness.results.record.run import RunRecord
from harness.stats.paired import FEWEST_PAIRS
from harness.units import format_roughly


def takes_sentences(view: RunView, found: Sequence[Finding]) -> Iterator[Sentence]:
    """One, of the comparison that needs most; none where everything is decided, or where more
    pairs would not help."""
    needed = [
        (pairs, one)
        for one in found
        if one.head_is == "open" and (pairs := pairs_needed(one.leading)) is not None
    ]
    if not needed:
        return
    pairs, one = max(needed, key=lambda each: each[0])
    pairs = rounded_up(pairs)
    there = one.leading.pairs + one.leading.dropped
    if one.leading.pairs < FEWEST_PAIRS <= there:  # more blocks were measured than count
        text = f"A verdict takes {FEWEST_PAIRS} pairs that count, {one.leading.pairs} of {there} do"
        yield Sentence("takes", f"{text}.", one.cells, (one.leading.metric,))
        return
    if one.leading.pairs < FEWEST_PAIRS:
        text = f"A verdict takes {pairs} pairs of blocks{_how_many(view.record, pairs)}"
    elif pairs > MOST_PAIRS:
        text = (
            f"To tell takes more than {MOST_PAIRS:,} pairs: ask for a margin wider than "
            f"{percent_words(one.leading.margin)}, or for longer blocks"
        )
    else:
        text = f"To tell takes about {pairs:,} pairs at this run's noise"
    lasts_s = _lasts_s(view.record, pairs)
    told = (
        f", about {format_roughly(lasts_s)}" if lasts_s is not None and pairs <= MOST_PAIRS else ""
    )
    yield Sentence("takes", f"{text}{told}.", one.cells, (one.leading.metric,))


def without_pairs(view: RunView) -> Sentence:
    """Of a run of several alternatives that have too few blocks for any verdict."""
    counts = {len(cell.blocks) for cell in view.cells if cell.blocks} or {0}
    has = "one block" if max(counts) == 1 else f"{max(counts)} blocks"
    if len(counts) > 1:
        has = f"{min(counts)} to {max(counts)} blocks"
    lasts_s = _lasts_s(view.record, FEWEST_PAIRS)
    told = f", about {format_roughly(lasts_s)}" if lasts_s is not None else ""
    text = (
        f"No verdict: {has} of each; {FEWEST_PAIRS} carry one"
        f"{_how_many(view.record, FEWEST_PAIRS)}{told}."
    )
    return Sentence("takes", text, tuple(cell.name for cell in view.cells if cell.blocks))


def _how_many(record: RunRecord, pairs: int) -> str:
    """How to ask for them; empty where as many were planned, or a budget decides how many."""
    compare = record.scenario.get("compare") or {}
    budgeted = compare.get("pairs") or compare.get("effect")
    planned = min(map(record.order.count, range(len(record.cells))), default=0)
    return "" if budgeted or planned >= pairs else f": --set measure.blocks={pairs}"


def pairs_needed(one: Comparison) -> int | None:
    """Pairs that would give a verdict at the spread of these, see `pairs_to_tell`; FEWEST_PAIRS
    where there are fewer. None where the reason for no verdict is another one."""
    if one.pairs < FEWEST_PAIRS:
        return FEWEST_PAIRS if one.judged and one.pairs else None
    if one.reason or not one.judged:
        return None
    return pairs_that_tell(one)


def _lasts_s(record: RunRecord, pairs: int) -> float | None:
    """Seconds that the run's plan takes with so many blocks of each cell, by how long this one
    took; None where it is not over, or was resumed."""
    most = max((len(cell.blocks) for cell in record.cells), default=0)
    if record.ended_at is None or record.resumptions or not most or record.status != "complete":
        return None
    begin, end = map(datetime.fromisoformat, (record.started_at, record.ended_at))
    return (end - begin).total_seconds() * pairs / most
