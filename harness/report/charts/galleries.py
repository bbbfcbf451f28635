"""All charts of a run, by subject, in the order of reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.report.charts.chart import Chart, Gallery
from harness.report.charts.dollars import dollar_charts
from harness.report.charts.gate_lines import GateLines
from harness.report.charts.gated import gated_charts
from harness.report.charts.latency import (
    curves_of,
    distribution_charts,
    divided_charts,
    percentile_charts,
)
from harness.report.charts.rates import rate_charts
from harness.report.charts.ratios import ratio_charts
from harness.report.charts.series import blocks_drawn, cell_title, series_charts
from harness.report.charts.stacks import cpu_charts, phase_charts
from harness.report.charts.throughput import throughput_charts
from harness.report.view.cells import CellView, RunView
from harness.results.samples.curves import Samples
from harness.results.samples.pooled import measured_blocks
from harness.scenario.files.wording import listed

_NO_SAMPLES = "Raw samples are not in the folder, or not as the record says."
_SUBJECTS = {
    "ratios": (
        "Compared",
        "Blocks of the two sides ran as neighbours, so what the machine did meanwhile hit both.",
    ),
    "throughput": (
        "Throughput",
        "How many units were completed in a second. What went wrong is said beside the name.",
    ),
    "latency": (
        "Latency",
        "How long units took: a mean hides the tail, so all percentiles are shown.",
    ),
    "phases": ("Where the time goes", "The phases of a unit add up to its total latency."),
    "rates": (
        "Rate and latency",
        "How latency grows with the rate at which units are due.",
    ),
    "costs": (
        "What a task costs",
        "CPU time moves far less under a noisy neighbour than throughput does.",
    ),
    "gated": (
        "Limits",
        "Figures that a gate judges and no other chart shows, with the gate's limit.",
    ),
}
"""Of each gallery its title and what to know before one looks."""


def galleries(view: RunView) -> tuple[Gallery, ...]:
    """Galleries of a run that have a chart, or a word on why there is none. Reads the run's
    samples."""
    gates = GateLines(view.record.gates)
    with Samples(view.folder) as samples:
        found = (
            _gallery("ratios", ratio_charts(view)),
            _gallery("throughput", throughput_charts(view.cells, gates)),
            _latency(view, samples, gates),
            _gallery("phases", phase_charts(view.cells)),
            _gallery("rates", rate_charts(view.cells, gates)),
            *_series(view, samples, gates),
            _gallery("costs", (*cpu_charts(view.cells, gates), *dollar_charts(view.cells, gates))),
            _gallery("gated", gated_charts(view.cells, gates)),
        )
    return tuple(gallery for gallery in found if gallery.charts or gallery.missing)


def _gallery(key: str, charts: Iterable[Chart], missing: Iterable[str] = ()) -> Gallery:
    title, lead = _SUBJECTS[key]
    return Gallery(key, title, lead, tuple(charts), tuple(missing))


def _latency(view: RunView, samples: Samples, gates: GateLines) -> Gallery:
    percentiles, distributions = curves_of(samples, view.cells)
    without = [cell for cell in view.cells if _expected(cell) and cell.name not in percentiles]
    charts = (
        *percentile_charts(view.cells, percentiles, gates),
        *distribution_charts(view.cells, distributions, gates),
        *divided_charts(view.cells),
    )
    return _gallery("latency", charts, _missing(without))


def _expected(cell: CellView) -> bool:
    return any(block.latency_s.count for block in measured_blocks(cell.record))


def _missing(cells: list[CellView]) -> Iterator[str]:
    if cells:
        names = listed(map(cell_title, cells))
        yield f"{_NO_SAMPLES} No curve of {names}."


def _series(view: RunView, samples: Samples, gates: GateLines) -> Iterator[Gallery]:
    """One per cell: what was even and what was not."""
    most = blocks_drawn(len(view.cells))
    for index, cell in enumerate(view.cells):
        charts = series_charts(samples, index, cell, most, gates)
        missing = () if charts or not _expected(cell) else (_NO_SAMPLES,)
        yield Gallery(f"series-{index}", cell_title(cell), "", charts, missing, folded=True)
