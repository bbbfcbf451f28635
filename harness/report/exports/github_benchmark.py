"""github-action-benchmark's custom JSON: a list of `{name, unit, value, range, extra}`.

The action knows one direction per file, so there are two formats: what is better when it is
bigger (`tool: customBiggerIsBetter`) and when it is smaller (`customSmallerIsBetter`).
A cell is never left out of both: how much of it was measured, and of what was published ended
as meant, are figures of their own, so that a loss raises the action's alert.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.figures.names import figure_named
from harness.report.exports.rounds import exported_name, ledger_of, remarks_of, warning_codes_of
from harness.report.view.cells import CellView, RunView, Spread
from harness.report.words.look import Look
from harness.report.words.wording import outcome_words, server_words
from harness.units import format_number

Entry = dict[str, str | float]
_PERCENTILES = ("p50", "p95", "p99")


def as_bigger_is_better(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """Throughput, share of units that ended as meant, complete blocks."""
    return _document(entry for cell in view.cells for entry in _bigger(cell))


def as_smaller_is_better(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """Latency, worker CPU per task, units that went wrong."""
    return _document(entry for cell in view.cells for entry in _smaller(cell))


def _document(entries: Iterator[Entry]) -> str:
    return json.dumps(list(entries), indent=1, allow_nan=False) + "\n"


def _bigger(cell: CellView) -> Iterator[Entry]:
    found = list(_of_table(cell, "throughput"))
    tried = any(block.units for block in cell.blocks)
    yield from found
    if tried and not found:  # not one of them was completed
        yield _entry(cell, "throughput", "units/s", 0.0)
    if tried:
        yield _entry(cell, "ended as meant", "%", _completed_percent(cell))
    complete = sum(block.status == "complete" for block in cell.blocks)
    yield _entry(cell, "complete blocks", "blocks", float(complete), f"of {cell.planned}")


def _smaller(cell: CellView) -> Iterator[Entry]:
    latency = cell.figures.latency_s
    what = "place in the queue" if cell.backlog else "latency"
    for name in _PERCENTILES:
        value = None if latency is None else getattr(latency, name)
        if value is not None:
            yield _entry(cell, f"{what} {name}", "ms", value * 1e3)
    yield from _of_table(cell, "worker_cpu")
    ledger = ledger_of(cell)
    wrong = sum(ledger[name] for name in ("lost", "wrong", "failed", "timed_out", "duplicated"))
    yield _entry(cell, "not as meant", "units", float(wrong))


def _of_table(cell: CellView, name: str) -> Iterator[Entry]:
    """A figure by its own words, the median of its blocks."""
    figure, spread = figure_named(name), cell.figures.spreads.get(name)
    if figure is not None and spread is not None:
        unit = figure.unit.removesuffix("/task")
        yield _entry(cell, figure.stated_in, unit, spread.median, _range(spread))


def _entry(cell: CellView, what: str, unit: str, value: float, spread: str = "") -> Entry:
    entry: Entry = {
        "name": f"{exported_name(cell)} · {what}",
        "unit": unit,
        "value": value,
        "extra": "\n".join(_extra(cell)),
    }
    return entry | ({"range": spread} if spread else {})


def _extra(cell: CellView) -> Iterator[str]:
    yield from remarks_of(cell)
    yield outcome_words(cell.figures.counts)
    if codes := warning_codes_of(cell):
        yield f"warnings: {', '.join(codes)}"
    for role, server in sorted(cell.record.servers.items()):
        yield f"{role}: {server_words(server)}"


def _range(spread: Spread) -> str:
    if spread.blocks < 2:
        return ""
    return f"{format_number(spread.lowest)}-{format_number(spread.highest)}"


def _completed_percent(cell: CellView) -> float:
    published = sum(block.outcomes.total for block in cell.blocks)
    return 100 * cell.figures.counts.completed / published if published else 0.0
