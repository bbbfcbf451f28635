"""Somebody sleeps between two looks: kombu at SQS, Celery at a result backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.probe.recording.events import Kind
from harness.results.arrays import Times
from harness.results.diagnoses.clues import Unlocked
from harness.results.diagnoses.evidence import Data, Diagnosis, Evidence
from harness.results.events.merged import MISSING
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.vendors.registry import BACKENDS
from harness.scenario.workloads.canvas import CanvasWorkload
from harness.scenario.workloads.chord import ChordWorkload, NestedWorkload
from harness.scenario.workloads.group import GroupWorkload
from harness.scenario.workloads.many_calls import ChunksWorkload
from harness.scenario.workloads.tracking import TrackingWorkload
from harness.units import format_duration

_FLOOR_S = 0.2
"""`group.get()` on Redis sleeps 0.5 s before it looks again: members that were done in half of that
leave at least this; a waiter that is woken takes milliseconds."""
_LEAST_SHARE = 0.25
_PUSHING = tuple(name for name, row in BACKENDS.items() if row.delivery != "poll")
_ASKING_S = 0.05
"""A result phase below this is what a result takes in any case ..."""
_ASKING_POLLED_S = 0.6
"""... and on a backend that cannot push below this: there `get()` itself sleeps half a second."""
_LEAST_POLL_S = 0.2
"""A result that is looked for every 0.5 s is found a quarter of a second late on average."""


@dataclass(frozen=True)
class _Slept:
    """Shares of the block in which messages waited while workers had room and slept."""

    after_full: float
    """After a full prefetch window."""
    after_empty: float
    """After a poll that found nothing."""

    def is_much(self, share: float) -> bool:
        """Whether the block slept much, and a part of it that counts for this cause."""
        return self.after_full + self.after_empty >= _LEAST_SHARE and share >= _LEAST_SHARE / 2


def _slept(evidence: Evidence) -> _Slept:
    interval_ns = int(evidence.polling_interval_s * 1e9)
    merged = evidence.digest.merged
    known = merged.tasks.received_ns != MISSING
    if evidence.configuration.broker.service != "sqs" or not interval_ns or known.sum() < 2:
        return _Slept(0.0, 0.0)
    if not evidence.all_take_all:  # room in one group is none for what waits for another
        return _Slept(0.0, 0.0)
    published_ns = np.repeat(merged.units.publish_ns, merged.tasks.per_unit)[known]
    received_ns = merged.tasks.received_ns[known]
    order = np.argsort(received_ns)
    received_ns, published_ns = received_ns[order], published_ns[order]
    # What the next message waited since the one before it was received.
    slept_ns = received_ns[1:] - np.maximum(received_ns[:-1], published_ns[1:])
    idle = (slept_ns >= interval_ns // 2) & _room(evidence, received_ns[1:] - interval_ns // 4)
    full = _was_full(evidence, received_ns[:-1], interval_ns // 4)
    span_ns = max(int(received_ns[-1] - published_ns.min()), 1)
    after_full, after_empty = (slept_ns[idle & which].sum() for which in (full, ~full))
    return _Slept(float(after_full) / span_ns, float(after_empty) / span_ns)


def _was_full(
    evidence: Evidence, at_ns: Times, lately_ns: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether workers held all that they may prefetch, at these receptions. Short tasks may be
    over before the last of their window arrives: what came just before counts, too."""
    all_ns = evidence.times("received")
    received = np.searchsorted(all_ns, at_ns, side="right")
    lately = received - np.searchsorted(all_ns, at_ns - lately_ns, side="left")
    full: np.ndarray[tuple[int], np.dtype[np.bool_]] = ~_room(evidence, at_ns) | (
        lately >= evidence.windows
    )
    return full


def _sqs_polling(evidence: Evidence) -> Data | None:
    """Workers had taken a full window, and slept though it was done."""
    slept = _slept(evidence)
    if not slept.is_much(slept.after_full):
        return None
    interval_s = evidence.polling_interval_s
    told = evidence.told_window
    return {"polling_interval_s": interval_s, "slept_share": slept.after_full, **told}


def _sqs_empty_poll(evidence: Evidence) -> Data | None:
    """Workers had found the queue empty, and slept while messages came."""
    slept = _slept(evidence)
    if not slept.is_much(slept.after_empty):
        return None
    return {
        "polling_interval_s": evidence.polling_interval_s,
        "wait_time_s": float(evidence.transport_option("wait_time_seconds")),
        "slept_share": slept.after_empty,
    }


