"""The table of figures. To add one: a row in `of_units` or `of_costs`, and what computes it.

Its order is that of the columns of CSV and SQL, which are only ever added to: new ones go to the
end. Gates, comparisons, histories, CSV, SQL, exports and `harness list metrics` read it.
"""

from __future__ import annotations

from harness.figures import of_costs, of_queues, of_units
from harness.figures.figure import Figure

FIGURES: tuple[Figure, ...] = (
    *of_units.LOAD,
    *of_units.TIMES,
    *of_costs.OF_PROCESSES,
    *of_units.LEDGER,
    *of_costs.OF_SERVERS,
    *of_units.OPEN_LOOP,
    *of_units.CANVAS,
    *of_units.TRACKING,
    *of_units.SCHEDULES,
    *of_units.FURTHER,
    *of_costs.TRAFFIC,
    *of_costs.CALLS,
    *of_costs.RESULTS_LEFT,
    *of_units.BESIDE,
    *of_costs.OF_FUNCTIONS,
    *of_units.OF_CHILDREN,
    *of_units.STOPS,
    *of_costs.CONNECTIONS,
)
OF_ONE_ONLY: tuple[Figure, ...] = (*of_queues.OF_QUEUES, *of_queues.OF_GROUPS)
"""Figures that only a single queue or group of workers has: no column of a block's."""
