"""The words of gates: metrics, functions, comparators, units."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["duration", "rate", "count", "size", "number"]
"""What a value measures. `number` is a factor: it has no unit."""


@dataclass(frozen=True)
class GateMetric:
    """A name that may stand on the left of a gate."""

    kind: Kind
    distribution: bool = False
    """Has samples: asks for a function, `p99(...)` or `mean(...)`."""


METRICS: Mapping[str, GateMetric] = {
    "throughput": GateMetric("rate"),
    "throughput.tasks": GateMetric("rate"),
    "throughput.publish": GateMetric("rate"),
    "throughput.sent": GateMetric("rate"),
    "saturation": GateMetric("rate"),
    "worker_cpu": GateMetric("duration"),
    "client_cpu": GateMetric("duration"),
    "broker_cpu": GateMetric("duration"),
    "backend_cpu": GateMetric("duration"),
    "worker_memory": GateMetric("size"),
    "broker_memory": GateMetric("size"),
    "dollars_per_million": GateMetric("number"),
    "recovery.first": GateMetric("duration"),
    "recovery.p99": GateMetric("duration"),
    **{
        name: GateMetric("count")
        for name in (
            *("units", "ok", "lost", "wrong", "failed", "timed_out", "duplicated"),
            *("unsent", "missed", "doubled"),
        )
    },
    "latency.total": GateMetric("duration", distribution=True),
    **{
        f"phase.{name}": GateMetric("duration", distribution=True)
        for name in ("schedule", "queue", "dispatch", "retry", "run", "result")
    },
    "call.publish": GateMetric("duration", distribution=True),
    "call.store": GateMetric("duration", distribution=True),
}
FUNCTIONS = ("mean", "min", "max", "p50", "p90", "p95", "p99", "p999")
COMPARATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
UNITS: Mapping[str, tuple[float, Kind]] = {
    "us": (1e-6, "duration"),
    "ms": (1e-3, "duration"),
    "s": (1.0, "duration"),
    "min": (60.0, "duration"),
    "%": (0.01, "number"),
    "B": (1.0, "size"),
    "KiB": (1024.0, "size"),
    "MiB": (1024.0**2, "size"),
    "GiB": (1024.0**3, "size"),
}
