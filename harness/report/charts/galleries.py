"""All charts of a run, by subject, in the order of reading."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.cells import CellView, RunView
from harness.report.charts.chart import Gallery
from harness.report.charts.dollars import dollar_charts
from harness.report.charts.latency import curves_of, distribution_charts, percentile_charts
from harness.report.charts.rates import rate_charts
from harness.report.charts.ratios import ratio_charts
from harness.report.charts.series import blocks_drawn, cell_title, series_charts
from harness.report.charts.stacks import cpu_charts, phase_charts
from harness.report.charts.throughput import throughput_charts
from harness.results.curves import Samples
from harness.results.pooled import measured_blocks
from harness.scenario.wording import listed

_NO_SAMPLES = "Raw samples are not in the folder, or not as the record says."


def galleries(view: RunView) -> tuple[Gallery, ...]:
    """Those that have a chart, or a word on why there is none. Reads the run's samples."""
    with Samples(view.folder) as samples:
        found = (
            _ratios(view),
            _throughput(view),
            _latency(view, samples),
            _phases(view),
            _rates(view),
            *_series(view, samples),
            _costs(view),
        )
    return tuple(gallery for gallery in found if gallery.charts or gallery.missing)


def _ratios(view: RunView) -> Gallery:
    return Gallery(
        "ratios",
        "Compared",
        "Blocks of the two sides ran as neighbours, so what the machine did meanwhile hit both.",
        tuple(ratio_charts(view.record)),
    )


def _throughput(view: RunView) -> Gallery:
    return Gallery(
        "throughput",
        "Throughput",
        "How many units were completed in a second. What went wrong is said beside the name.",
        tuple(throughput_charts(view.cells)),
    )


def _latency(view: RunView, samples: Samples) -> Gallery:
    percentiles, distributions = curves_of(samples, view.cells)
    without = [cell for cell in view.cells if _expected(cell) and cell.name not in percentiles]
    return Gallery(
        "latency",
        "Latency",
        "How long units took: a mean hides the tail, so all percentiles are shown.",
        (
            *percentile_charts(view.cells, percentiles),
            *distribution_charts(view.cells, distributions),
        ),
        tuple(_missing(without)),
    )


def _expected(cell: CellView) -> bool:
    return any(block.latency_s.count for block in measured_blocks(cell.record))


def _missing(cells: list[CellView]) -> Iterator[str]:
    if cells:
        names = listed(map(cell_title, cells))
        yield f"{_NO_SAMPLES} No curve of {names}."


def _phases(view: RunView) -> Gallery:
    return Gallery(
        "phases",
        "Where the time goes",
        "The phases of a unit add up to its total latency.",
        tuple(phase_charts(view.cells)),
    )


def _rates(view: RunView) -> Gallery:
    return Gallery(
        "rates",
        "Rate and latency",
        "How latency grows with the rate at which units are due.",
        tuple(rate_charts(view.cells)),
    )


def _series(view: RunView, samples: Samples) -> Iterator[Gallery]:
    """One per cell: what was even and what was not."""
    most = blocks_drawn(len(view.cells))
    for index, cell in enumerate(view.cells):
        charts = series_charts(samples, index, cell, most)
        missing = () if charts or not _expected(cell) else (_NO_SAMPLES,)
        yield Gallery(f"series-{index}", cell_title(cell), "", charts, missing, folded=True)


def _costs(view: RunView) -> Gallery:
    return Gallery(
        "costs",
        "What a task costs",
        "CPU time moves far less under a noisy neighbour than throughput does.",
        (*cpu_charts(view.cells), *dollar_charts(view.cells)),
    )
