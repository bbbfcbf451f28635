"""The units of the workload `revoke`, and who revokes them."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import Any

from celery import Celery
from celery.result import AsyncResult

from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, OneOf, OneResult, one_of, resolved
from harness.probe.workloads.drawing import Failure
from harness.probe.workloads.messages import Options
from harness.probe.workloads.time_limit import sleep_for

_TOGETHER_S = 0.005
"""Whose time comes within that is revoked by one broadcast."""


class Revoke(OneResult):
    """One task to a unit, of which one of `every` is revoked."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self._task = resolved(sleep_for)
        self._every, self._sleep_s = spec["every"], spec["sleep"]
        self._revoker = _Revoker(spec["after"], terminate=spec["terminate"])
        self._options = Options(spec)

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        published: AsyncResult = self._task.apply_async(
            (unit, self._sleep_s),
            task_id=name(unit, 0),
            producer=producer,
            **self._options.of(unit),
        )
        if one_of(self._every, unit):
            self._revoker.revoke(name(unit, 0), self._task.app)
        return published

    def expected(self, unit: int) -> Any:
        if one_of(self._every, unit):  # whether it is over by then is chance
            return OneOf((unit, Failure("TaskRevokedError", None)))
        return unit


class _Revoker:
    """A thread that revokes tasks a while after it was told to: who publishes waits for nothing."""

    def __init__(self, after_s: float, *, terminate: bool) -> None:
        self._after_s, self._terminate = after_s, terminate
        self._waiting: deque[tuple[float, str]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def revoke(self, task_id: str, app: Celery) -> None:
        """Have it revoked; the first call starts the thread."""
        with self._changed:
            self._waiting.append((time.monotonic() + self._after_s, task_id))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, args=(app,), daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self, app: Celery) -> None:
        while True:
            ids = self._due()
            try:
                app.control.revoke(ids, terminate=self._terminate)
            except Exception as error:  # the broker is gone: they run  # noqa: BLE001
                words = f"{len(ids)} tasks could not be revoked: {type(error).__name__}"
                print(words, file=sys.stderr, flush=True)  # noqa: T201 - the process' log

    def _due(self) -> list[str]:
        """Those whose time has come; waits for the first one."""
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            first_s = self._waiting[0][0]
        time.sleep(max(0.0, first_s - time.monotonic()))
        due: list[str] = []
        with self._changed:
            until_s = max(first_s, time.monotonic()) + _TOGETHER_S
            while self._waiting and self._waiting[0][0] <= until_s:
                due.append(self._waiting.popleft()[1])
        return due
