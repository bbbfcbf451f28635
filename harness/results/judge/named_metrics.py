"""Figures by name: what `harness history --metric` can show of a block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from harness.errors import UsageError
from harness.results.judge.metrics import COMPARED, Metric
from harness.results.record.distributions import Distribution
from harness.results.record.run import BlockRecord
from harness.results.samples.spreads import SPREADS, spread_of
from harness.scenario.files.wording import did_you_mean, listed, shown

Unit = Literal["units/s", "tasks/s", "s", "ms/task", "bytes", "$/million tasks", "per task"]

_PLAIN: Mapping[str, tuple[str, bool, Unit]] = {
    "throughput": ("throughput_per_s", True, "units/s"),
    "tasks": ("tasks_per_s", True, "tasks/s"),
    "publish_rate": ("publish_rate_per_s", True, "units/s"),
    "worker_cpu": ("worker_cpu_ms_per_task", False, "ms/task"),
    "client_cpu": ("client_cpu_ms_per_task", False, "ms/task"),
    "worker_rss": ("worker_peak_rss_bytes", False, "bytes"),
    "client_rss": ("client_peak_rss_bytes", False, "bytes"),
    "broker_cpu": ("broker_cpu_ms_per_task", False, "ms/task"),
    "backend_cpu": ("backend_cpu_ms_per_task", False, "ms/task"),
    "broker_rss": ("broker_peak_rss_bytes", False, "bytes"),
    "dollars_per_million": ("dollars_per_million_tasks", False, "$/million tasks"),
}
"""Name -> field of the block, whether more is better, unit."""
_PER_TASK: tuple[Unit, ...] = ("ms/task", "$/million tasks")
_QUANTILES = tuple(name for name in Distribution.model_fields if name != "count")
_TRAFFIC = "traffic."
METRIC_WORDS = ("saturation", *_PLAIN, f"{_TRAFFIC}NAME", *(f"{name}.QUANTILE" for name in SPREADS))
"""What `metric_named` knows; QUANTILE is one of mean, min, p50 ... max."""


def metric_named(name: str) -> Metric:
    """The figure that a name stands for, one per block. UsageError for an unknown name."""
    for known in COMPARED:
        if known.name == name:
            return known
    if name in _PLAIN:
        field, more_is_better, unit = _PLAIN[name]
        return Metric(
            name,
            lambda block: _number(block, field),
            more_is_better=more_is_better,
            per_task=unit in _PER_TASK,
        )
    if name.startswith(_TRAFFIC) and name != _TRAFFIC:
        which = name.removeprefix(_TRAFFIC)
        return Metric(
            name, lambda block: block.traffic.get(which), more_is_better=False, per_task=True
        )
    spread, _, quantile = name.rpartition(".")
    if spread in SPREADS and quantile in _QUANTILES:
        return Metric(
            name,
            lambda block: _quantile(block, spread, quantile),
            more_is_better=False,
            needs_watching=spread == "latency.total",
        )
    every = [*_PLAIN, *(f"{spread}.{quantile}" for spread in SPREADS for quantile in _QUANTILES)]
    raise UsageError(
        f"no metric {shown(name)}{did_you_mean(name, every)}; there are: {listed(METRIC_WORDS)}, "
        f"with QUANTILE one of {listed(_QUANTILES)}"
    )


def unit_of(metric: Metric) -> Unit:
    """Of its figures; latencies, phases and calls are seconds."""
    if metric.name.startswith(_TRAFFIC):
        return "per task"
    if metric.only_load:
        return "units/s"
    return _PLAIN[metric.name][2] if metric.name in _PLAIN else "s"


def _number(block: BlockRecord, field: str) -> float | None:
    value: float | None = getattr(block, field)
    return value


def _quantile(block: BlockRecord, spread: str, quantile: str) -> float | None:
    found = spread_of(block, spread)
    value: float | None = None if found is None else getattr(found, quantile)
    return value
