"""What tasks publish themselves: worker-side notes of names and of side tasks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from celery import signals
from celery._state import get_current_task

from harness.probe.recording.events import (
    MOST_TASK_NAME_BYTES,
    NO_ID,
    UNLOCK,
    Kind,
    id_bytes,
    name_parts,
    names_a_unit,
)
from harness.probe.recording.recorder import Recorder

_CALLERS = frozenset({"celery.map", "celery.starmap"})
"""Celery's own tasks that run a user's calls: a unit's messages are theirs."""
IN_PLACE = "celery.accumulate"
"""Hands on the results of a group under the id of the task that `self.replace` gave up for it."""


def is_celerys_own(name: str) -> bool:
    """Whether a task of that name is housekeeping, and part of no unit."""
    return name.startswith("celery.") and name not in _CALLERS


def may_be_a_units(name: str) -> bool:
    """Whether a task of that name may run under a unit's id: its life is recorded."""
    return name == IN_PLACE or not is_celerys_own(name)


def watch(recorder: Recorder, numbers: Mapping[str, int]) -> None:
    """What tasks publish that are no unit's: how long a block has to wait, and for whom."""

    def name_them(**_: Any) -> None:
        for name, number in numbers.items():
            for part, ident in enumerate(name_parts(name, MOST_TASK_NAME_BYTES)):
                recorder.record(Kind.TASK, ident, time.monotonic_ns(), number, part)

    def published(sender: str, headers: Mapping[str, Any], **_: Any) -> None:
        task_id = headers.get("id")  # messages of protocol 1 have none here
        ident = id_bytes(task_id) if isinstance(task_id, str) else NO_ID
        if sender == UNLOCK:
            recorder.record(Kind.UNLOCK_SENT, ident, time.monotonic_ns())
        caller = get_current_task()
        if caller is not None and caller.request.id == task_id:  # it comes again, or is replaced
            recorder.record(Kind.AGAIN, ident, _due_ns(headers), numbers.get(sender, 0))
            return
        if not (names_a_unit(ident) or is_celerys_own(sender)):
            number, later = numbers.get(sender, 0), int(headers.get("eta") is not None)
            recorder.record(Kind.SPAWNED, ident, _due_ns(headers), number, 0, later)

    signals.worker_init.connect(name_them, weak=False)
    signals.before_task_publish.connect(published, weak=False)


def _due_ns(headers: Mapping[str, Any]) -> int:
    """When a message may run: at once, or at its ETA, on the clock of the stamps."""
    now_ns, eta = time.monotonic_ns(), headers.get("eta")
    try:
        until = datetime.fromisoformat(eta) - datetime.now(timezone.utc)  # type: ignore[arg-type] # or raises
    except (TypeError, ValueError):  # none, or one without a time zone
        return now_ns
    return now_ns + max(0, round(until.total_seconds() * 1e9))
