"""Hand-made runs of a matrix, whose effects are known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from harness.results.judge.whole_run import judged
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.samples.pooled import PooledCell
from tests.report.made.records import RABBITMQ, VALKEY, block, cell, run, spread_around

SERVERS = {"redis": VALKEY, "rabbitmq": RABBITMQ}
AXES = ("settings.task_acks_late", "workload.payload_bytes", "worker.concurrency")
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
    axes: Sequence[str] = AXES,
    **changes: Any,
) -> RunRecord:
    """Two brokers, acknowledgements early and late, two sizes; `noise` is the sd of a block's log.

    `axes`: acknowledgements, sizes, and one with a single value.
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
        cells.append(_cell(broker, dict(zip(axes, (late, payload, 2), strict=True)), made))
    return run(*cells, order=tuple(order), **changes)


def _cell(broker: str, axes: Mapping[str, Any], blocks: Sequence[BlockRecord]) -> CellRecord:
    said = ",".join(
        f"{axis.rpartition('.')[2]}={str(value).lower()}" for axis, value in axes.items()
    )
    server = SERVERS.get(broker, VALKEY)
    return cell(
        f"{broker}[{said}]/add/closed-8",
        *blocks,
        axes=dict(axes),
        servers={"broker": server, "backend": server},
    )


def matrix_pooled(record: RunRecord) -> dict[int, PooledCell]:
    """The samples of each cell's blocks together, as if they were there."""
    return {
        index: PooledCell(
            tuple(one.number for one in cell.blocks),
            spread_around(fmean(one.latency_s.mean or 0 for one in cell.blocks), 4000),
        )
        for index, cell in enumerate(record.cells)
    }


LONG = (
    "settings.task_acks_on_failure_or_timeout",
    "workload.message_payload_bytes",
    "worker.concurrency",
)


def long_matrix_run() -> RunRecord:
    """A matrix whose names no line has room for, with gates and a comparison that say something."""
    names = ("redis-with-persistence-and-acl", "rabbitmq-quorum-queues-of-three")
    record = matrix_run(
        blocks=6,
        names=names,
        acks_late=dict(zip(names, ACKS_LATE.values(), strict=True)),
        axes=LONG,
        scenario={
            "name": "example",
            "question": "What does it cost?",
            "compare": {"base": names[0], "margin": 0.05},
            "gates": ["lost == 0", "p99(latency.total) < 25ms", "throughput > 100"],
        },
    )
    return judged(record, Path("results/example"), None, force=False)
