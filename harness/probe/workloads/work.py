"""The workload `work`: a task that computes, sleeps, holds memory, and carries payloads both ways.

Its CPU time is calibrated by the clock of the thread that runs it: it computes until that clock has
moved by what was asked for, on whatever machine and beside whatever neighbours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from celery import shared_task
from celery.result import AsyncResult

from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.amounts import drawn
from harness.probe.workloads.base import Name, OneResult, resolved
from harness.probe.workloads.drawing import ROUND, Draw
from harness.probe.workloads.messages import Options

_PAGE = 4096
_BATCH = 64
"""Multiplications between two looks at the clock: some microseconds, ten times what a look takes,
so that the time is spent in Python, as a user's is, and not in the kernel."""
_MOST_US = 7 * 86_400 * 1_000_000
_MOST_BYTES = 64 * 1024 * 1024
_MOST_MEMORY = 1 << 40


@shared_task
def work(
    unit: int,
    cpu_us: int = 0,
    sleep_us: int = 0,
    payload: str = "",
    result_bytes: int = 0,
    memory: int = 0,
) -> int | str:
    """Hold `memory` bytes, use `cpu_us` microseconds of CPU time, of which the memory's are a part,
    sleep for `sleep_us`; the answer is that of the unit."""
    until_ns = time.thread_time_ns() + cpu_us * 1000
    held = touched(memory)
    burn(until_ns)
    if sleep_us:
        time.sleep(sleep_us / 1e6)
    del held
    return answer_of(unit, len(payload), result_bytes)


def burn(until_ns: int, clock: Callable[[], int] = time.thread_time_ns) -> None:
    """Compute until the CPU clock of this thread says so."""
    number = 1
    while clock() < until_ns:
        for _ in range(_BATCH):
            number = number * 6364136223846793005 + 1 & 0xFFFF_FFFF_FFFF_FFFF


def touched(size: int) -> bytearray:
    """So many bytes of memory, each page of which is in use: one that nobody wrote to is not."""
    held = bytearray(size)
    held[::_PAGE] = b"\x01" * -(-size // _PAGE)
    return held


def answer_of(unit: int, received: int, size: int) -> int | str:
    """What the task gives back: the unit's number; or, if a size is asked for, a text of so many
    characters made of it and of the number of characters that the task has received. Never less
    than both numbers take."""
    return _filled(f"{unit}:{received}.", size) if size else unit


def _filled(own: str, size: int) -> str:
    """A text of `size` characters that consists of repetitions of `own`; one at least."""
    return (own * -(-size // len(own)))[: max(size, len(own))]


class Work(OneResult):
    """`work(unit, ...)`, each of its amounts fixed or drawn for the unit."""

    round_units = ROUND

    def __init__(self, spec: WorkloadSpec) -> None:
        self._task = resolved(work)
        self._seed: int = spec["seed"]
        self._cpu_us = drawn(spec["cpu"], 0, 1e6, _MOST_US)
        self._sleep_us = drawn(spec["sleep"], 1, 1e6, _MOST_US)
        self._payload_bytes = drawn(spec["payload_bytes"], 2, 1, _MOST_BYTES)
        self._result_bytes = drawn(spec["result_bytes"], 3, 1, _MOST_BYTES)
        self._memory = drawn(spec["memory"], 4, 1, _MOST_MEMORY)
        self._options = Options(spec)

    def arguments(self, unit: int) -> tuple[int, int, int, str, int, int]:
        """What the unit's task is called with."""
        draw = Draw(self._seed, unit)
        return (
            unit,
            self._cpu_us(draw),
            self._sleep_us(draw),
            self._payload(unit, draw),
            self._result_bytes(draw),
            self._memory(draw),
        )

    def _payload(self, unit: int, draw: Draw) -> str:
        size = self._payload_bytes(draw)
        return _filled(f"{unit}.", size)[:size] if size else ""

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        arguments, options = self.arguments(unit), self._options.of(unit)
        return self._task.apply_async(
            arguments, task_id=name(unit, 0), producer=producer, **options
        )

    def expected(self, unit: int) -> int | str:
        draw = Draw(self._seed, unit)
        return answer_of(unit, self._payload_bytes(draw), self._result_bytes(draw))
