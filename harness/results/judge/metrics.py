"""The figures of a block that are compared between cells, and over time."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import UsageError
from harness.figures.figure import STATISTICS, Unit
from harness.figures.names import (
    Asked,
    asked,
    distribution_names,
    figure_named,
    needs_one,
    plain_names,
    renamed,
)
from harness.results.record.figures import asked_of
from harness.results.record.run import BlockRecord, CellRecord
from harness.results.record.typed_work import stored_load
from harness.scenario.files.wording import did_you_mean, shown
from harness.scenario.loads.base import LoadBase


@dataclass(frozen=True)
class Metric:
    """One number per block: a plain figure, or a statistic of a distribution."""

    asked: Asked
    judged: bool = True
    """False: shown, but no verdict rests on it."""
    own: bool = False
    """A figure of the tasks' functions: see `own_figures`."""

    @property
    def name(self) -> str:
        """As users write it: `worker_cpu`, `latency.total.p50`."""
        return self.asked.name

    @property
    def unit(self) -> Unit:
        """Unit of the metric's values."""
        return self.asked.figure.unit

    @property
    def more_is_better(self) -> bool:
        """Whether a higher value is better."""
        return self.asked.figure.better == "more"

    @property
    def counted(self) -> bool:
        """Whether it is added up over the blocks of a cell: no ratio, and zero is a value."""
        return self.asked.figure.summed

    @property
    def per_task(self) -> bool:
        """Whether it is a cost of one task, which depends on the rate: see `comparability`."""
        return self.asked.figure.per_task

    @property
    def only_load(self) -> str:
        """The only load whose blocks have it; empty where all do."""
        return self.asked.figure.only_load

    def figure(self, block: BlockRecord) -> float | None:
        """The metric's value in a block; None where that has none."""
        return asked_of(block, self.asked)

    def set_by(self, load: type[LoadBase]) -> bool:
        """Whether such a load itself says what the figure is, as long as it is kept up with: units
        per second of a load at a rate, so that nobody's merit is compared."""
        return load.gives_the_rate and self.name == "throughput"

    def applies(self, cell: CellRecord) -> bool:
        """Whether the figure means something in this cell."""
        if self.only_load and cell.load.get("load") != self.only_load:
            return False
        return not (self.asked.figure.needs_watching and stored_load(cell.load).held)


def metric_named(name: str) -> Metric:
    """What a name stands for; one of older versions for the figure that it has become. UsageError
    for an unknown name."""
    found = asked(renamed(name) or name)
    figure = figure_named(name)
    if figure is not None and (which := needs_one(figure)):
        raise UsageError(f"{name} is a figure of one only: ask for {name}({which})")
    if found is None:
        several = (f"{one}.{q}" for one in distribution_names() for q in STATISTICS)
        every = [*plain_names(), *several]
        guess = did_you_mean(name, every) or "; harness list metrics names all there are"
        raise UsageError(f"no metric {shown(name)}{guess}")
    figure = found.figure
    if figure.distribution and not found.statistic:
        ways = (Asked(figure, statistic).name for statistic in ("p99", "mean"))
        raise UsageError(f"{name} is a distribution: ask for {', or for '.join(ways)}")
    return Metric(found)


def _compared(name: str, *, judged: bool = True) -> Metric:
    found = asked(name)
    assert found is not None  # noqa: S101 - a row of the table
    return Metric(found, judged)


COMPARED = (
    _compared("saturation"),
    _compared("throughput"),
    _compared("latency.total.p50"),
    # The tail of one block is a handful of samples: its ratio is shown, a gate may judge it.
    _compared("latency.total.p99", judged=False),
    _compared("worker_cpu"),
)
"""In the order of reports. CPU per task moves far less under a noisy neighbour than the rest."""
