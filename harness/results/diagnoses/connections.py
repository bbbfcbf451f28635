"""What connections to the broker are kept busy with beside the tasks' own messages."""

from __future__ import annotations

import numpy as np

from harness.probe.recording.events import Kind
from harness.results.arrays import Times
from harness.results.diagnoses.evidence import Data, Diagnosis, Evidence
from harness.results.events.merged import MISSING
from harness.units import format_duration

_POOL = 10
"""celery/app/defaults.py, broker_pool_limit: so many connections a client may open in any case."""
_LEAST_SHARE = 0.5
_LEAST_WAITS = 10
_FEWEST_EVENTS = 30
_TIMES_THE_TASKS = 2.0


def _calls_ns(evidence: Evidence) -> Times:
    """How long each publish call took."""
    units = evidence.merged.units
    lengths: Times = (units.published_ns - units.publish_ns)[units.published_ns != MISSING]
    return lengths


def _connection_per_publish(evidence: Evidence) -> Data | None:
    """About as many connections were opened as units published, for want of a pool."""
    limit = evidence.ran.settings.get("broker_pool_limit", _POOL)  # None is no pool, too
    if evidence.decides("broker_pool_limit") and limit:
        return None  # a broker that was gone for a while, or connections of the user's own
    calls_ns = _calls_ns(evidence)
    opened = len(evidence.within(evidence.clues.client_moments.get(Kind.CONNECTED, calls_ns[:0])))
    allowed = _POOL * max(len(evidence.merged.tags), 1)
    if opened <= allowed or opened < _LEAST_SHARE * len(calls_ns):
        return None
    return {
        "connections": opened,
        "units": len(calls_ns),
        "publish_call_p50_s": float(np.median(calls_ns)) / 1e9 if len(calls_ns) else 0.0,
    }


CONNECTION_PER_PUBLISH = Diagnosis(
    code="connection_per_publish",
    looks_at="clients: about as many connections to the broker were opened as units published",
    sentence="The client opened a connection to the broker for nearly every message.",
    cause=(
        "With broker_pool_limit: 0 there is no pool: each publish call connects, publishes and "
        "closes (kombu/resource.py, Resource.acquire). Where the broker is not next door that is "
        "several round trips, and TLS on top."
    ),
    advice="Leave broker_pool_limit at its default (10), or set it to the number of threads.",
    find=_connection_per_publish,
    detail=lambda data: (
        f"{data['connections']} connections for {data['units']} units, median publish call "
        f"{format_duration(data['publish_call_p50_s'])}"
    ),
)


def _pool_wait(evidence: Evidence) -> Data | None:
    """Publish calls that mostly waited for a connection out of the pool."""
    events, (begin_ns, end_ns) = evidence.clues.pool_waits, evidence.span_ns
    measured = events[(events["time_ns"] >= begin_ns) & (events["time_ns"] <= end_ns)]
    calls_s = float(_calls_ns(evidence).sum()) / 1e9
    waited_s = float(measured["unit"].sum()) / 1e6
    if len(measured) < _LEAST_WAITS or waited_s < _LEAST_SHARE * calls_s:
        return None
    opened = evidence.within(evidence.clues.client_moments.get(Kind.CONNECTED, _NO_TIMES))
    if len(opened) >= len(measured):  # it was the connecting that took so long
        return None
    return {
        "calls": len(measured),
        "share": min(waited_s / calls_s, 1.0) if calls_s else 1.0,
        "longest_s": float(measured["unit"].max()) / 1e6,
        **_told_limit(evidence),
    }


_NO_TIMES: Times = np.empty(0, dtype=np.int64)


def _told_limit(evidence: Evidence) -> Data:
    known = evidence.decides("broker_pool_limit")
    return {"limit": evidence.setting("broker_pool_limit", _POOL)} if known else {}


POOL_WAIT = Diagnosis(
    code="pool_wait",
    looks_at="clients: the share of the publish calls' time that went by before they had a "
    "connection out of the pool",
    sentence="Callers waited for each other's connections before they could publish.",
    cause=(
        "broker_pool_limit bounds how many connections a process has for publishing; a call that "
        "finds none free waits, without a limit of time (kombu/resource.py, Resource.acquire; "
        "celery issue 10174)."
    ),
    advice="Set broker_pool_limit to the number of threads or greenlets that publish at once.",
    find=_pool_wait,
    detail=lambda data: (
        f"{data['calls']} calls waited, up to {format_duration(data['longest_s'])}, "
        f"{data['share']:.0%} of all the time in publish calls"
        + (f", broker_pool_limit {data['limit']}" if "limit" in data else "")
    ),
)


def _worker_chatter(evidence: Evidence) -> Data | None:
    """Workers' own events, sent and delivered, were far more than the tasks' messages."""
    moments, (begin_ns, end_ns) = evidence.clues.moments, evidence.span_ns
    sent = len(evidence.within(moments.get(Kind.HEARTBEAT, _NO_TIMES)))
    heard = len(evidence.within(moments.get(Kind.GOSSIP, _NO_TIMES)))
    tasks = 2 * int(evidence.merged.tasks.executions.sum())
    events = sent + heard
    several = evidence.workers > 1
    if not several or events < _FEWEST_EVENTS or events < _TIMES_THE_TASKS * tasks:
        return None
    return {
        "sent": sent,
        "heard": heard,
        "task_messages": tasks,
        "events_per_s": events / max((end_ns - begin_ns) / 1e9, 1e-9),
        "workers": evidence.workers,
    }


WORKER_CHATTER = Diagnosis(
    code="worker_chatter",
    looks_at="several workers: events that workers sent and heard, against messages of tasks sent "
    "and taken",
    sentence="Most messages through the broker were workers talking about themselves.",
    cause=(
        "Each worker sends a heartbeat event every two seconds (celery/worker/heartbeat.py, "
        "Heart), and with gossip each worker receives those of all (celery/worker/consumer/"
        "gossip.py, Gossip.on_message): the number grows with the square of the workers. When "
        "one starts, mingle asks all others."
    ),
    advice=(
        "Start workers with --without-gossip --without-mingle --without-heartbeat, unless "
        "something listens to these events (a monitor such as Flower does)."
    ),
    find=_worker_chatter,
    detail=lambda data: (
        f"{data['workers']} workers sent {data['sent']} events and heard {data['heard']}, "
        f"{data['events_per_s']:.1f} messages a second; tasks took {data['task_messages']}"
    ),
)
