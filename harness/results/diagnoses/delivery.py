"""Messages that are delivered twice, thrown away, or whose results are."""

from __future__ import annotations

import numpy as np

from harness.probe.recording.events import Reception
from harness.results.arrays import Numbers
from harness.results.block.by_queue import queues_of_units
from harness.results.block.ledger import Final
from harness.results.block.summary import duplicates
from harness.results.diagnoses.evidence import Data, Diagnosis, Evidence
from harness.results.events.merged import MISSING
from harness.scenario.models.queues import default_queue
from harness.scenario.vendors.registry import BROKERS
from harness.scenario.vendors.sqs import SqsBroker
from harness.units import format_duration

_BUFFERED = 8192
"""celery/backends/base.py, MESSAGE_BUFFER_MAX."""


def _visibility_s(evidence: Evidence) -> float | None:
    """How long a message may stay unacknowledged; None where the broker knows no such limit."""
    if BROKERS[evidence.configuration.broker.service].default("visibility_timeout") is None:
        return None
    return float(evidence.transport_option("visibility_timeout"))


def _eta_beyond_visibility(evidence: Evidence) -> Data | None:
    asked_s = max(one.countdown or 0.0 for one in evidence.workload.message_options)
    countdown_s = max(asked_s, _longest_hold_s(evidence))
    visibility_s = _visibility_s(evidence)
    duplicated = evidence.digest.fields["duplicated"]
    if visibility_s is None or countdown_s <= visibility_s or not duplicated:
        return None
    return {
        "countdown_s": countdown_s,
        "visibility_timeout_s": visibility_s,
        "duplicated": duplicated,
    }


def _longest_hold_s(evidence: Evidence) -> float:
    """How long a worker held a message for its ETA: a retry's, too."""
    held = evidence.clues.held.because_of(Reception.ETA, but=Reception.LIMITED)
    lengths_ns = (held.started_ns - held.received_ns)[held.started_ns != MISSING]
    return float(lengths_ns.max(initial=0)) / 1e9


def _beyond_words(wait: str, data: Data) -> str:
    return (
        f"{wait}, visibility_timeout {format_duration(data['visibility_timeout_s'])}, "
        f"{data['duplicated']} duplicate executions"
    )


ETA_BEYOND_VISIBILITY = Diagnosis(
    code="eta_beyond_visibility",
    looks_at="Redis and SQS: duplicate executions where a countdown, or a retry's, is longer than "
    "visibility_timeout",
    sentence="Tasks ran more than once, because their ETA lies beyond the visibility timeout.",
    cause=(
        "A worker receives a task at once and holds it, unacknowledged, until its ETA; after "
        "visibility_timeout the broker delivers it again (kombu/transport/redis.py, "
        "QoS.restore_visible; on SQS the service itself; kombu issue 337)."
    ),
    advice=(
        "Raise broker_transport_options.visibility_timeout above the longest countdown, or keep "
        "distant tasks elsewhere until they are due."
    ),
    find=_eta_beyond_visibility,
    detail=lambda data: _beyond_words(
        f"countdown {format_duration(data['countdown_s'])}", {**data}
    ),
)


def _late_ack_beyond_visibility(evidence: Evidence) -> Data | None:
    """Of tasks that ran again unasked, an execution that took longer: alone, without the waiting of
    a retry, and without what a fault cut short and another process did anew."""
    visibility_s, ran = _visibility_s(evidence), evidence.digest.merged.repeats
    duplicated = evidence.digest.fields["duplicated"]
    if not evidence.may_acknowledge_late or visibility_s is None or not duplicated:
        return None
    doubled = np.isin(ran.task, ran.task[ran.unasked])
    run_max_s = float(ran.length_ns[doubled].max(initial=0)) / 1e9
    if run_max_s <= visibility_s:
        return None
    return {"run_max_s": run_max_s, "visibility_timeout_s": visibility_s, "duplicated": duplicated}


LATE_ACK_BEYOND_VISIBILITY = Diagnosis(
    code="late_ack_beyond_visibility",
    looks_at="Redis and SQS, task_acks_late: duplicate executions where tasks run longer than "
    "visibility_timeout",
    sentence="Tasks ran more than once, because they take longer than the visibility timeout.",
    cause=(
        "With task_acks_late a message is acknowledged when its task is over; after "
        "visibility_timeout the broker delivers it again, while the first one still runs "
        "(kombu/transport/redis.py, QoS.restore_visible; on SQS the service itself)."
    ),
    advice="Raise broker_transport_options.visibility_timeout above the longest task.",
    find=_late_ack_beyond_visibility,
    detail=lambda data: _beyond_words(
        f"longest run {format_duration(data['run_max_s'])}", {**data}
    ),
)


