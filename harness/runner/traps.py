"""Known traps of Celery that a block walked into: named, so that a reader learns the cause.

Each looks at the cell's settings and at what was measured; the words are in `report.wording`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.results.record import RecordedWarning
from harness.scenario.canvas_models import ChordWorkload, ChunksWorkload, NestedWorkload
from harness.scenario.load_models import ClosedLoad
from harness.scenario.models import Cell
from harness.scenario.own_task_models import OwnTaskWorkload
from harness.scenario.workload_models import GroupWorkload

_FLOOR_S = 0.45
"""`group.get()` on Redis sleeps 0.5 s before it looks; less a little for what ran meanwhile."""
_PREFETCH_MULTIPLIER = 4
_SQS_POLLING_INTERVAL_S = 1.0
"""Celery's and kombu's defaults."""


_ASKING_S = 0.05
"""A result phase below this is what a result takes in any case."""


def traps(cell: Cell, figures: Mapping[str, Any]) -> Iterator[RecordedWarning]:
    """The traps of a block; `figures` are fields of its record by name."""
    yield from _group_get_floor(cell, figures)
    yield from _sqs_polling(cell, figures)
    yield from _chord_get_asks_parents(cell, figures)


def _group_get_floor(cell: Cell, figures: Mapping[str, Any]) -> Iterator[RecordedWarning]:
    """celery/backends/base.py, get_many: sleeps its interval (0.5 s) unless all are ready."""
    workload, join = cell.workload, figures["canvas_s"].get("join")
    gets = isinstance(workload, GroupWorkload | ChunksWorkload) and workload.collect == "get"
    on_redis = cell.configuration.backend.service == "redis"
    if gets and on_redis and join and join.p50 and join.p50 >= _FLOOR_S:
        yield RecordedWarning(code="group_get_floor", data={"join_p50_s": join.p50})


def _sqs_polling(cell: Cell, figures: Mapping[str, Any]) -> Iterator[RecordedWarning]:
    """kombu sleeps `polling_interval` between two polls, also after one that filled the
    prefetch window: a worker takes about one window per interval, whatever the server."""
    configuration = cell.configuration
    options = configuration.settings.get("broker_transport_options") or {}
    interval_s = options.get("polling_interval", _SQS_POLLING_INTERVAL_S)
    queue = figures["phases_s"].get("queue")
    if configuration.broker.service != "sqs" or not interval_s or not queue or not queue.p50:
        return
    multiplier = configuration.settings.get("worker_prefetch_multiplier", _PREFETCH_MULTIPLIER)
    if queue.p50 >= interval_s / 4:
        data = {"polling_interval_s": interval_s}
        known = "worker_prefetch_multiplier" in configuration.settings
        if known or not isinstance(cell.workload, OwnTaskWorkload):  # which may say it itself
            data["window"] = configuration.worker.concurrency * multiplier
        yield RecordedWarning(code="sqs_polling", data=data)


def _chord_get_asks_parents(cell: Cell, figures: Mapping[str, Any]) -> Iterator[RecordedWarning]:
    """celery/result.py, _maybe_reraise_parent_error: before it waits, and whenever it was woken,
    get() asks for every result before the last one that it does not have yet."""
    workload, result = cell.workload, figures["phases_s"].get("result")
    if not isinstance(workload, ChordWorkload | NestedWorkload) or not workload.follow_parents:
        return
    if isinstance(cell.load, ClosedLoad) and result and result.p50 and result.p50 >= _ASKING_S:
        data = {"result_p50_s": result.p50, "size": workload.size}
        yield RecordedWarning(code="chord_get_asks_parents", data=data)
