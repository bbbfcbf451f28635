"""What a worker knows of a message that it has just received, for the recorder.

All of it is read from what Celery itself goes by a moment later (celery/worker/strategy.py and
request.py), so that a task's own options, the message's and the worker's are all in it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from celery import Celery

from harness.probe.recording.events import MOST_QUEUES, Kind, Limit, Reception, name_parts
from harness.probe.recording.recorder import Recorder
from harness.probe.spoken import QueueSpec

_MOST_MS = 0xFFFF_FFFF


def flags(consumer: Any, request: Any) -> int:
    """Why the message may have to wait in the worker: a Reception."""
    found = Reception.ETA if request.eta else Reception(0)
    if not consumer.disable_rate_limits and consumer.task_buckets[request.name]:
        found |= Reception.LIMITED
    if (request.delivery_info or {}).get("redelivered"):
        found |= Reception.REDELIVERED
    return int(found)


def time_limit(consumer: Any, request: Any) -> tuple[int, int]:
    """The limit that would end the task first, in ms, and which Limit it is; 0 and 0 without."""
    task, worker = request.task, consumer.controller
    hard_s, soft_s = request.time_limits or (None, None)
    hard_s = hard_s or task.time_limit or worker.time_limit
    soft_s = soft_s or task.soft_time_limit or worker.soft_time_limit
    if not hard_s and not soft_s:
        return 0, 0
    which = Limit.SOFT if soft_s and (not hard_s or soft_s <= hard_s) else Limit.HARD
    limit_s = soft_s if which is Limit.SOFT else hard_s
    return min(int(limit_s * 1000), _MOST_MS), which


class Origins:
    """Which of its queues a worker got a message from, by numbers: those of the cell spec in its
    order, from 1, and behind them any other that it meets."""

    def __init__(self, app: Celery, recorder: Recorder, told: Sequence[QueueSpec]) -> None:
        self._app = app
        self._recorder = recorder
        self._called = {one["name"]: one["called"] for one in told}
        self._numbers = {one["called"]: number for number, one in enumerate(told, 1)}
        self._met: dict[tuple[Any, ...], int] = {}

    def number(self, consumer: Any, request: Any) -> int:
        """The number of the queue that a request came from; its name is told when it is met."""
        info = request.message.delivery_info or {}
        way = (info.get("consumer_tag"), info.get("exchange"), info.get("routing_key"))
        found = self._met.get(way)
        return self._meet(consumer, way) if found is None else found

    def _meet(self, consumer: Any, way: tuple[Any, ...]) -> int:
        name = self._queue_of(consumer, *way)
        name = self._called.get(name, name)
        number = self._numbers.setdefault(name, len(self._numbers) + 1)
        if number > MOST_QUEUES:
            return 0
        if number not in self._met.values():
            for part, ident in enumerate(name_parts(name)):
                self._recorder.record(Kind.QUEUE, ident, time.monotonic_ns(), number, part)
        self._met[way] = number
        return number

    def _queue_of(self, consumer: Any, tag: Any, exchange: Any, key: Any) -> str:
        """AMQP says who consumes; other transports keep exchange and key as they were published
        with, of which the direct way without an exchange has the queue's name as its key."""
        tags = getattr(getattr(consumer, "task_consumer", None), "_active_tags", None) or {}
        for name, its in tags.items():
            if tag is not None and its == tag:
                return str(name)
        if exchange:
            for name, queue in self._app.amqp.queues.consume_from.items():
                if queue.exchange.name == exchange and _fits(queue, str(key)):
                    return str(name)
        return str(key)


def _fits(queue: Any, key: str) -> bool:
    """Whether a message with that routing key goes to a queue, by how it is bound: `*` and `#` of
    a topic stand for words."""
    keys = [queue.routing_key, *(binding.routing_key for binding in queue.bindings or ())]
    return any(fnmatchcase(key, str(one or "").replace("#", "*")) for one in keys)
