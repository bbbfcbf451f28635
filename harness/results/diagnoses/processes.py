"""What becomes of a pool's processes, and limits that are to end what runs in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.probe.recording.events import Limit, limits_in
from harness.results.diagnoses.evidence import Data, Diagnosis, Evidence
from harness.units import format_duration

_LEAST_LATE_S = 0.1
_LEAST_LATE_SHARE = 0.1
"""By how much a run has to exceed its limit: nobody is stopped at once."""
_FEWEST_REPLACED = 3
_LEAST_SHARE = 0.25
_PUT_BACK = 5
"""Times that a message came back: fewer may be meant, to let another worker try."""
_POISONED = 3
"""Processes that such tasks took along: fewer may be chance."""


def _poison_task(evidence: Evidence) -> Data | None:
    """Tasks that came back after they had taken a pool process along, and took another one; and
    such as were put back by what they raised, several times."""
    cut = Counter(child.cut for child in evidence.clues.children if child.cut)
    poison = {ident: times for ident, times in cut.items() if times > 1}
    if sum(poison.values()) < _POISONED:
        poison = {}
    put_back = _put_back(evidence)
    if not poison and not put_back:
        return None
    parts = [evidence.parts[place // evidence.merged.tasks.per_unit] for place in put_back]
    names = {_name(evidence, ident) for ident in poison} | {*map(evidence.label, parts)}
    if len(names) > 1:  # a message of the warm-up has no name here, and is one of those that have
        names.discard("")
    return {
        "tasks": sorted(names),
        "messages": len(poison) + len(put_back),
        "processes": sum(poison.values()),
        "put_back": sum(put_back.values()),
        "most": max((*poison.values(), *put_back.values())),
    }


def _put_back(evidence: Evidence) -> dict[int, int]:
    """Place of each task that gave its message back several times, and how often it came again."""
    again = evidence.clues.redelivered
    place = evidence.places(again["hi"].astype(np.uint64), again["lo"].astype(np.uint64))
    came = np.bincount(place[place >= 0], minlength=len(evidence.merged.tasks))
    often = np.flatnonzero((came >= _PUT_BACK) & (evidence.merged.tasks.retries >= _PUT_BACK))
    return {int(one): int(came[one]) for one in often}


def _name(evidence: Evidence, ident: bytes) -> str:
    """What a task is called by its id; empty where another task published it, or the warm-up."""
    halves = (np.array([int.from_bytes(half, "big")], np.uint64) for half in (ident[:8], ident[8:]))
    (row,) = evidence.rows(*halves).tolist()
    return evidence.label(int(evidence.parts[row])) if row >= 0 else ""


def _poison_words(data: Mapping[str, Any]) -> str:
    names = ", ".join(
        name or "a task of the warm-up, or one that a task published" for name in data["tasks"]
    )
    count = data["messages"]
    parts = [f"{data['processes']} processes lost"] if data["processes"] else []
    parts += [f"put back {data['put_back']} times"] if data["put_back"] else []
    return (
        f"{names}: {count} message{'s' if count > 1 else ''}, {' and '.join(parts)}; "
        f"one of them {data['most']} times"
    )


POISON_TASK = Diagnosis(
    code="poison_task",
    looks_at="the same message ran several times and each time took its pool process along, or "
    "was put back by what it raised",
    sentence="A task that cannot succeed came back again and again.",
    cause=(
        "With reject_on_worker_lost (and acks_late) Celery puts the message of a task back whose "
        "process was lost, and counts nothing: what kills its process whenever it runs (out of "
        "memory, a crash in C) does so for ever (celery/worker/request.py, Request.on_failure). "
        "The same holds for Reject(requeue=True)."
    ),
    advice=(
        "Turn reject_on_worker_lost off, retry with max_retries instead of Reject, or put an end "
        "to it in the broker: x-delivery-limit of a quorum queue, maxReceiveCount and a "
        "dead-letter queue on SQS."
    ),
    find=_poison_task,
    detail=_poison_words,
)


# --- time limits --------------------------------------------------------------------------------


def _time_limit_ignored(evidence: Evidence) -> Data | None:
    """Runs that went on beyond the limit that their task had."""
    if len(evidence.pools) > 1:  # no log says which of them ran a task
        return None
    (pool,), limited = evidence.pools, evidence.clues.limited
    soft_s = _longest_soft_s(evidence) if pool == "prefork" else 0.0
    if pool == "prefork":  # which keeps all but a hard limit that is over before the soft one
        hard = limits_in(limited["position"]) == Limit.HARD
        limited = limited[hard & (limited["unit"] / 1000 < soft_s)]
    if not len(limited):
        return None
    place = evidence.places(limited["hi"].astype(np.uint64), limited["lo"].astype(np.uint64))
    limited, place = limited[place >= 0], place[place >= 0]
    executions = evidence.merged.executions()
    longest_ns = np.zeros(len(evidence.merged.tasks), dtype=np.int64)
    np.maximum.at(longest_ns, executions.task, executions.length_ns)
    ran_s = longest_ns[place] / 1e9
    limit_s = limited["unit"] / 1000
    beyond = ran_s > limit_s * (1 + _LEAST_LATE_SHARE) + _LEAST_LATE_S
    if not beyond.any():
        return None
    worst = int(np.argmax(np.where(beyond, ran_s, 0)))
    return {
        "pool": pool,
        "limit": "soft" if limits_in(limited["position"][worst]) == Limit.SOFT else "hard",
        "limit_s": float(limit_s[worst]),
        "longest_s": float(ran_s[worst]),
        "tasks": len(np.unique(place[beyond])),
        **({"soft_limit_s": soft_s} if soft_s else {}),
    }


def _longest_soft_s(evidence: Evidence) -> float:
    known = evidence.ran.options("soft_time_limit", 0)
    return max((float(one) for one in known if isinstance(one, int | float)), default=0.0)


TIME_LIMIT_IGNORED = Diagnosis(
    code="time_limit_ignored",
    looks_at="pools other than prefork, and hard limits below the soft one: runs that were longer "
    "than the time limit of their task",
    sentence="Tasks ran on beyond their time limit, which this pool does not enforce.",
    cause=(
        "Only prefork has processes to signal and to kill: threads and solo take no notice of "
        "time limits (celery/concurrency/thread.py, solo.py), gevent knows no soft limit, and "
        "keeps a hard one only where the task yields (celery/concurrency/gevent.py, "
        "apply_timeout). Prefork does not look at a hard limit before the soft one is over "
        "(celery/concurrency/asynpool.py, on_timeout_set)."
    ),
    advice=(
        "Use the prefork pool where a limit has to hold, with the soft limit below the hard one; "
        "elsewhere give each call that may hang a timeout of its own."
    ),
    find=_time_limit_ignored,
    detail=lambda data: (
        f"pool {data['pool']}, {data['tasks']} tasks beyond a {data['limit']} limit of "
        f"{format_duration(data['limit_s'])}, the longest {format_duration(data['longest_s'])}"
        + (
            f", soft limit {format_duration(data['soft_limit_s'])}"
            if "soft_limit_s" in data
            else ""
        )
    ),
)


# --- processes that are replaced ----------------------------------------------------------------


def _children_replaced(evidence: Evidence) -> Data | None:
    """Time that slots lacked a process, because one had had its tasks or too much memory, while
    tasks waited."""
    found = evidence.children
    if found is None or found.tasks_each is None:
        return None
    meant = sum(found.ended.get(why, 0) for why in ("max_tasks", "max_memory"))
    if meant < _FEWEST_REPLACED or found.lost_share < _LEAST_SHARE:
        return None
    return {
        "replaced": found.replaced,
        "tasks_each": found.tasks_each,
        "gap_s": found.gap_s.p50,
        "share": found.lost_share,
    }


CHILDREN_REPLACED = Diagnosis(
    code="children_replaced",
    looks_at="prefork: time in which slots ran nothing, from the last task of a process that had "
    "had its tasks or too much memory to the first of its successor, while tasks waited",
    sentence="Much of the time went into replacing pool processes.",
    cause=(
        "With worker_max_tasks_per_child or worker_max_memory_per_child a process ends after so "
        "much, and the pool forks and initialises another one, which takes as long as very many "
        "short tasks (billiard/pool.py, Pool._maintain_pool)."
    ),
    advice=(
        "Raise worker_max_tasks_per_child (some hundreds still bound a leak), or "
        "worker_max_memory_per_child to more than a fresh process takes."
    ),
    find=_children_replaced,
    detail=lambda data: (
        f"{data['replaced']} processes replaced after {data['tasks_each']:g} tasks each, "
        f"{format_duration(data['gap_s'])} without one every time, {data['share']:.0%} of what "
        "the slots could have run"
    ),
)