def _reserved_beyond_visibility(evidence: Evidence) -> Data | None:
    """Tasks that ran twice, waited for their turn longer than the limit, and ran for less."""
    visibility_s, tasks = _visibility_s(evidence), evidence.merged.tasks
    if visibility_s is None:
        return None
    ran_ns, executions = np.zeros(len(tasks), dtype=np.int64), evidence.merged.executions()
    np.maximum.at(ran_ns, executions.task, executions.length_ns)
    reserved_ns = np.where(tasks.started_ns != MISSING, tasks.started_ns - tasks.received_ns, 0)
    reserved_ns[tasks.received_ns == MISSING] = 0
    held_ns = reserved_ns + ran_ns if evidence.may_acknowledge_late else reserved_ns
    waited = ~np.repeat(evidence.countdowns_ns > 0, tasks.per_unit)  # held until their ETA
    limit_ns = visibility_s * 1e9
    twice = duplicates(evidence.merged) > 0
    found = waited & twice & (held_ns >= limit_ns) & (ran_ns < limit_ns)
    if not found.any():
        return None
    return {
        "tasks": int(found.sum()),
        "duplicated": int(duplicates(evidence.merged)[found].sum()),
        "reserved_s": float(reserved_ns[found].max()) / 1e9,
        "run_s": float(ran_ns[found].max()) / 1e9,
        "visibility_timeout_s": visibility_s,
        **evidence.told_window,
    }


RESERVED_BEYOND_VISIBILITY = Diagnosis(
    code="reserved_beyond_visibility",
    looks_at="Redis and SQS: duplicate executions of tasks that waited in a worker longer than "
    "visibility_timeout though each run was shorter",
    sentence="Tasks ran more than once, because they waited too long in a worker before they ran.",
    cause=(
        "A worker takes concurrency x worker_prefetch_multiplier messages in advance, and none is "
        "acknowledged before its task begins (with task_acks_late: ends). What waits behind "
        "others longer than visibility_timeout is delivered again (kombu/transport/redis.py, "
        "QoS.restore_visible; on SQS the service itself), and runs again."
    ),
    advice=(
        "Set worker_prefetch_multiplier to 1 (and worker_disable_prefetch on Redis), and "
        "broker_transport_options.visibility_timeout above the longest task times "
        "(worker_prefetch_multiplier + 1)."
    ),
    find=_reserved_beyond_visibility,
    detail=lambda data: (
        f"{data['tasks']} tasks, {data['duplicated']} duplicate executions, "
        f"reserved for up to {format_duration(data['reserved_s'])} before they ran, longest run "
        f"{format_duration(data['run_s'])}, "
        f"visibility_timeout {format_duration(data['visibility_timeout_s'])}"
        + (f", window {data['window']}" if "window" in data else "")
    ),
)


def _fifo_groups_overlap(evidence: Evidence) -> Data | None:
    """Tasks of one message group that ran side by side, or not in the order of their sending."""
    groups = _message_groups(evidence)
    if groups is None or not (groups >= 0).any():
        return None
    units, ran = evidence.merged.units, evidence.merged.executions()
    row = ran.task // evidence.merged.tasks.per_unit
    whole = (ran.ended_ns != MISSING) & ran.first  # a retry comes out of turn, being asked to
    whole &= groups[row] >= 0
    group, sent_ns = groups[row][whole], units.publish_ns[row][whole]
    started_ns, finished_ns = ran.started_ns[whole], ran.ended_ns[whole]
    order = np.lexsort((started_ns, group))
    group, sent_ns = group[order], sent_ns[order]
    started_ns, finished_ns = started_ns[order], finished_ns[order]
    same = group[1:] == group[:-1]
    beside = int((same & (started_ns[1:] < finished_ns[:-1])).sum())
    before = int((same & (sent_ns[1:] < sent_ns[:-1])).sum())
    pairs = int(same.sum())
    if beside + before < max(2, _LEAST_OUT_OF_TURN * pairs):
        return None
    count = len(np.unique(groups[groups >= 0]))
    return {"overlaps": beside, "out_of_order": before, "pairs": pairs, "groups": count}


_LEAST_OUT_OF_TURN = 0.02
_MOST_GROUPS = 1 << 20


