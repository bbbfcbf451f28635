"""Slots that idle beside waiting tasks, and connections that are made for each call."""

from __future__ import annotations

import numpy as np

from harness.results.diagnoses.evidence import DATABASES, Data, Diagnosis, Evidence
from harness.units import format_duration

_LEAST_SHARE = 0.1
_LEAST_S = 0.1


def _prefetch_hoarding(evidence: Evidence) -> Data | None:
    """Time in which received tasks waited for a slot while some slots were free."""
    alone = evidence.workers == 1  # its own free slots get a task at once
    held = any(one.countdown for one in evidence.workload.message_options)
    if alone or held or not evidence.all_take_all:  # on purpose
        return None
    received, started = evidence.times("received"), evidence.times("started")
    finished = evidence.times("ended")
    if evidence.digest.fields["retried"]:  # a retry waits for its countdown, not for a slot
        return None
    if not len(received) == len(started) == len(finished) or len(received) < 2:
        return None
    moments = np.unique(np.concatenate([received, started, finished]))
    taken = np.searchsorted(received, moments, side="right")
    begun = np.searchsorted(started, moments, side="right")
    done = np.searchsorted(finished, moments, side="right")
    running = begun - done
    # While nothing runs, a task waits for its own worker (to acknowledge it, say), not for a slot.
    hoarded = (taken > begun) & (running > 0) & (running < evidence.slots)
    lengths_ns = np.diff(moments)[hoarded[:-1]]
    # A task on its way to a free slot is no hoarding: that takes milliseconds.
    idle_s = float(lengths_ns[lengths_ns >= 1e7].sum()) / 1e9
    share = idle_s * 1e9 / max(int(moments[-1] - moments[0]), 1)
    if share < _LEAST_SHARE or idle_s < _LEAST_S:
        return None
    return {"idle_s": idle_s, "share": share, **evidence.told_window}


PREFETCH_HOARDING = Diagnosis(
    code="prefetch_hoarding",
    looks_at="several workers: time in which received tasks waited while other slots were free",
    sentence="Tasks waited at a busy worker while slots elsewhere were free.",
    cause=(
        "A worker reserves concurrency x worker_prefetch_multiplier messages (default 4 each) "
        "that no other worker can have, however long its own tasks take "
        "(celery/worker/consumer/tasks.py)."
    ),
    advice=(
        "For long tasks set worker_prefetch_multiplier to 1, and with task_acks_late a worker "
        "reserves no more than it runs."
    ),
    find=_prefetch_hoarding,
    detail=lambda data: (
        f"{format_duration(data['idle_s'])}, {data['share']:.0%} of the time"
        + (f", window {data['window']}" if "window" in data else "")
    ),
)


def _nullpool_database(evidence: Evidence) -> Data | None:
    """Stores that were made outside prefork children, each with an engine of its own."""
    store = evidence.figure("calls_s", "store_call")
    pools = sorted(evidence.pools - {"prefork"})
    if evidence.configuration.backend.service not in DATABASES or not pools:
        return None
    return {"pool": " and ".join(pools), "store_call_p50_s": store.p50} if store else None


NULLPOOL_DATABASE = Diagnosis(
    code="nullpool_database",
    looks_at="database backends: results stored by a pool other than prefork",
    sentence="Every result was stored over a new database engine and connection.",
    cause=(
        "Celery pools database connections in forked processes only; threads, gevent and solo "
        "workers, and every client, open a NullPool engine for each call "
        "(celery/backends/database/session.py, SessionManager.get_engine)."
    ),
    advice="Use the prefork pool with a database backend, or another backend.",
    find=_nullpool_database,
    detail=lambda data: (
        f"pool {data['pool']}, median store call {format_duration(data['store_call_p50_s'])}"
    ),
)
