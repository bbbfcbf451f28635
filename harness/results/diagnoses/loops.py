"""What a worker's loop waits for, while messages wait for it.

A gevent worker has no event hub, and waits for one thing at a time: Celery's `synloop`
(celery/worker/loops.py) takes a message, then does what else is to be done. A solo worker has one,
and runs its tasks inside of it.
"""

from __future__ import annotations

import numpy as np

from harness.results.arrays import Times, level_at
from harness.results.diagnoses.evidence import Data, Diagnosis, Evidence
from harness.results.events.merged import MISSING
from harness.scenario.loads.rate import RateLoad
from harness.units import format_duration

_HEARTBEAT_WAIT_S = (0.09, 0.13)
"""celery/worker/loops.py, `_quick_drain`: 0.1 s, and what a message itself takes."""
_DRAIN_S = (1.7, 2.4)
"""celery/worker/loops.py, `drain_events(timeout=2.0)`."""
_FEWEST = 10
"""Messages of a worker, below which a regular gap may be chance."""
_PAUSE_NS = 300_000_000
"""A busy machine holds a worker up for less, or once; timers of a worker are seconds apart."""
_WAYS = 2
"""Round trips that a message or an acknowledgement is under way at most, while nobody idles: from
the client to the broker, and on to the worker."""
_FEWEST_PAUSES = 3
_LEAST_SHARE = 0.1


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


def _solo_timer(evidence: Evidence) -> Data | None:
    """Pauses in which messages waited, no worker ran a task, and none was taken."""
    rabbitmq = evidence.configuration.broker.service == "rabbitmq"
    if evidence.pools != {"solo"} or not rabbitmq or not evidence.all_take_all:
        return None
    broken = isinstance(evidence.load, RateLoad) and evidence.load.faults
    if broken or len(evidence.clues.held):
        return None  # a broker that is not there, or a window that is full of what is to wait
    if evidence.merged.foreign_tasks:  # tasks of the tasks ran meanwhile, whose times nobody knows
        return None
    pauses_ns, (begin_ns, end_ns) = _idle_pauses_ns(evidence), evidence.span_ns
    network = evidence.configuration.network
    away_ns = int(_WAYS * (network.rtt or 0.0) * 1e9) if network is not None else 0
    pauses_ns = pauses_ns[pauses_ns >= _PAUSE_NS + away_ns]
    share = float(pauses_ns.sum()) / max(end_ns - begin_ns, 1)
    if len(pauses_ns) < _FEWEST_PAUSES or share < _LEAST_SHARE:
        return None
    return {
        "pauses": len(pauses_ns),
        "pause_p50_s": float(np.median(pauses_ns)) / 1e9,
        "longest_s": float(pauses_ns.max()) / 1e9,
        "share": share,
    }


def _idle_pauses_ns(evidence: Evidence) -> Times:
    """How long, each time, messages waited in the queue while no worker ran or stored anything, had
    taken something that it was about to run, or was in a handler of a signal."""
    _, end_ns = evidence.span_ns
    tasks, units, ran = evidence.merged.tasks, evidence.merged.units, evidence.merged.executions()
    first_ns = tasks.received_ns.reshape(-1, tasks.per_unit)[:, 0]
    taken_ns, ready_ns = np.where(first_ns == MISSING, end_ns, first_ns), evidence.ready_ns
    waited = ~units.publish_failed & (taken_ns > ready_ns)
    stores = (tasks.finished_ns != MISSING) & (tasks.stored_ns > tasks.finished_ns)
    handled = evidence.clues.handled
    taken = (ran.received_ns != MISSING) & (ran.received_ns < ran.started_ns)
    begun_ns = np.where(taken, ran.received_ns, ran.started_ns)
    in_handlers_ns = handled["time_ns"] - handled["unit"].astype(np.int64) * 1000
    begins_ns = np.concatenate([begun_ns, tasks.finished_ns[stores], in_handlers_ns])
    ended_ns = np.where(ran.ended_ns == MISSING, end_ns, ran.ended_ns)
    ends_ns = np.concatenate([ended_ns, tasks.stored_ns[stores], handled["time_ns"]])
    moments = np.unique(np.concatenate([ready_ns[waited], taken_ns[waited], begins_ns, ends_ns]))
    waiting = level_at(moments, ready_ns[waited], taken_ns[waited]) > 0
    idle = waiting & (level_at(moments, begins_ns, ends_ns) == 0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], idle, [False]]).astype(np.int8)))
    pauses: Times = np.diff(np.append(moments, moments[-1:])[edges].reshape(-1, 2))[:, 0]
    return pauses


SOLO_TIMER = Diagnosis(
    code="solo_timer",
    looks_at="RabbitMQ, pool solo: several times messages wait for a third of a second or more, "
    "and no worker runs anything",
    sentence="A solo worker stood idle until its next timer while messages waited.",
    cause=(
        "A solo worker runs a task within its loop, and leaves the acknowledgement to the loop's "
        "next round. kombu's loop has taken what is to be done in a round before it begins it, and "
        "then sleeps until something comes or its next timer is due (kombu/asynchronous/hub.py, "
        "create_loop; kombu/transport/base.py, _make_reader): the worker's heartbeat, every 2 s, "
        "or what else there is. Meanwhile RabbitMQ waits for acknowledgements of a full window."
    ),
    advice=(
        "Use pool threads or prefork with concurrency 1: it runs one task at a time as well, and "
        "wakes the loop."
    ),
    find=_solo_timer,
    detail=lambda data: (
        f"{data['pauses']} pauses, median {format_duration(data['pause_p50_s'])}, the longest "
        f"{format_duration(data['longest_s'])}, {data['share']:.0%} of the time"
    ),
)
