"""Makes `add` misbehave for some units, told by their numbers."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from harness.probe import tasks
from harness.probe.app_variables import ROLE_VARIABLE
from harness.probe.recording.ids import parsed
from harness.selftest.accomplices import log

EVERY = 50
DEEDS = {1: "value", 2: "type", 3: "raise", 4: "forget"}
"""Unit modulo EVERY -> another value, another type, an exception, a result that is not stored."""


def deed_of(task_id: str) -> str | None:
    """What is planted on a task."""
    known = parsed(task_id)
    return None if known is None else DEEDS.get(known[1] % EVERY)


def misbehave(app: Any, write: Callable[..., None]) -> None:
    """Wrap `add` and the backend's `store_result`, around the recorder's own wrappers."""
    add = tasks.add.run
    backend = type(app.backend)
    store = backend.store_result

    def planted_add(x: Any, y: Any) -> Any:
        task_id = tasks.add.request.id
        deed, value = deed_of(task_id), add(x, y)
        if deed is not None:
            write(deed=deed, task=task_id)
        if deed == "raise":
            raise ValueError("planted")
        return {"value": value + 1, "type": str(value)}.get(deed or "", value)

    def planted_store(
        self: Any, task_id: str, result: Any, state: str, *args: Any, **kwargs: Any
    ) -> Any:
        if deed_of(task_id) == "forget":
            return result
        return store(self, task_id, result, state, *args, **kwargs)

    tasks.add.run = planted_add
    backend.store_result = planted_store


if os.environ.get(ROLE_VARIABLE) == "worker":
    from harness.probe.app import app

    misbehave(app, log.opened())
