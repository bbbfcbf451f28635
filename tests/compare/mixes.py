"""Made runs of a mix of ten tasks, measured in pairs of blocks."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.results.record.by_task import PartRecord
from harness.results.record.distributions import Distribution, Outcomes
from harness.results.record.run import BlockRecord, RunRecord
from harness.runner.order import interleaved
from tests.report.made.records import block, cell, run, spread_around

BASE, HEAD = "redis[ab=base]/mix-a+b/closed-8", "redis[ab=head]/mix-a+b/closed-8"
UNITS = 50
"""Of each task in a block."""


@dataclass(frozen=True)
class Function:
    """What a task's function is like."""

    run_s: float
    cpu_s: float
    good: int = UNITS
    """Units that ended as they were meant to."""
    dispatch_s: float = 0.002


ADD = Function(120e-6, 90e-6)
TASKS: Mapping[str, Function] = {"shop.add": ADD} | {
    f"shop.t{n}": Function(0.002 * n, 0.001 * n) for n in range(1, 10)
}
Noise = Callable[[], float]
"""Log deviation of one figure in one block."""


def own(task: str, function: Function, noise: Noise) -> PartRecord:
    def times(seconds: float) -> Distribution:
        if not function.good:
            return Distribution(count=0)
        return spread_around(seconds * math.exp(noise()), function.good)

    return PartRecord(
        task=task,
        units=UNITS,
        completed=function.good,
        run_s=times(function.run_s),
        cpu_s=times(function.cpu_s),
        dispatch_s=times(function.dispatch_s),
        outcomes=Outcomes(ok=function.good, failed=UNITS - function.good),
    )


def mixed(
    number: int, index: int, repetition: int, tasks: Mapping[str, Function], noise: Noise
) -> BlockRecord:
    """A block whose rate follows from its tasks' mean time and 2 ms around each."""
    mean_s = 0.002 + sum(one.run_s for one in tasks.values()) / len(tasks)
    figures: dict[str, Any] = {
        "repetition": repetition,
        "throughput_per_s": 8 / mean_s * math.exp(noise()),
        "tasks_per_s": 8 / mean_s,
        "latency_s": spread_around(mean_s * math.exp(noise()), 500),
        "worker_cpu_ms_per_task": 5 * math.exp(noise()),
        "by_task": tuple(own(task, one, noise) for task, one in tasks.items()),
    }
    return block(number, index, **figures)


def mixed_run(
    base: Mapping[str, Function],
    head: Mapping[str, Function],
    *,
    pairs: int = 10,
    spread: float = 0.02,
    seed: int = 1,
    order: Sequence[int] | None = None,
) -> RunRecord:
    """Both sides in mirrored pairs; every figure of a block deviates by itself."""
    random_ = random.Random(seed)  # noqa: S311 - noise

    def noise() -> float:
        return random_.gauss(0, spread)

    order = interleaved([pairs, pairs], seed=7) if order is None else order
    blocks: tuple[list[BlockRecord], list[BlockRecord]] = ([], [])
    for number, index in enumerate(order):
        tasks = head if index else base
        blocks[index].append(mixed(number, index, len(blocks[index]), tasks, noise))
    axes = ({"ab": "base"}, {"ab": "head"})
    cells = [
        cell(name, *found, axes=own_axes)
        for name, found, own_axes in zip((BASE, HEAD), blocks, axes, strict=True)
    ]
    return run(*cells, order=tuple(order))
