"""Bencher Metric Format: `{benchmark: {measure: {value, lower_value, upper_value}}}`.

https://bencher.dev/docs/reference/bencher-metric-format. `latency` is in ns and `throughput`
in operations per second, as Bencher's own measures are; the bounds are the lowest and the
highest block. The format has no room for remarks, so the ledger is measures of its own.
"""

from __future__ import annotations

import json

from harness.report.exports.rounds import exported_name, ledger_of
from harness.report.view.cells import CellView, RunView, Spread
from harness.report.words.look import Look
from harness.results.samples.pooled import measured_blocks

Metric = dict[str, float]
_PERCENTILES = ("p50", "p95", "p99")
_LEDGER = ("lost", "wrong", "failed", "timed_out", "duplicated")


def as_bmf(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """The whole file; every cell stands in it, with its ledger at least."""
    document = {exported_name(cell): _measures(cell) for cell in view.cells}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _measures(cell: CellView) -> dict[str, Metric]:
    figures = cell.figures
    measures: dict[str, Metric] = {}
    if figures.throughput_per_s is not None:
        measures["throughput"] = _bounded(figures.throughput_per_s)
    elif any(block.units for block in cell.blocks):  # not one of them was completed
        measures["throughput"] = {"value": 0.0}
    # The time in a backlog is mostly the place in the queue: not comparable with a latency.
    latency = "queue-place" if cell.backlog else "latency"
    measures |= _latency(cell, latency)
    if figures.worker_cpu_ms_per_task is not None:
        measures["worker-cpu-ms-per-task"] = _bounded(figures.worker_cpu_ms_per_task)
    ledger = ledger_of(cell)
    complete = sum(block.status == "complete" for block in cell.blocks)
    counts = {name.replace("_", "-"): ledger[name] for name in _LEDGER}
    counts["incomplete-blocks"] = cell.planned - complete
    return measures | {name: {"value": float(count)} for name, count in counts.items()}


def _latency(cell: CellView, name: str) -> dict[str, Metric]:
    means = [block.latency_s.mean for block in measured_blocks(cell.record)]
    known = [mean for mean in means if mean is not None]
    mean, pooled = cell.figures.mean_s.get("latency.total"), cell.figures.latency_s
    measures: dict[str, Metric] = {}
    if mean is not None:
        measures[name] = {"value": mean * 1e9}
        if len(known) > 1:
            measures[name] |= {"lower_value": min(known) * 1e9, "upper_value": max(known) * 1e9}
    for percentile in _PERCENTILES:
        value = None if pooled is None else getattr(pooled, percentile)
        if value is not None:
            measures[f"{name}-{percentile}"] = {"value": value * 1e9}
    return measures


def _bounded(spread: Spread) -> Metric:
    if spread.blocks < 2:
        return {"value": spread.median}
    return {
        "value": spread.median,
        "lower_value": spread.lowest,
        "upper_value": spread.highest,
    }
