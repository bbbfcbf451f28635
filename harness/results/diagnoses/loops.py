"""What a gevent worker's loop waits for: it has no event hub, and waits for one thing at a time.

Celery's `synloop` (celery/worker/loops.py) takes a message, then does what else is to be done.
"""

from __future__ import annotations

import numpy as np

from harness.results.diagnoses.evidence import Data, Diagnosis, Evidence
from harness.units import format_duration

_HEARTBEAT_WAIT_S = (0.09, 0.13)
"""celery/worker/loops.py, `_quick_drain`: 0.1 s, and what a message itself takes."""
_DRAIN_S = (1.7, 2.4)
"""celery/worker/loops.py, `drain_events(timeout=2.0)`."""
_FEWEST = 10
"""Messages of a worker, below which a regular gap may be chance."""


def _gevent(evidence: Evidence, broker: str) -> bool:
    """Whether all workers are such, each of which may take every message."""
    same = evidence.pools == {"gevent"} and evidence.all_take_all
    return same and evidence.configuration.broker.service == broker


def _gaps_s(evidence: Evidence) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Between one message that any worker received and the next one."""
    gaps: np.ndarray[tuple[int], np.dtype[np.float64]] = np.diff(evidence.times("received")) / 1e9
    return gaps


def _gevent_heartbeat(evidence: Evidence) -> Data | None:
    """Messages that wait, and are taken at intervals of a tenth of a second."""
    queue, workers = evidence.figure("phases_s", "queue"), evidence.workers
    gaps_s = _gaps_s(evidence)
    if not _gevent(evidence, "rabbitmq") or not evidence.setting("broker_heartbeat", 120):
        return None
    if queue is None or queue.p50 is None or len(gaps_s) < _FEWEST * workers:
        return None
    each_s = float(np.median(gaps_s)) * workers
    low_s, high_s = _HEARTBEAT_WAIT_S
    if not low_s <= each_s <= high_s or queue.p50 < low_s / 2:
        return None
    return {"messages_per_s": 1 / each_s, "queue_p50_s": queue.p50}


GEVENT_HEARTBEAT = Diagnosis(
    code="gevent_heartbeat",
    looks_at="RabbitMQ, pool gevent: messages wait, and a worker takes one each tenth of a second",
    sentence="A gevent worker takes at most ten messages a second from RabbitMQ.",
    cause=(
        "With broker_heartbeat on (default 120) its loop listens 0.1 s to the connection for "
        "events after every message, so that heartbeats on it are seen (celery/worker/loops.py, "
        "synloop and _quick_drain)."
    ),
    advice=(
        "Set broker_heartbeat: 0 if a lost connection may be noticed later, or use another pool: "
        "threads has an event hub."
    ),
    find=_gevent_heartbeat,
    detail=lambda data: (
        f"{data['messages_per_s']:.1f} messages a second and worker, "
        f"median wait {format_duration(data['queue_p50_s'])}"
    ),
)


def _gevent_full_window(evidence: Evidence) -> Data | None:
    """Pauses of two seconds in which messages waited."""
    queue = evidence.figure("phases_s", "queue")
    late = evidence.may_acknowledge_late
    if not _gevent(evidence, "redis") or not late or queue is None or queue.max is None:
        return None
    gaps_s, (low_s, high_s) = _gaps_s(evidence), _DRAIN_S
    pauses = int(((gaps_s >= low_s) & (gaps_s <= high_s)).sum())
    if pauses < 2 or queue.max < low_s:
        return None
    return {"pauses": pauses, **evidence.told_window}


GEVENT_FULL_WINDOW = Diagnosis(
    code="gevent_full_window",
    looks_at="Redis, pool gevent, task_acks_late: messages wait, and several times none is taken "
    "for two seconds",
    sentence="A gevent worker stood still for two seconds whenever its prefetch window was full.",
    cause=(
        "Its loop waits in drain_events(timeout=2.0) for a message that cannot come: with a full "
        "window kombu sends no BRPOP, and an acknowledgement that makes room does not wake the "
        "loop (celery/worker/loops.py, synloop; kombu/transport/redis.py, MultiChannelPoller.get)."
    ),
    advice=(
        "Set worker_prefetch_multiplier to 2 or more, acknowledge early, or use another pool: "
        "threads has an event hub."
    ),
    find=_gevent_full_window,
    detail=lambda data: (
        f"{data['pauses']} pauses" + (f", window {data['window']}" if "window" in data else "")
    ),
)
