"""How callers learned that their tasks were over, and what the asking cost."""

from __future__ import annotations

from harness.report.tables.main import Table, figure_column, table_of
from harness.report.view.cells import RunView


def tracking_tables(view: RunView) -> tuple[Table, ...]:
    """One table if the run has a workload `tracking`; none otherwise."""
    cells = [cell for cell in view.cells if "tracking.learned_late" in cell.figures.mean_s]
    found = table_of("How the caller learned (mean)", cells, _COLUMNS, _NOTE) if cells else None
    return () if found is None else (found,)


_COLUMNS = (
    figure_column("tracking.learned_late", optional=False),
    figure_column("call.store", optional=False),
    figure_column("tracking.looks"),
    figure_column(
        "traffic.commands",
        note="commands: of Redis per task, the broker's and the workers' among them.",
    ),
    figure_column("client_cpu", head="client CPU"),
    figure_column("tracking.started_share"),
    figure_column(
        "tracking.started_late",
        note="STARTED seen: tasks whose caller saw that they had begun. started late: from the "
        "begin of the call that stores STARTED.",
    ),
)
_NOTE = (
    "learned late: from the begin of the worker's store call to the caller having the result, so "
    "most of the store call is in it. looks: times a caller asked for the state of its task. "
    "client CPU: per task."
)
