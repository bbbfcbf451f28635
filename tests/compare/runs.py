"""Hand-made runs of two configurations whose blocks are given as throughputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from harness.results.record.run import BlockRecord, RunRecord
from harness.runner.order import interleaved
from harness.scenario.models.compare import ComparisonKind
from tests.report.made.records import block, cell, run, spread_around

BASE, HEAD = "redis/add/closed-8", "rabbitmq/add/closed-8"
CALM = (0.01, -0.01, 0.02, -0.02, 0.0, 0.015, -0.015, 0.005, -0.005, 0.01)
"""Log deviations of ten blocks on a quiet machine."""


def measured(number: int, index: int, repetition: int, rate: float, **changes: Any) -> BlockRecord:
    """A block whose every figure follows from its throughput."""
    figures: dict[str, Any] = {
        "repetition": repetition,
        "throughput_per_s": rate,
        "latency_s": spread_around(8 / rate, 1000),
        "worker_cpu_ms_per_task": 1000 / rate,
    }
    return block(number, index, **(figures | changes))


def ratio_run(
    ratio: float,
    *,
    pairs: int = 10,
    order: Sequence[int] | None = None,
    kind: ComparisonKind = "change",
    **changes: Any,
) -> RunRecord:
    """Base at 500/s and head at `ratio` times that, with a spread of about 1 %. A change against
    its base, unless the scenario is one of your own."""
    asked = {"name": "example", "question": "What does it cost?", "compare": {"kind": kind}}
    changes.setdefault("scenario", asked)
    order = interleaved([pairs, pairs], seed=7) if order is None else order
    blocks: tuple[list[BlockRecord], list[BlockRecord]] = ([], [])
    for number, index in enumerate(order):
        repetition = len(blocks[index])
        noise = CALM[(repetition + 3 * index) % len(CALM)]
        rate = 500 * (ratio if index else 1) * math.exp(noise)
        blocks[index].append(measured(number, index, repetition, rate))
    cells = (cell(BASE, *blocks[0]), cell(HEAD, *blocks[1]))
    return run(*cells, order=tuple(order), **changes)