def _room(evidence: Evidence, at_ns: Times) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether workers held less than they may prefetch, at these moments."""
    received = np.searchsorted(evidence.times("received"), at_ns, side="right")
    finished = np.searchsorted(evidence.times("ended"), at_ns, side="right")
    room: np.ndarray[tuple[int], np.dtype[np.bool_]] = received - finished < evidence.windows
    return room


SQS_POLLING = Diagnosis(
    code="sqs_polling",
    looks_at="SQS: time in which messages waited while workers that had held a full window had "
    "room again and slept",
    sentence=(
        "On SQS a worker takes one prefetch window (concurrency x worker_prefetch_multiplier) and "
        "then sleeps polling_interval, whatever the server can do."
    ),
    cause=(
        "kombu takes a window that is full for a queue that is empty "
        "(kombu/transport/virtual/base.py, Transport.drain_events; default 1 s)."
    ),
    advice=(
        "Much of the queue phase is that sleep: lower broker_transport_options.polling_interval, "
        "or raise worker_prefetch_multiplier."
    ),
    find=_sqs_polling,
    detail=lambda data: (
        (f"window {data['window']}, " if "window" in data else "")
        + f"polling_interval {format_duration(data['polling_interval_s'])}"
    ),
)


SQS_EMPTY_POLL = Diagnosis(
    code="sqs_empty_poll",
    looks_at="SQS: time in which messages waited while workers slept that had not filled their "
    "window",
    sentence=(
        "On SQS a worker that finds the queue empty sleeps polling_interval, and messages that "
        "come meanwhile wait."
    ),
    cause=(
        "A poll waits wait_time_seconds for a message (default 10 s; 0 looks once); when none "
        "came, kombu pauses (kombu/transport/virtual/base.py, Transport.drain_events; default "
        "1 s)."
    ),
    advice=(
        "Lower broker_transport_options.polling_interval, or raise wait_time_seconds (20 s at "
        "most), so that fewer polls come back empty. The prefetch window has no part in it."
    ),
    find=_sqs_empty_poll,
    detail=lambda data: (
        f"wait_time_seconds {format_duration(data['wait_time_s'])}, "
        f"polling_interval {format_duration(data['polling_interval_s'])}"
    ),
)


def _group_get_floor(evidence: Evidence) -> Data | None:
    workload, join = evidence.workload, evidence.figure("canvas_s", "join")
    joined = GroupWorkload | ChunksWorkload | CanvasWorkload
    gets = isinstance(workload, joined) and workload.collect == "get"
    if isinstance(workload, CanvasWorkload) and workload.joins_groups:
        return None  # join() waits as long: it calls get() of each
    on_redis = evidence.configuration.backend.service == "redis"
    if gets and on_redis and join and join.p50 and join.p50 >= _FLOOR_S:
        return {"join_p50_s": join.p50}
    return None


GROUP_GET_FLOOR = Diagnosis(
    code="group_get_floor",
    looks_at="groups on Redis, collect: get: the median wait after the last member's end",
    sentence="group.get() waits half a second between two looks at the Redis backend.",
    cause=(
        "It sleeps its interval (default 0.5 s) before it looks again unless all members are "
        "ready (celery/backends/base.py, get_many), so most of this latency is that wait."
    ),
    advice="join() does not wait: see collect: join of the workload group.",
    find=_group_get_floor,
    detail=lambda data: f"median join {format_duration(data['join_p50_s'])}",
)


def _polled_get(evidence: Evidence) -> Data | None:
    result = evidence.figure("phases_s", "result")
    polled = evidence.configuration.backend.service not in _PUSHING
    workload = evidence.workload
    if isinstance(workload, TrackingWorkload) and workload.wait != "get":
        return None  # it sleeps its own interval, or not at all
    if not isinstance(evidence.load, ClosedLoad) or not polled or not result or not result.p50:
        return None
    return {"result_p50_s": result.p50} if result.p50 >= _LEAST_POLL_S else None


POLLED_GET = Diagnosis(
    code="polled_get",
    looks_at="get() on backends that do not push: the median time from a task's end to its result",
    sentence="get() looks at this backend every half second only.",
    cause=(
        "The backend cannot push results, so get() polls, with interval=0.5 unless the caller "
        "says otherwise (celery/backends/base.py, wait_for)."
    ),
    advice=(
        "Much of the result phase is that sleep, not the backend: call get(interval=...) in your "
        "code, or use a backend that pushes (redis, rpc)."
    ),
    find=_polled_get,
    detail=lambda data: f"median result phase {format_duration(data['result_p50_s'])}",
)


def _endless_chord(evidence: Evidence) -> Data | None:
    """Chords that were looked at again and again, though nothing of their headers is under way."""
    stuck = [one for one in evidence.clues.unlocked if _is_endless(evidence, one)]
    if not stuck:
        return None
    unstored = sum(
        Kind.FINISHED in events and Kind.STORED not in events
        for one in stuck
        for events in _events_of(evidence, one)
    )
    return {
        "chords": len(stuck),
        "looks": sum(len(one.looks_ns) for one in stuck),
        "for_s": max(one.looks_ns[-1] - one.looks_ns[0] for one in stuck) / 1e9,
        "header_unstored": unstored,
        "header_never_came": sum(
            not events for one in stuck for events in _events_of(evidence, one)
        ),
    }


def _events_of(evidence: Evidence, chord: Unlocked) -> list[Mapping[int, int]]:
    return [evidence.clues.chord_events.get(ident, {}) for ident in chord.header]


def _is_endless(evidence: Evidence, chord: Unlocked) -> bool:
    """Whether the last looks could find nothing new, and never will."""
    clues, members = evidence.clues, _events_of(evidence, chord)
    if not members or clues.chord_events.get(chord.body):
        return False  # the body was called, or failed
    if any(one and Kind.FINISHED not in one and Kind.STORED not in one for one in members):
        return False  # in a worker yet
    over_ns = chord.looks_ns[-1] - int(_STORED_WITHIN_S * 1e9)
    if any(Kind.STORED not in one and 0 < one.get(Kind.FINISHED, 0) < over_ns for one in members):
        return True
    if len(chord.looks_ns) < _FEWEST_LOOKS or all(members):
        return False
    # Steps of a chain that come before the header's task are in no message of the chord: they
    # are over if one of them may have failed, and nothing at all runs or waits in a worker.
    looks_ns = np.array(chord.looks_ns[-_FEWEST_LOOKS:])
    running = np.searchsorted(clues.began_ns, looks_ns) - np.searchsorted(clues.ended_ns, looks_ns)
    latest_ns = max((at for one in members for at in one.values()), default=MISSING)
    failed = MISSING < clues.last_raised_ns < looks_ns[0] and latest_ns < looks_ns[0]
    waits = bool((clues.held.started_ns == MISSING).any())
    return failed and not waits and bool((running <= 0).any())


_STORED_WITHIN_S = 0.5
"""A result that is not there so long after its task's end was never to be stored."""
_FEWEST_LOOKS = 2
"""Of a header some task of which never came."""

