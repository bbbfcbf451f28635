"""Messages that a worker takes and does not run: they wait for their time or for their turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.probe.recording.events import Reception
from harness.results.arrays import Times, level_at
from harness.results.block.by_group import group_of_executions
from harness.results.block.by_queue import queues_of_units
from harness.results.diagnoses.clues import Held
from harness.results.diagnoses.evidence import Data, Diagnosis, Evidence
from harness.results.events.merged import MISSING
from harness.results.events.ran_with import slots_of
from harness.scenario.models.queues import keeps_queues_of_app, queue_options
from harness.scenario.vendors.rabbitmq import RabbitmqQueue
from harness.units import format_bytes, format_duration

_LEAST_SHARE = 0.1
_LEAST_S = 0.3
_FELT_S = 0.1
"""A unit that waited longer than this waited because of it."""
_MANY = 500
"""Messages that one worker holds, below which their memory is no matter."""
_LEAST_GROWN_BYTES = 4 * 2**20


@dataclass(frozen=True)
class _Blocked:
    """Time in which messages waited for a worker that had a free slot, and a full window."""

    seconds: float
    share: float
    units: int
    longest_s: float

    @property
    def data(self) -> Data:
        return {
            "blocked_s": self.seconds,
            "share": self.share,
            "waiting_units": self.units,
            "longest_wait_s": self.longest_s,
        }


@dataclass(frozen=True)
class _Room:
    """Workers that share what they take: all of a block, or those of a group with queues of its
    own."""

    held: Held
    """What they held."""
    units: npt.NDArray[np.bool_]
    """The units that they may run."""
    places: int
    """Messages that they take at once; 0 without limit."""
    slots: int
    began_ns: Times
    ended_ns: Times
    """When executions began and ended there."""


def _rooms(evidence: Evidence, held: Held) -> Iterator[_Room]:
    merged, clues = evidence.merged, evidence.clues
    queues = queues_of_units(evidence.shape, merged)
    if queues is None or evidence.all_take_all or not merged.groups:
        every = np.ones(len(evidence.parts), dtype=np.bool_)
        spans = (clues.began_ns, clues.ended_ns)
        yield _Room(held, every, evidence.windows, evidence.slots, *spans)
        return
    _, end_ns = evidence.span_ns
    ran = merged.executions()
    of_ran = group_of_executions(ran, merged)
    takers = [clues.groups.get(worker, "") for worker in held.worker.tolist()]
    ended_ns = np.where(ran.ended_ns == MISSING, end_ns, ran.ended_ns)
    for name, one in evidence.groups.items():
        place = merged.groups.index(name) + 1 if name in merged.groups else 0
        mine = [queue for queue in queues.names if name in evidence.shape.routes.consumers(queue)]
        units = np.isin(queues.of_units, [queues.names.index(queue) for queue in mine])
        spans = (ran.started_ns[of_ran == place], ended_ns[of_ran == place])
        there = held.only(np.array([taker == name for taker in takers], dtype=np.bool_))
        places = (one.prefetch_count or 0) * one.count
        yield _Room(there, units, places, slots_of({name: one}), *spans)


def _blocked(
    evidence: Evidence, held: Held, concerned: npt.NDArray[np.bool_], ready_ns: Times
) -> _Blocked | None:
    """What the units concerned waited, since they were ready, for workers whose windows the held
    messages filled; of several groups of workers where it was longest."""
    rooms = _rooms(evidence, held)
    found = [_blocked_in(room, evidence, concerned & room.units, ready_ns) for room in rooms]
    there = [one for one in found if one is not None]
    return max(there, key=lambda one: one.seconds, default=None)


def _blocked_in(
    room: _Room, evidence: Evidence, concerned: npt.NDArray[np.bool_], ready_ns: Times
) -> _Blocked | None:
    _, end_ns = evidence.span_ns
    tasks, published = evidence.merged.tasks, ~evidence.merged.units.publish_failed
    first_ns = tasks.received_ns.reshape(-1, tasks.per_unit)[:, 0]
    taken_ns = np.where(first_ns == MISSING, end_ns, first_ns)
    concerned = concerned & published & (taken_ns > ready_ns)
    if not concerned.any() or not len(room.held) or room.places <= 0:
        return None
    ready_ns, taken_ns = ready_ns[concerned], taken_ns[concerned]
    received_ns = room.held.received_ns
    gone_ns = np.where(room.held.started_ns == MISSING, end_ns, room.held.started_ns)
    began_ns, ended_ns = room.began_ns, room.ended_ns
    moments = np.unique(
        np.concatenate([ready_ns, taken_ns, received_ns, gone_ns, began_ns, ended_ns])
    )
    running = level_at(moments, began_ns, ended_ns)
    holding = level_at(moments, received_ns, gone_ns)
    full = (holding > 0) & (holding + running >= room.places)
    waiting = level_at(moments, ready_ns, taken_ns) > 0
    blocked = waiting & (running < room.slots) & _until_asked(evidence, moments, full)
    lengths_ns = np.diff(moments) * blocked[:-1]
    until_ns = np.concatenate([[0], np.cumsum(lengths_ns)])
    waited_ns = (
        until_ns[np.searchsorted(moments, taken_ns)] - until_ns[np.searchsorted(moments, ready_ns)]
    )
    begin_ns, _ = evidence.span_ns
    seconds = float(lengths_ns.sum()) / 1e9
    found = _Blocked(
        seconds=seconds,
        share=seconds * 1e9 / max(end_ns - begin_ns, 1),
        units=int((waited_ns >= _FELT_S * 1e9).sum()),
        longest_s=float(waited_ns.max()) / 1e9,
    )
    enough = found.seconds >= _LEAST_S and found.share >= _LEAST_SHARE
    return found if enough and found.units else None


def _until_asked(
    evidence: Evidence, moments: Times, full: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """When nothing is taken because the window is or was full: on SQS a worker that finds it full
    asks again only after polling_interval."""
    if evidence.configuration.broker.service != "sqs":
        return full
    place = np.arange(len(moments))
    last_full = np.maximum.accumulate(np.where(full, place, -1))
    ended_ns = moments[np.minimum(last_full + 1, len(moments) - 1)]
    received_ns = evidence.times("received")
    none_since = np.searchsorted(received_ns, ended_ns, side="right") == np.searchsorted(
        received_ns, moments, side="right"
    )
    pause_ns = evidence.polling_interval_s * 1e9
    asleep: npt.NDArray[np.bool_] = (last_full >= 0) & none_since & (moments < ended_ns + pause_ns)
    return full | asleep


def _blocked_words(data: Data) -> str:
    return (
        f"{data['waiting_units']} units waited up to {format_duration(data['longest_wait_s'])} "
        "beside free slots"
        + (f", window {data['window']}" if "window" in data else "")
        + f", {data['share']:.0%} of the time"
    )


def _rate_limit_starves(evidence: Evidence) -> Data | None:
    """Units without a limit waited while the window was full of such with one."""
    limited = evidence.clues.held.because_of(Reception.LIMITED, but=Reception(0))
    if not len(limited):
        return None
    parts, rows = evidence.parts, evidence.rows(*limited.halves())
    theirs = np.unique(parts[rows[rows >= 0]])
    found = _blocked(evidence, limited, ~np.isin(parts, theirs), evidence.ready_ns)
    if found is None:
        return None
    labels = [evidence.label(part) for part in theirs.tolist()]
    return {"limited": labels, **found.data, **evidence.told_window}


RATE_LIMIT_STARVES = Diagnosis(
    code="rate_limit_starves",
    looks_at="tasks with a rate_limit that a worker holds: time in which others waited in the "
    "queue beside free slots",
    sentence="Tasks waited in the queue because tasks with a rate limit filled the worker.",
    cause=(
        "A worker takes a rate-limited task like any other, and keeps it, unacknowledged, until "
        "its turn; each takes a place of the prefetch window (concurrency x "
        "worker_prefetch_multiplier), and nothing else is taken while it is full "
        "(celery/worker/consumer/consumer.py, Consumer._limit_task)."
    ),
    advice=(
        "Give rate-limited tasks a queue and a worker of their own (task_routes), or limit how "
        "fast they are published."
    ),
    find=_rate_limit_starves,
    detail=lambda data: (
        f"{', '.join(data['limited']) or 'tasks that tasks published'}: {_blocked_words({**data})}"
    ),
)


def _eta_fills_window(evidence: Evidence) -> Data | None:
    """Units waited while the window was full of messages that waited for their ETA. Where such
    units alone came, none of which was due before it was taken, whatever else comes would wait."""
    held = _of_measured(evidence, Reception.ETA, but=Reception.LIMITED)
    limit, static = evidence.setting("worker_eta_task_limit", None), _is_static(evidence)
    if not len(held) or not (limit or static):
        return None
    everyone = np.ones(len(evidence.parts), dtype=np.bool_)
    found = _blocked(evidence, held, everyone, evidence.ready_ns)
    none_due = found is None
    if none_due and static:
        found = _blocked(evidence, held, everyone, evidence.offered_ns)
    if found is None or (limit and not static and _peak(evidence, held) < limit):
        return None
    limits = {} if limit is None else {"eta_task_limit": limit}
    own = {"none_due": True} if none_due else {}
    return {"held": len(held), **found.data, **evidence.told_window, **limits, **own}


def _of_measured(evidence: Evidence, why: Reception, but: Reception) -> Held:
    """What was held for a reason, without what the warm-up was done with."""
    held = evidence.clues.held.because_of(why, but)
    begin_ns, _ = evidence.span_ns
    return held.only((held.started_ns == MISSING) | (held.started_ns >= begin_ns))


def _is_static(evidence: Evidence) -> bool:
    """Whether the window may be one that cannot grow: that of a quorum queue."""
    if evidence.configuration.broker.service != "rabbitmq":
        return False
    if keeps_queues_of_app(evidence.configuration):
        return True
    said = queue_options(evidence.configuration).values()
    if any(isinstance(one, RabbitmqQueue) and one.type == "quorum" for one in said):
        return True
    settings = ("task_default_queue_type", "task_create_missing_queue_type")
    kinds = [evidence.setting(name, "classic") for name in settings]
    return "quorum" in kinds or not evidence.decides("task_default_queue_type")


ETA_FILLS_WINDOW = Diagnosis(
    code="eta_fills_window",
    looks_at="RabbitMQ's quorum queues, or worker_eta_task_limit: time in which tasks waited in "
    "the queue beside free slots, while workers held messages with an ETA",
    sentence="Tasks waited in the queue because tasks with an ETA filled the worker.",
    cause=(
        "A worker takes a message with an ETA (countdown, retry) and keeps it, unacknowledged, "
        "until then. For each it raises its prefetch window by one, but not on quorum queues, "
        "which know no global QoS (celery/worker/consumer/tasks.py, Tasks.qos_global), and not "
        "beyond worker_eta_task_limit."
    ),
    advice=(
        "On quorum queues set task_default_exchange_type: topic: then Celery delays messages in "
        "the broker (native delayed delivery), which it does not with a direct exchange. "
        "Elsewhere raise worker_eta_task_limit, or give such tasks a queue and worker of their own."
    ),
    find=_eta_fills_window,
    detail=lambda data: (
        f"{data['held']} messages with an ETA were held: {_blocked_words({**data})}"
        + (
            f", worker_eta_task_limit {data['eta_task_limit']}"
            if data.get("eta_task_limit")
            else ""
        )
        + ("; none of them was due yet" if data.get("none_due") else "")
    ),
)


def _peak(evidence: Evidence, held: Held) -> int:
    """How many of them were held at once, at most."""
    _, end_ns = evidence.span_ns
    gone_ns = np.where(held.started_ns == MISSING, end_ns, held.started_ns)
    return int(level_at(held.received_ns, held.received_ns, gone_ns).max(initial=0))


def _eta_hoard(evidence: Evidence) -> Data | None:
    """One worker held very many messages with an ETA, and grew meanwhile."""
    held = _of_measured(evidence, Reception.ETA, but=Reception(0))
    grown = evidence.worker_grown_bytes
    if not len(held) or grown is None or grown < _LEAST_GROWN_BYTES:
        return None
    workers = np.unique(held.worker)
    peaks = [_peak(evidence, held.only(held.worker == worker)) for worker in workers]
    if max(peaks) < max(_MANY, 10 * evidence.window):
        return None
    return {
        "held": max(peaks),
        "all": len(held),
        "workers": evidence.workers,
        "grown_bytes": grown,
        "bytes_each": grown / sum(peaks),
        **evidence.told_window,
    }


ETA_HOARD = Diagnosis(
    code="eta_hoard",
    looks_at="messages with an ETA: how many one worker held at once, and by how much the memory "
    "of the workers grew",
    sentence="A worker filled its memory with tasks that waited for their ETA.",
    cause=(
        "A worker takes every message with an ETA as soon as it comes and raises its prefetch "
        "window by one for each, without an end unless worker_eta_task_limit sets one "
        "(celery/worker/strategy.py, increment_eventually; celery/worker/consumer/tasks.py). "
        "Whoever is first takes them all, and when it dies all are delivered again."
    ),
    advice=(
        "Set worker_eta_task_limit to what a worker may hold; better, keep distant tasks in a "
        "database until they are due, or use quorum queues with a topic exchange (native delayed "
        "delivery)."
    ),
    find=_eta_hoard,
    detail=lambda data: (
        f"{data['held']} messages at once of {data['all']} in one of {data['workers']} workers, "
        f"memory grew by {format_bytes(data['grown_bytes'])}, "
        f"{format_bytes(data['bytes_each'])} each"
        + (f", window {data['window']}" if "window" in data else "")
    ),
)
