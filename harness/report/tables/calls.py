"""Calls where messages carry several: what makes map, starmap, chunks and groups comparable."""

from __future__ import annotations

from collections.abc import Callable

from harness.report.tables.main import Column, Table, median_if_any, table_of
from harness.report.view.cells import RunView
from harness.units import format_bytes, format_milliseconds, format_number


def call_tables(view: RunView) -> tuple[Table, ...]:
    """One table if any message of the run carries several calls; none otherwise."""
    if all(block.calls_per_task == 1 for cell in view.cells for block in cell.record.blocks):
        return ()
    found = table_of("By calls", view.cells, _CALLS, _NOTE)
    return () if found is None else (found,)


def _figure(name: str, words: Callable[[float], str], head: str) -> Column:
    return Column(
        head, median_if_any(lambda figures: figures.calls.get(name), words), optional=True
    )


_CALLS = (
    _figure("calls_per_s", format_number, "calls/s"),
    _figure("calls_per_task", format_number, "calls/ message"),
    _figure("worker_cpu", format_milliseconds, "worker CPU"),
    _figure("client_cpu", format_milliseconds, "client CPU"),
    _figure("broker_cpu", format_milliseconds, "broker CPU"),
    _figure("commands", format_number, "commands"),
    _figure("bytes", format_bytes, "bytes"),
)
_NOTE = (
    "A message of map, starmap or chunks carries several calls, which one process runs one after "
    "the other: the message's cost is shared by them, and so is its loss. CPU, commands and bytes: "
    "per call, the harness' other figures are per task, that is per message."
)
