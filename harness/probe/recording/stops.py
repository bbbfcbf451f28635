"""What Celery did not let a task do: run at all, run on, or keep its process.

The worker's main process decides, or learns of it, in three methods of its requests
(celery/worker/request.py). They are wrapped: the signal `task_revoked` does not say whether the
message had been received before, and no signal tells of a soft limit or of a lost process by name.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from billiard.exceptions import WorkerLostError
from celery.worker.request import Request

from harness.probe.recording.events import Kind, Stop, id_bytes
from harness.probe.recording.recorder import Recorder
from harness.probe.recording.side_tasks import may_be_a_units

RECEIVED = "_harness_received"
"""Attribute of a request whose message was received, and not thrown away on arrival."""


def watch(recorder: Recorder) -> None:
    """Record every `Stop` of tasks that may be a unit's."""

    def note(request: Request, why: Stop) -> None:
        if may_be_a_units(request.name):
            before = int(hasattr(request, RECEIVED))
            at_ns = time.monotonic_ns()
            recorder.record(Kind.STOPPED, id_bytes(request.id), at_ns, 0, why, before)

    def revoked(self: Request, reason: str, terminated: bool, *_: Any, **__: Any) -> None:
        if terminated:
            note(self, Stop.TERMINATED)
        else:
            note(self, Stop.EXPIRED if reason == "expired" else Stop.REVOKED)

    def over_limit(self: Request, soft: bool, *_: Any, **__: Any) -> None:
        note(self, Stop.SOFT_LIMIT if soft else Stop.HARD_LIMIT)

    def failed(self: Request, exc_info: Any, *_: Any, **__: Any) -> None:
        error = exc_info.exception
        if type(error).__name__ == "ExceptionWithTraceback":  # billiard's, around the real one
            error = error.exc
        left = isinstance(error, SystemExit) and not self._already_revoked  # billiard >= 4.3
        if left or isinstance(error, WorkerLostError):
            note(self, Stop.LOST)

    _before("_announce_revoked", revoked)
    _before("on_timeout", over_limit)
    _before("on_failure", failed)


def _before(name: str, noted: Callable[..., None]) -> None:
    """Have `noted` called with what a request's method is called with, before that."""
    method: Callable[..., Any] = getattr(Request, name)

    @functools.wraps(method)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        noted(self, *args, **kwargs)
        return method(self, *args, **kwargs)

    setattr(Request, name, called)
