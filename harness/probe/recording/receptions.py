"""What a worker knows of a message that it has just received, for the recorder.

All of it is read from what Celery itself goes by a moment later (celery/worker/strategy.py and
request.py), so that a task's own options, the message's and the worker's are all in it.
"""

from __future__ import annotations

from typing import Any

from harness.probe.recording.events import Limit, Reception

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
