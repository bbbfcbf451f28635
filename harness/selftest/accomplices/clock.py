"""A second clock, inside the body of `heavy_task`: knows when it really slept.

Its sleeps end at whole multiples of the step after the first one began, so that the task's
duration is known beforehand: what each sleep takes too long does not add up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from celery import current_task

from harness.probe import tasks
from harness.probe.app_variables import ROLE_VARIABLE
from harness.selftest.accomplices import log


class Clock:
    """Stands for the module `time` where `heavy_task` looks it up."""

    def __init__(self, write: Callable[..., None]) -> None:
        self._write = write
        self._began: dict[str, tuple[int, int]] = {}
        """Task under way -> when its first sleep began (ns), sleeps so far."""

    def sleep(self, duration_s: float) -> None:
        """Sleep until the planned end of this step, and write down when it was."""
        task_id: Any = current_task.request.id
        now_ns = time.monotonic_ns()
        first_ns, steps = self._began.get(task_id, (now_ns, 0))
        self._began[task_id] = first_ns, steps + 1
        until_ns = first_ns + round((steps + 1) * duration_s * 1e9)
        time.sleep(max(0, until_ns - now_ns) / 1e9)
        self._write(task=task_id, first_ns=first_ns, last_ns=time.monotonic_ns())


if os.environ.get(ROLE_VARIABLE) == "worker":
    vars(tasks)["time"] = Clock(log.opened())