ENDLESS_CHORD = Diagnosis(
    code="endless_chord",
    looks_at="chords on backends that do not count: chord_unlock looked again and again, while "
    "nothing of the header was under way",
    sentence="Celery looks for a chord's header for ever, which can never be complete.",
    cause=(
        "On a backend that does not count, celery.chord_unlock asks for the header's results and "
        "comes again every result_chord_retry_interval (1 s), without an end, until all are there "
        "(celery/app/builtins.py, add_unlock_chord_task). A header task with ignore_result stores "
        "none, and in some versions one behind a step of a chain that failed has none either "
        "(celery issues 2725, 9674)."
    ),
    advice=(
        "Give no task of a header ignore_result, put no chain that may fail into one (or catch "
        "its errors), or use a backend that counts (redis, memcached): there a failure ends the "
        "chord."
    ),
    find=_endless_chord,
    detail=lambda data: (
        f"{data['chords']} chord{'s' if data['chords'] > 1 else ''}, {data['looks']} looks in "
        f"{format_duration(data['for_s'])}; of the headers {data['header_unstored']} tasks ran "
        f"and stored no result, {data['header_never_came']} never came"
    ),
)


def _chord_get_asks_parents(evidence: Evidence) -> Data | None:
    workload, result = evidence.workload, evidence.figure("phases_s", "result")
    if not isinstance(workload, ChordWorkload | NestedWorkload) or not workload.follow_parents:
        return None
    pushed = evidence.configuration.backend.service in _PUSHING
    least_s = _ASKING_S if pushed else _ASKING_POLLED_S
    if isinstance(evidence.load, ClosedLoad) and result and result.p50 and result.p50 >= least_s:
        return {"result_p50_s": result.p50, "size": workload.size}
    return None


CHORD_GET_ASKS_PARENTS = Diagnosis(
    code="chord_get_asks_parents",
    looks_at="chords under closed load: the median time from the body's end to its result",
    sentence=(
        "A chord's get() asks for the result of each header task, one by one, before it waits for "
        "the body and again whenever it is woken."
    ),
    cause=(
        "Much of the result phase is that: an error of a parent is to be raised early "
        "(celery/result.py, _maybe_reraise_parent_error)."
    ),
    advice="get(follow_parents=False) does not: see follow_parents of the workload.",
    find=_chord_get_asks_parents,
    detail=lambda data: (
        f"median result {format_duration(data['result_p50_s'])}, header of {data['size']}"
    ),
)
