"""How cells are called: `redis[concurrency=4]/group-10,payload_bytes=1024/closed-8`.

A part is its kind, its main number, and whatever differs from the default.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from harness.scenario.faulty_loads import fault_words
from harness.scenario.load_models import ClosedLoad, Load, RateLoad
from harness.scenario.message_options import MessageOptions
from harness.scenario.own_task_models import OwnTaskWorkload
from harness.scenario.tracking_models import TrackingWorkload
from harness.scenario.workload_models import (
    HeavyTaskWorkload,
    PeriodicWorkload,
    Workload,
)


def value_word(value: Any) -> str:
    """A value of the matrix or of a field, short and fit for a name."""
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        value = value["name"]
    elif isinstance(value, dict) and not any(isinstance(one, dict) for one in value.values()):
        value = "+".join(f"{key}:{value_word(one)}" for key, one in value.items())
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join("_" if character in " \t\r\n/,[]" else character for character in text)[:40]


@dataclass(frozen=True)
class _Main:
    """What stands behind the kind: `8` of `closed-8`, and the field that says it."""

    field: str = ""
    word: str | None = None


def load_label(load: Load, said: Collection[str] = ()) -> str:
    """`closed-8`, `rate-200`, `backlog`, without the fields that are `said` elsewhere."""
    main = _Main()
    if isinstance(load, RateLoad) and load.phases is not None:
        main = _Main("phases", "-".join(phase.phase for phase in load.phases)[:60])
    elif isinstance(load, RateLoad):
        main = _Main("rate", f"{load.rate:g}")
    elif isinstance(load, ClosedLoad):
        main = _Main("in_flight", str(load.in_flight))
    label = _label(load, load.load, main, said)
    broken = fault_words(load) if isinstance(load, RateLoad) else ""
    return f"{label},{broken}" if broken else label


def workload_label(workload: Workload, said: Collection[str] = ()) -> str:
    """`add`, `group-10`, `tracking-busy`, without the fields that are `said` elsewhere."""
    if isinstance(workload, OwnTaskWorkload):
        words = [value_word(workload.short_name), *workload.options.words(said)]
        return ",".join(words)
    shown: BaseModel = workload
    if isinstance(workload, TrackingWorkload) and isinstance(workload.n, str):
        shown = workload.model_copy(update={"n": TrackingWorkload.model_fields["n"].default})
    return _label(shown, workload.workload, _main_of(workload), said)


def _main_of(workload: Workload) -> _Main:
    if isinstance(workload, HeavyTaskWorkload) and not isinstance(workload, TrackingWorkload):
        return _Main("n", "text" if isinstance(workload.n, str) else str(workload.n))
    if isinstance(workload, TrackingWorkload):
        text = "-text" if isinstance(workload.n, str) else ""
        return _Main("wait", f"{workload.wait}{text}")
    if isinstance(workload, PeriodicWorkload):
        return _Main("every", None if workload.every is None else f"{workload.every:g}s")
    for field in ("size", "length"):
        if field in type(workload).model_fields:
            return _Main(field, str(getattr(workload, field)))
    return _Main()


def _label(entry: BaseModel, kind: str, main: _Main, said: Collection[str]) -> str:
    skipped = {"workload", "load", "loads", "measure", "faults", main.field, *said}
    words = [kind if main.word is None or main.field in said else f"{kind}-{main.word}"]
    for name, field in type(entry).model_fields.items():
        value = getattr(entry, name)
        if isinstance(value, MessageOptions):
            words += value.words(said)
        elif name not in skipped and value != field.default:
            words.append(f"{name}={value_word(value)}")
    return ",".join(words)
