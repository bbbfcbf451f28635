"""How cells are called: `redis[concurrency=4]/group-10,payload_bytes=1024/closed-8`.

A part is its kind, its main number, and whatever differs from the default.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from harness.scenario.load_models import ClosedLoad, Load, RateLoad, SaturateLoad, ScheduleLoad
from harness.scenario.own_task_models import OwnTaskWorkload
from harness.scenario.tracking_models import TrackingWorkload
from harness.scenario.workload_models import (
    ChainWorkload,
    GroupWorkload,
    HeavyTaskWorkload,
    PeriodicWorkload,
    Workload,
)


def value_word(value: Any) -> str:
    """A value of the matrix or of a field, short and fit for a name."""
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        value = value["name"]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join("_" if character in " \t\r\n/,[]" else character for character in text)[:40]


def load_label(load: Load) -> str:
    """`closed-8`, `rate-200`, `backlog`."""
    if isinstance(load, RateLoad):
        if load.phases is None:
            return _label(load, load.load, f"{load.rate:g}", "rate")
        words = "-".join(phase.phase for phase in load.phases)
        return _label(load, load.load, words[:60], "phases")
    if isinstance(load, SaturateLoad | ScheduleLoad):
        return _label(load, load.load, None, "")
    main = str(load.in_flight) if isinstance(load, ClosedLoad) else None
    return _label(load, load.load, main, "in_flight")


def workload_label(workload: Workload) -> str:
    """`add`, `group-10`, `tracking-busy`."""
    for kind, label in _LABELS.items():
        if isinstance(workload, kind):
            return label(workload)
    main_field: str = getattr(workload, "main_field", "")
    number = str(getattr(workload, main_field)) if main_field else None
    return _label(workload, workload.workload, number, main_field)


def _heavy(workload: HeavyTaskWorkload) -> str:
    main = "text" if isinstance(workload.n, str) else str(workload.n)
    return _label(workload, workload.workload, main, "n")


def _tracking(workload: TrackingWorkload) -> str:
    if not isinstance(workload.n, str):
        return _label(workload, workload.workload, workload.wait, "wait")
    plain = workload.model_copy(update={"n": TrackingWorkload.model_fields["n"].default})
    return _label(plain, workload.workload, f"{workload.wait}-text", "wait")


def _periodic(workload: PeriodicWorkload) -> str:
    every = None if workload.every is None else f"{workload.every:g}s"
    return _label(workload, workload.workload, every, "every")


_LABELS: Mapping[type[BaseModel], Callable[[Any], str]] = {
    GroupWorkload: lambda one: _label(one, one.workload, str(one.size), "size"),
    ChainWorkload: lambda one: _label(one, one.workload, str(one.length), "length"),
    HeavyTaskWorkload: _heavy,
    TrackingWorkload: _tracking,
    PeriodicWorkload: _periodic,
    OwnTaskWorkload: lambda one: value_word(one.short_name),
}


def _label(entry: BaseModel, kind: str, main: str | None, main_field: str) -> str:
    skipped = {"workload", "load", "loads", "measure", main_field}
    words = [kind if main is None else f"{kind}-{main}"]
    for name, field in type(entry).model_fields.items():
        value = getattr(entry, name)
        if name not in skipped and value != field.default:
            words.append(f"{name}={value_word(value)}")
    return ",".join(words)
