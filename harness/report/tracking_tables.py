"""How callers learned that their tasks were over, and what the asking cost."""

from __future__ import annotations

from collections.abc import Callable

from harness.report.cells import Figures, RunView
from harness.report.tables import NOT_APPLICABLE, Column, Table, table_of
from harness.units import format_duration, format_number


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


def _looks(figures: Figures) -> str:
    spread = figures.looks.get("looks")
    return NOT_APPLICABLE if spread is None else format_number(spread.median)


def _commands(figures: Figures) -> str:
    spread = figures.costs.get("commands")
    return NOT_APPLICABLE if spread is None else format_number(spread.median)


def _client_cpu(figures: Figures) -> str:
    spread = figures.costs.get("client_cpu")
    return NOT_APPLICABLE if spread is None else format_duration(spread.median / 1e3)


def _started_seen(figures: Figures) -> str:
    spread = figures.looks.get("started_seen")
    return NOT_APPLICABLE if spread is None else f"{spread.median:.0%}"


_COLUMNS = (
    Column("learned late", _mean("learned_late")),
    Column("store call", _mean("store_call")),
    Column("looks", _looks, optional=True),
    Column(
        "commands",
        _commands,
        optional=True,
        note="commands: of Redis per task, the broker's and the workers' among them.",
    ),
    Column("client CPU", _client_cpu, optional=True),
    Column("STARTED seen", _started_seen, optional=True),
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
