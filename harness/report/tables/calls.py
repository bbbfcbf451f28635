"""Calls where messages carry several: what makes map, starmap, chunks and groups comparable."""

from __future__ import annotations

from harness.report.tables.main import Table, figure_column, table_of
from harness.report.view.cells import RunView


def call_tables(view: RunView) -> tuple[Table, ...]:
    """One table if any message of the run carries several calls; none otherwise."""
    if all(block.calls_per_task == 1 for cell in view.cells for block in cell.record.blocks):
        return ()
    found = table_of("By calls", view.cells, _CALLS, _NOTE)
    return () if found is None else (found,)


_CALLS = tuple(
    figure_column(name)
    for name in (
        *("throughput.calls", "calls_per_task", "per_call.worker_cpu", "per_call.client_cpu"),
        *("per_call.broker_cpu", "per_call.commands", "per_call.bytes"),
    )
)
_NOTE = (
    "A message of map, starmap or chunks carries several calls, which one process runs one after "
    "the other: the message's cost is shared by them, and so is its loss. CPU, commands and bytes: "
    "per call, the harness' other figures are per task, that is per message."
)
