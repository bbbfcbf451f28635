"""Hand-made runs of a matrix, whose effects are known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.results.record.run import CellRecord, RunRecord
from tests.report.made.records import RABBITMQ, VALKEY, block, cell, run, spread_around

SERVERS = {"redis": VALKEY, "rabbitmq": RABBITMQ}
SHORT = {"settings.task_acks_late": "task_acks_late", "workload.payload_bytes": "payload_bytes",
         "worker.concurrency": "concurrency"}  # fmt: skip
ACKS_LATE = {"redis": 0.97, "rabbitmq": 0.69}
"""What late acknowledgements leave of the throughput."""
LARGE = 0.90
"""What a large payload leaves of it, on either broker."""


def matrix_run(
    *,
    blocks: int = 4,
    noise: float = 0.02,
    acks_late: Mapping[str, float] = ACKS_LATE,
    names: Sequence[str] = ("redis", "rabbitmq"),
    words: Mapping[str, str] = {},
    **changes: Any,
) -> RunRecord:
    """Two brokers, acknowledgements early and late, two sizes; `noise` is the sd of a block's log.

    `words` are other names of the axes' short names.
    """
    chance = np.random.default_rng(8)
    points = list(itertools.product(names, (False, True), (64, 16384)))
    order = [
        index
        for number in range(blocks)
        for index in (range(len(points)) if number % 2 == 0 else range(len(points) - 1, -1, -1))
    ]
    cells = []
    for index, (broker, late, payload) in enumerate(points):
        rate = 500.0 if broker == names[0] else 800.0
        rate *= list(acks_late.values())[names.index(broker)] if late else 1.0
        rate *= LARGE if payload > 64 else 1.0
        made = []
        for repetition in range(blocks):
            number = [at for at, one in enumerate(order) if one == index][repetition]
            factor = math.exp(float(chance.normal(0, noise)))
            made.append(
                block(
                    number,
                    index,
                    repetition=repetition,
                    throughput_per_s=rate * factor,
                    tasks_per_s=rate * factor,
                    latency_s=spread_around(8 / (rate * factor), 1000),
                    worker_cpu_ms_per_task=1.5 * math.exp(float(chance.normal(0, noise / 2))),
                )
            )
        cells.append(_cell(broker, {"settings.task_acks_late": late,
                                    "workload.payload_bytes": payload,
                                    "worker.concurrency": 2}, made, words))  # fmt: skip
    return run(*cells, order=tuple(order), **changes)


def _cell(
    broker: str, axes: Mapping[str, Any], blocks: Sequence[Any], words: Mapping[str, str]
) -> CellRecord:
    said = ",".join(
        f"{words.get(SHORT[axis], SHORT[axis])}={str(value).lower()}"
        for axis, value in axes.items()
    )
    server = SERVERS.get(broker, VALKEY)
    return cell(
        f"{broker}[{said}]/add/closed-8",
        *blocks,
        axes=dict(axes),
        servers={"broker": server, "backend": server},
    )
