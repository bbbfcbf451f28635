"""Calls where messages carry several: what makes map, starmap, chunks and groups comparable."""

from __future__ import annotations

from collections.abc import Callable

from harness.report.cells import Figures, RunView
from harness.report.tables import NOT_APPLICABLE, Column, Table, table_of
from harness.units import format_bytes, format_duration, format_number


def call_tables(view: RunView) -> tuple[Table, ...]:
    """One table if any message of the run carries several calls; none otherwise."""
    if all(block.calls_per_task == 1 for cell in view.cells for block in cell.record.blocks):
        return ()
    found = table_of("By calls", view.cells, _CALLS, _NOTE)
    return () if found is None else (found,)


def _figure(name: str, words: Callable[[float | None], str], head: str) -> Column:
    def text(figures: Figures) -> str:
        spread = figures.calls.get(name)
        return NOT_APPLICABLE if spread is None else words(spread.median)

    return Column(head, text, optional=True)


def _ms(value: float | None) -> str:
    return format_duration(None if value is None else value / 1e3)


_CALLS = (
    _figure("calls_per_s", format_number, "calls/s"),
    _figure("calls_per_task", format_number, "calls/ message"),
    _figure("worker_cpu", _ms, "worker CPU"),
    _figure("client_cpu", _ms, "client CPU"),
    _figure("broker_cpu", _ms, "broker CPU"),
    _figure("commands", format_number, "commands"),
    _figure("bytes", format_bytes, "bytes"),
)
_NOTE = (
    "A message of map, starmap or chunks carries several calls, which one process runs one after "
    "the other: the message's cost is shared by them, and so is its loss. CPU, commands and bytes: "
    "per call, the harness' other figures are per task, that is per message."
)
