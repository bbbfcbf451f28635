"""What a worker really runs with, as it says itself when it is ready.

Options of `celery worker` beat settings, an app's own code may beat both, and `--autoscale`
changes the pool as it goes: no file of the user's says what holds in the end. So each worker
writes it down beside its event log, in `ran-with-<pid>-<ns>.json`, before it says that it is ready.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from celery import Celery
from celery.app.defaults import NAMESPACES, flatten

from harness.probe.spoken import CelerySettings, Line

FILE_PREFIX = "ran-with-"
TASK_OPTIONS = (
    *("acks_late", "reject_on_worker_lost", "acks_on_failure_or_timeout", "acks_on_failure"),
    *("acks_on_timeout", "time_limit", "soft_time_limit", "rate_limit", "ignore_result"),
    *("track_started", "max_retries"),
)
"""Options of a task that decide how a worker handles it."""
_STEPS = ("Gossip", "Mingle", "Heart")
_WORDS = (
    *("worker_pool_start_method", "task_default_delivery_mode", "task_default_queue_type"),
    *("task_serializer", "result_serializer", "task_compression"),
    *("result_compression", "task_default_rate_limit", "worker_consumer", "worker_autoscaler"),
)
"""Settings whose text is shown: that of others might hold a secret."""
_DECIDED_BY_WORKER = {
    "worker_prefetch_multiplier": "prefetch_multiplier",
    "task_time_limit": "time_limit",
    "task_soft_time_limit": "soft_time_limit",
    "worker_max_tasks_per_child": "max_tasks_per_child",
    "worker_max_memory_per_child": "max_memory_per_child",
    "worker_send_task_events": "task_events",
    "worker_disable_rate_limits": "disable_rate_limits",
    "worker_pool_start_method": "pool_start_method",
    "worker_lost_wait": "worker_lost_wait",
}
"""Setting -> the attribute of the worker that an option of its command line may have set."""
_OF_TASKS = ("task_time_limit", "task_soft_time_limit")
"""Tasks have them from the settings, and go by these before an option."""
_SAID_ELSEWHERE = ("worker_pool", "worker_concurrency")
"""Celery writes them into neither place in the same way: see the fields of their own."""
_PLAIN = (bool, int, float, type(None))
_HIDDEN = "..."


def write(
    directory: str, app: Celery, consumer: Any, measured: Iterable[str], group: str = ""
) -> None:
    """Leave in `directory` what the worker of `consumer` runs with. `measured`: names of tasks;
    `group`: the worker's, where there are several."""
    told = described(app, consumer, measured)
    text = json.dumps(told | {"group": group} if group else told)
    path = Path(directory) / f"{FILE_PREFIX}{os.getpid()}-{time.monotonic_ns()}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def described(app: Celery, consumer: Any, measured: Iterable[str]) -> Line:
    """Plain values, None where this Celery does not tell. The fields are those of
    `results.events.ran_with.RanWith`."""
    worker = consumer.controller
    pool = getattr(consumer, "pool", None)
    least, most = _sizes(worker, pool)
    return {
        "worker": str(getattr(consumer, "hostname", "")),
        "pool": _pool_name(pool),
        "concurrency": most,
        "least_concurrency": least,
        "prefetch_count": most if _takes_no_more(app, consumer) else _prefetch_count(consumer),
        "optimization": str(getattr(worker, "optimization", None) or "default"),
        "queues": sorted(
            str(queue.alias or name) for name, queue in app.amqp.queues.consume_from.items()
        ),
        **_steps(consumer),
        "settings": _settings(app, worker),
        "tasks": _tasks(app, measured),
    }


def _prefetch_count(consumer: Any) -> int | None:
    count = getattr(consumer, "initial_prefetch_count", None)
    return count if isinstance(count, int) else None


def _takes_no_more(app: Celery, consumer: Any) -> bool:
    """`worker_disable_prefetch` (Celery 5.6, only with Redis): no more than it can run at once."""
    if not app.conf.get("worker_disable_prefetch"):
        return False
    transport = getattr(getattr(consumer, "connection", None), "transport", None)
    return getattr(transport, "driver_type", None) == "redis"


def _sizes(worker: Any, pool: Any) -> tuple[int, int]:
    """Least and most processes, threads or greenlets of the pool."""
    if getattr(worker, "autoscale", None):
        most, least = worker.max_concurrency, worker.min_concurrency
        return int(least), int(most)
    size = int(getattr(pool, "num_processes", None) or worker.concurrency)
    return size, size


def _pool_name(pool: Any) -> str:
    module = type(pool).__module__
    if not module.startswith("celery.concurrency."):
        return f"{module}:{type(pool).__name__}"
    name = module.rpartition(".")[2]
    return {"thread": "threads"}.get(name, name)


def _steps(consumer: Any) -> dict[str, bool | None]:
    """Whether gossip, mingle and heartbeats between workers are on."""
    steps = getattr(getattr(consumer, "blueprint", None), "order", None) or ()
    found = {type(step).__name__: bool(getattr(step, "enabled", True)) for step in steps}
    on = {name.lower(): found.get(name) for name in _STEPS}
    return {"gossip": on["gossip"], "mingle": on["mingle"], "heartbeat": on["heart"]}


def _settings(app: Celery, worker: Any) -> CelerySettings:
    """Those that differ from Celery's defaults, however they came about: options of the command
    line are laid above them, under the names of their settings."""
    defaults = {name: option.default for name, option in flatten(NAMESPACES)}
    held = {name: app.conf[name] for name in defaults if name in app.conf}
    for name, attribute in _DECIDED_BY_WORKER.items():
        if hasattr(worker, attribute) and not (name in _OF_TASKS and held.get(name)):
            held[name] = getattr(worker, attribute)
    return {
        name: _told(name, value)
        for name, value in held.items()
        if name in defaults and value != defaults[name] and name not in _SAID_ELSEWHERE
    }


def _told(name: str, value: Any) -> Any:
    if isinstance(value, _PLAIN) or (name in _WORDS and isinstance(value, str)):
        return value
    if isinstance(value, Mapping) and name.endswith("_transport_options"):
        return {str(key): _told("", one) for key, one in value.items()}
    return _HIDDEN


TaskOptions = dict[str, Any]
"""Options of a task: `acks_late`, `time_limit` ..."""


def _tasks(app: Celery, measured: Iterable[str]) -> dict[str, TaskOptions]:
    """Options by task and name."""
    found = {}
    for name in measured:
        task = app.tasks.get(name)
        if task is not None:
            options = {option: getattr(task, option, None) for option in TASK_OPTIONS}
            found[name] = {
                option: value if isinstance(value, (*_PLAIN, str)) else _HIDDEN
                for option, value in options.items()
            }
    return found
