"""The CPU time of a task's function: which clock tells it depends on the pool.

A prefork child runs one task at a time, so its process' clock counts the threads that a task
starts, too. In the pools `threads` and `solo` it is the clock of the thread that runs the task.
Greenlets share a thread and take turns within a call: of them nothing is told. What a task has
other processes do is in none of these clocks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from celery import signals

from harness.probe.recording import spawned


def _nothing_is_told() -> int:
    return 0


class CpuClock:
    """The clock of the process that asks; it stands still where there is none."""

    def __init__(self) -> None:
        self.read: Callable[[], int] = _nothing_is_told
        """Nanoseconds so far."""

    def choose(self) -> None:
        """Find out the pool when there is one: the signals of Celery say so."""
        worker_pid = spawned.worker_pid()

        def process_ready(**_: Any) -> None:  # solo sends it as well, from the worker itself
            child = os.getpid() != worker_pid
            self.read = time.process_time_ns if child else time.thread_time_ns

        def worker_ready(sender: Any, **_: Any) -> None:
            if type(getattr(sender, "pool", None)).__module__ == "celery.concurrency.thread":
                self.read = time.thread_time_ns

        signals.worker_process_init.connect(process_ready, weak=False)
        signals.worker_ready.connect(worker_ready, weak=False)
