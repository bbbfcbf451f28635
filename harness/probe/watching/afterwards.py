"""Fetches and checks results after the measuring, when nobody's clock runs any more."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from celery import Celery, states
from celery.backends.base import DisabledBackend
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import AsyncResult

from harness.probe.recording.events import Outcome
from harness.probe.watching.rows import Rows, is_database
from harness.probe.workloads.units import Published, UnitRunner, judge_failure, results_of

_BATCH = 500


def check_all(app: Celery, units: UnitRunner, waiting: Iterable[Published], limit_s: float) -> None:
    """Give every unit in `waiting` its outcome, where there is a backend to ask.

    The workers are done by now, so a result that is not there will not come; `limit_s` bounds
    the whole of it all the same. Must run in the thread that published: reply queues of the
    rpc backend belong to threads.
    """
    if isinstance(app.backend, DisabledBackend):
        return
    deadline = time.monotonic() + limit_s
    pending = list(waiting)
    if _only_pushes(app):
        for published in pending:
            for result in results_of(published.result):
                # Registered, or the backend evicts what it holds beyond 8192 results.
                result.then(_ignore)
    if is_database(app.backend):
        _fetch_rows(app, pending)
    for published in pending:
        units.check(published, *_outcome(app, units, published, deadline))


def _fetch_rows(app: Celery, pending: list[Published]) -> None:
    """Give results what the database holds of them, many at once: `state` would make a new
    connection for each. What is not there, or cannot be read, is left for it to say so."""
    results = {one.id: one for published in pending for one in results_of(published.result)}
    ids, rows = list(results), Rows(app.backend)
    try:
        for start in range(0, len(ids), _BATCH):
            for task_id, row in rows.final(ids[start : start + _BATCH]):
                with suppress(Exception):  # whatever a serializer raises
                    results[task_id]._set_cache(rows.described(row))
    finally:
        rows.close()


def _outcome(
    app: Celery, units: UnitRunner, published: Published, deadline: float
) -> tuple[Outcome, Any]:
    """How the unit ended, and what it raised if it failed."""
    values = []
    for result in results_of(published.result):
        state, value = _settled(app, result, deadline)
        if state not in states.READY_STATES:
            return Outcome.NONE, None
        if state != states.SUCCESS:
            return judge_failure(published.expected, value), value
        values.append(value)
    is_group = published.result.__class__.__name__ == "GroupResult"
    return units.judge(published, values if is_group else values[0]), None


def _settled(app: Celery, result: AsyncResult, deadline: float) -> tuple[str, Any]:
    """State and value of a result. A chain that broke has them at the link that failed: those
    behind it never ran, and look as if they were still to come."""
    state, value = _fetch(app, result, deadline)
    link = result.parent
    while state not in states.READY_STATES and link is not None:
        for earlier in results_of(link):  # a chord's header is a group
            earlier_state, reason = _fetch(app, earlier, deadline)
            if earlier_state in states.PROPAGATE_STATES:
                return earlier_state, reason
        link = link.parent
    return state, value


def _fetch(app: Celery, result: AsyncResult, deadline: float) -> tuple[str, Any]:
    if not _only_pushes(app):
        return result.state, result.result
    # A queue of results cannot be asked for one of them: it has to be consumed.
    wait_s = max(0.05, min(1.0, deadline - time.monotonic()))
    try:
        value = result.get(timeout=wait_s, propagate=False)
    except CeleryTimeoutError:
        return states.PENDING, None
    return result.state, value


def _only_pushes(app: Celery) -> bool:
    return type(app.backend).__name__ == "RPCBackend"


def _ignore(_: AsyncResult) -> None:
    pass
