"""How callers learned that their tasks were over, and what the asking cost."""

from __future__ import annotations

from collections.abc import Callable

from harness.report.tables.main import NOT_APPLICABLE, Column, Table, median_if_any, table_of
from harness.report.view.cells import Figures, RunView
from harness.units import format_duration, format_milliseconds


def tracking_tables(view: RunView) -> tuple[Table, ...]:
    """One table if the run has a workload `tracking`; none otherwise."""
    cells = [cell for cell in view.cells if "learned_late" in cell.figures.mean_s]
    found = table_of("How the caller learned (mean)", cells, _COLUMNS, _NOTE) if cells else None
    return () if found is None else (found,)


def _mean(name: str) -> Callable[[Figures], str]:
    def text(figures: Figures) -> str:
        mean = figures.mean_s.get(name)
        return NOT_APPLICABLE if mean is None else format_duration(mean)

    return text


_COLUMNS = (
    Column("learned late", _mean("learned_late")),
    Column("store call", _mean("store_call")),
    Column("looks", median_if_any(lambda figures: figures.looks.get("looks")), optional=True),
    Column(
        "commands",
        median_if_any(lambda figures: figures.costs.get("commands")),
        optional=True,
        note="commands: of Redis per task, the broker's and the workers' among them.",
    ),
    Column(
        "client CPU",
        median_if_any(lambda figures: figures.costs.get("client_cpu"), format_milliseconds),
        optional=True,
    ),
    Column(
        "STARTED seen",
        median_if_any(lambda figures: figures.looks.get("started_seen"), "{:.0%}".format),
        optional=True,
    ),
    Column(
        "started late",
        _mean("started_late"),
        optional=True,
        note="STARTED seen: tasks whose caller saw that they had begun. started late: from the "
        "begin of the call that stores STARTED.",
    ),
)
_NOTE = (
    "learned late: from the begin of the worker's store call to the caller having the result, so "
    "most of the store call is in it. looks: times a caller asked for the state of its task. "
    "client CPU: per task."
)
