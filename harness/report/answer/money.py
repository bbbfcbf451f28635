"""What a load's requests cost in a month, where a broker sells them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.report.answer.naming import Names
from harness.report.answer.sentences import Sentence
from harness.report.view.cells import CellView
from harness.units import format_number

MONTH_S = 30 * 24 * 3600
"""Seconds of a month: thirty days."""


@dataclass(frozen=True)
class Monthly:
    """Dollars a month, and the rate that they are of."""

    dollars: float
    tasks_per_s: float
    given: bool
    """Whether the rate is the scenario's own; else what was measured, at which nobody may want to
    run all month."""


def monthly(cell: CellView) -> Monthly | None:
    """Dollars for thirty days at the load's rate; None where nothing has a price.

    dollars per million tasks x tasks/s x 2,592,000 s / 1,000,000.
    """
    spreads = cell.figures.spreads
    price, tasks = spreads.get("dollars_per_million"), spreads.get("throughput.tasks")
    units, planned = spreads.get("throughput"), spreads.get("throughput.planned")
    if price is None or tasks is None or not tasks.median:
        return None
    rate, given = tasks.median, False
    if cell.record.load.get("load") == "rate" and planned is not None and units is not None:
        of_unit = tasks.median / units.median if units.median else 1.0
        rate, given = planned.median * of_unit, True
    return Monthly(price.median * rate * MONTH_S / 1e6, rate, given)


def dollars_words(dollars: float) -> str:
    """`$0.46`, `$46.7`, `$1,210`."""
    return f"${format_number(dollars)}"


def money_sentences(cells: Sequence[CellView], names: Names) -> Iterator[Sentence]:
    """One: of the cell that costs most and of the one that costs least."""
    known = [(found, cell) for cell in cells if (found := monthly(cell)) is not None]
    if not known:
        return
    known.sort(key=lambda one: -one[0].dollars)
    (most, cell), (least, other) = known[0], known[-1]
    text = f"{names.of(cell.name)}: {_words(most)}"
    named = [cell.name]
    if len(known) > 1:
        text += f"; least: {names.of(other.name)}, {_words(least)}"
        named.append(other.name)
    yield Sentence("cost", f"{text}.", tuple(named), ("dollars_per_million",))


def _words(found: Monthly) -> str:
    rate = f"{format_number(found.tasks_per_s)} tasks/s"
    at = rate if found.given else f"the measured {rate}"
    return f"{dollars_words(found.dollars)} a month at {at}"
