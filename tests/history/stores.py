"""Made-up stores: one run a night, whose level and circumstances are given."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness.results.history.runs import History, Question, history
from harness.results.judge.metrics import metric_named
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.store.catalog import scan
from harness.results.store.run_folders import RunFolder
from harness.runner.order import interleaved
from tests.report.made.records import ENVIRONMENT, block, cell, run, spread_around

FIRST_NIGHT = datetime(2026, 1, 1, 3, tzinfo=UTC)
PLAIN = "redis/add/closed-8"
BASE, HEAD = "redis/add/closed-8", "rabbitmq/add/closed-8"
OLD = {"celery": "5.6.3", "kombu": "5.6.2", "redis": "6.4.0"}
NEW = {"celery": "5.7.0", "kombu": "5.7.0", "redis": "8.1.0"}
SPREAD = 0.01
"""Of a night's level, in logarithms."""


def run_id(night: int, scenario: str = "nightly") -> str:
    """`20260101T030000Z-nightly-000000`."""
    return f"{_at(night):%Y%m%dT%H%M%SZ}-{scenario}-{night:06x}"


def plain_run(night: int, rate: float, **changes: Any) -> RunRecord:
    """One configuration, three blocks at about `rate` units/s: nothing to be a ratio to."""
    blocks = [_measured(number, 0, number, rate) for number in range(3)]
    return _night(night, (cell(PLAIN, *blocks),), order=(0, 0, 0), **changes)


def paired_run(
    night: int,
    ratio: float,
    *,
    machine: float = 1.0,
    names: Sequence[str] = (BASE, HEAD),
    cells: Sequence[Mapping[str, Any]] = ({}, {}),
    **changes: Any,
) -> RunRecord:
    """Two cells in six mirrored pairs of blocks, the second one at `ratio` times the first.

    `machine` is how fast the machine was that night: it hits both alike.
    """
    order = interleaved([6, 6], seed=7)
    blocks: tuple[list[BlockRecord], list[BlockRecord]] = ([], [])
    for number, index in enumerate(order):
        rate = 500 * machine * (ratio if index else 1)
        blocks[index].append(_measured(number, index, len(blocks[index]), rate))
    found = tuple(
        cell(name, *part, **extra) for name, part, extra in zip(names, blocks, cells, strict=True)
    )
    scenario = {
        "name": changes.pop("name", "nightly"),
        "configurations": [name.partition("/")[0].partition("[")[0] for name in names],
        "compare": {"base": changes.pop("base", names[0].partition("/")[0])},
    }
    return _night(night, found, order=tuple(order), scenario=scenario, **changes)


def levels(count: int, step_at: int | None = None, step: float = 1.0, seed: int = 1) -> list[float]:
    """About 1, from `step_at` on about `step`."""
    noise = random.Random(seed)  # noqa: S311 - not a secret
    return [
        math.exp(noise.gauss(0, SPREAD)) * (1 if step_at is None or number < step_at else step)
        for number in range(count)
    ]


def store(folder: Path, records: Iterable[RunRecord]) -> Path:
    """A store with these runs, without samples."""
    folder.mkdir(exist_ok=True)
    for record in records:
        written = RunFolder.create(folder, record.run_id)
        written.write(record)
        written.close()
    return folder


def asked(
    folder: Path,
    records: Sequence[RunRecord],
    *,
    scenario: str = "nightly",
    metric: str = "throughput",
    reference: str | None = None,
    force: bool = False,
    last: int = 100,
) -> History:
    """The history of a new store with these runs."""
    question = Question(scenario, metric_named(metric), reference, force, last)
    return history(scan(store(folder, records)), question)


def with_packages(**versions: str) -> dict[str, Any]:
    """Changes to a run: what was installed that night."""
    packages = ENVIRONMENT.packages | versions
    return {"environment": ENVIRONMENT.model_copy(update={"packages": packages})}


def with_commit(commit: str, *, dirty: bool = False) -> dict[str, Any]:
    """Changes to a run: the project's commit that night."""
    update = {"git_commit": commit * 40, "git_dirty": dirty}
    return {"environment": ENVIRONMENT.model_copy(update=update)}


def configured(name: str, **fields: Any) -> dict[str, Any]:
    """Changes to a cell: its configuration."""
    worker = {"pool": "prefork", "concurrency": 2, "count": 1, "options": []}
    return {"config": {"name": name, "settings": {}, "worker": worker, **fields}}


def _at(night: int) -> datetime:
    return FIRST_NIGHT + timedelta(days=night)


def _night(night: int, cells: tuple[CellRecord, ...], **changes: Any) -> RunRecord:
    scenario = {"name": "nightly", "configurations": ["redis"], **changes.pop("scenario", {})}
    whole = {
        "run_id": run_id(night, scenario["name"]),
        "started_at": _at(night).isoformat(timespec="milliseconds"),
        "source": "scenarios/nightly.yaml",
        "scenario": scenario,
    }
    return run(*cells, **(whole | changes))


def _measured(number: int, index: int, repetition: int, rate: float) -> BlockRecord:
    """A block whose every figure follows from its throughput."""
    return block(
        number,
        index,
        repetition=repetition,
        throughput_per_s=rate,
        latency_s=spread_around(8 / rate, 1000),
        worker_cpu_ms_per_task=1000 / rate,
        files={},
    )