def _message_groups(evidence: Evidence) -> Numbers | None:
    """Of each unit a number that those of one message group of one FIFO queue share; -1 of units in
    other queues. Parts of a mix have groups of their own number, by names that their queue tells
    apart from no other part's. None for other brokers."""
    configuration, shape = evidence.configuration, evidence.shape
    broker = configuration.broker
    if not isinstance(broker, SqsBroker):
        return None
    asked = np.array([one.message_groups or 0 for one in evidence.workload.message_options])
    mine = asked[evidence.parts]
    unit = evidence.merged.units.unit
    named = np.where(mine > 0, unit % np.maximum(mine, 1) + 1, 0)  # 0: kombu's default group
    queues = queues_of_units(shape, evidence.merged)
    names = shape.routes.queues if queues is None else queues.names
    queue = np.zeros_like(unit) if queues is None else queues.of_units
    default = default_queue(configuration)
    fifo = [one.endswith(".fifo") or (one == default and broker.fifo) for one in names]
    found: Numbers = np.where(np.array(fifo)[queue], queue * _MOST_GROUPS + named, -1)
    return found


FIFO_GROUPS_OVERLAP = Diagnosis(
    code="fifo_groups_overlap",
    looks_at="SQS FIFO queues: tasks of one message group that ran side by side, or not in the "
    "order in which they were sent",
    sentence="Tasks of one message group did not run one after the other.",
    cause=(
        "SQS holds a group's next messages back until the ones that were delivered are deleted. "
        "Celery deletes a message when its task begins, and takes up to ten of a group in one "
        "request, which the pool runs side by side (celery/worker/request.py, "
        "Request.on_accepted; kombu/transport/SQS.py, Channel._get_bulk)."
    ),
    advice=(
        "Where the order matters, run such a queue with workers of concurrency 1, "
        "worker_prefetch_multiplier 1 and task_acks_late; where it does not, give each task a "
        "message group of its own, which also lets more run at once."
    ),
    find=_fifo_groups_overlap,
    detail=lambda data: (
        f"{data['groups']} message group{'s' if data['groups'] > 1 else ''}: of {data['pairs']} "
        f"pairs of neighbours {data['overlaps']} overlapped and {data['out_of_order']} changed "
        "places"
    ),
)


def _expired_tasks(evidence: Evidence) -> Data | None:
    """Failed units none of whose tasks was ever started, though they were published."""
    asked = [one.expires for one in evidence.workload.message_options if one.expires is not None]
    if not asked:
        return None
    expires_s = min(asked)
    merged, ledger = evidence.digest.merged, evidence.digest.ledger
    started = merged.tasks.some(merged.tasks.started_ns != MISSING)
    gone = (ledger.final == Final.FAILED) & ~started & ~merged.units.publish_failed
    units = int(gone.sum())
    return {"units": units, "expires_s": expires_s} if units else None


EXPIRED_TASKS = Diagnosis(
    code="expired_tasks",
    looks_at="workloads with expires: failed units that no worker ever started",
    sentence="Tasks expired before a worker could run them, and count as failed.",
    cause=(
        "A worker that receives a task later than its expires throws it away and stores REVOKED "
        "(celery/worker/request.py, Request.maybe_expire). RabbitMQ drops the message itself, and "
        "no result is ever stored (celery/app/base.py, send_task: expiration)."
    ),
    advice="The queue was longer than that: add workers, or give tasks more time.",
    find=_expired_tasks,
    detail=lambda data: f"{data['units']} units after {format_duration(data['expires_s'])}",
)


def _rpc_eviction(evidence: Evidence) -> Data | None:
    """Units whose results were all sent, and never came out of the client, among very many."""
    merged, ledger = evidence.digest.merged, evidence.digest.ledger
    if evidence.configuration.backend.service != "rpc" or len(merged.tasks) <= _BUFFERED:
        return None
    stored = merged.tasks.every(merged.tasks.stored_ns != MISSING)
    unseen = np.isin(ledger.final, (Final.LOST, Final.TIMED_OUT))
    units = int((stored & unseen).sum())
    return {"units": units, "tasks": len(merged.tasks)} if units else None


RPC_EVICTION = Diagnosis(
    code="rpc_eviction",
    looks_at="rpc, more than 8192 tasks: units whose results were sent and never came out",
    sentence="Results that had been sent were thrown away by the client that waited for them.",
    cause=(
        "On rpc, results that arrive before somebody has asked for them are buffered, and of "
        "more than 8192 the oldest are dropped without a word (celery/backends/base.py, "
        "MESSAGE_BUFFER_MAX)."
    ),
    advice=(
        "Register results before you wait for any of them (result.then), as this harness' own "
        "clients do, or use another backend for that many."
    ),
    find=_rpc_eviction,
    detail=lambda data: f"{data['units']} units of a block of {data['tasks']} tasks",
)
