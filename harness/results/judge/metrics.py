"""The figures of a block that are compared between cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.results.record.run import BlockRecord, CellRecord


@dataclass(frozen=True)
class Metric:
    """One figure per block."""

    name: str
    figure: Callable[[BlockRecord], float | None]
    more_is_better: bool
    judged: bool = True
    """False: shown, but no verdict rests on it."""
    needs_watching: bool = False
    """Says nothing in a backlog, where latency is the place in the queue."""
    per_task: bool = False
    """A cost of one task, which depends on the rate: see `comparability`."""

    only_load: str = ""
    """The only load whose blocks have it."""

    def applies(self, cell: CellRecord) -> bool:
        """Whether the figure means something in this cell."""
        if self.only_load and cell.load.get("load") != self.only_load:
            return False
        return not (self.needs_watching and cell.load.get("load") == "backlog")


def _saturation(block: BlockRecord) -> float | None:
    return None if block.saturation is None else block.saturation.rate_per_s


COMPARED = (
    Metric("saturation", _saturation, more_is_better=True, only_load="saturate"),
    Metric("throughput", lambda block: block.throughput_per_s, more_is_better=True),
    Metric(
        "latency.total.p50",
        lambda block: block.latency_s.p50,
        more_is_better=False,
        needs_watching=True,
    ),
    # The tail of one block is a handful of samples: its ratio is shown, a gate may judge it.
    Metric(
        "latency.total.p99",
        lambda block: block.latency_s.p99,
        more_is_better=False,
        judged=False,
        needs_watching=True,
    ),
    Metric(
        "worker_cpu",
        lambda block: block.worker_cpu_ms_per_task,
        more_is_better=False,
        per_task=True,
    ),
)
"""In the order of reports. CPU per task moves far less under a noisy neighbour than the rest."""
