"""The workload `tracking`: how a caller learns that a task is over, and what the asking costs."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from celery import states
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import AsyncResult

from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.heavy_task import HeavyTask


@dataclass
class Looks:
    """What one caller saw of one unit while it waited."""

    count: int = 0
    """How often it asked for the state. 0 where `get()` did the waiting."""
    started_seen_ns: int | None = None
    """When it first saw STARTED, if it did."""


class Tracking(HeavyTask):
    """`heavy_task(n)`, watched as the tutorial does: `while not result.ready(): pass`."""

    def __init__(self, spec: WorkloadSpec) -> None:
        super().__init__(spec)
        self._pause_s: float | None = spec["interval"] if spec["wait"] == "interval" else None
        self._polls = spec["wait"] != "get"
        self._own = threading.local()

    def looks(self) -> Looks:
        """What this thread's last wait for a result looked at, and how often."""
        looks: Looks = self._own.looks
        return looks

    def wait(self, result: AsyncResult, timeout_s: float) -> Any:
        looks = self._own.looks = Looks()
        if not self._polls:
            return result.get(timeout=timeout_s)
        self._poll(result, looks, time.monotonic() + timeout_s)
        if result.successful():
            return result.get()
        raise result.result

    def _poll(self, result: AsyncResult, looks: Looks, deadline: float) -> None:
        """Until the state is final. One look is what `ready()` does: it reads the state."""
        while True:
            looks.count += 1
            state = result.state
            if state in states.READY_STATES:
                return
            if state == states.STARTED and looks.started_seen_ns is None:
                looks.started_seen_ns = time.monotonic_ns()
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise CeleryTimeoutError
            if self._pause_s is not None:
                time.sleep(min(self._pause_s, left_s))
