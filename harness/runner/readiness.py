"""Readiness of a block: shown by tasks that came back, not by a banner.

Celery says `ready` before prefork children are initialised, and a child's first result costs
twenty times a later one. So: every main process consumes, every pool process is initialised,
and every pool process has run a probe task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.clients.several import Clients
from harness.errors import ClientError, WorkerError
from harness.probe.app_variables import RECORDER_VARIABLE
from harness.probe.events import Kind
from harness.results.eventlog import Tail
from harness.scenario.models import Worker
from harness.workers.process import Workers

_LOOK_S = 0.02
_HOLD_S = 0.02
_BLIND_ROUNDS = 5


def wait_ready(
    workers: Workers,
    clients: Clients,
    worker: Worker,
    events: Path,
    limit_s: float,
    environ: Mapping[str, str],
) -> None:
    """Return when every pool process has run a probe task. WorkerError after `limit_s`;
    ClientError if the cell's Celery does not know what it is asked for."""
    deadline = time.monotonic() + limit_s
    tail = Tail(events)

    def look(reached: Callable[[], bool]) -> None:
        while not reached():
            workers.check()
            if time.monotonic() > deadline:
                raise WorkerError(
                    f"the workers were not ready within {limit_s:g} s "
                    f"(measure.startup_timeout); {workers.log_tails()}"
                )
            time.sleep(_LOOK_S)
            tail.refresh()

    started = clients.started(limit_s, workers.check)
    if unknown := started[0].get("unknown_settings"):
        raise ClientError(
            f"the Celery of this cell has no setting {', '.join(unknown)}: it would ignore what "
            "the configuration asks for. Remove the setting, or compare versions that have it"
        )
    look(lambda: tail.count(Kind.WORKER_READY) >= worker.count)
    if worker.pool == "prefork":
        look(lambda: tail.writers(Kind.PROCESS_READY) >= workers.pool_processes)
    _probe(workers, clients, tail, deadline, blind=environ.get(RECORDER_VARIABLE) == "off")


def _probe(workers: Workers, clients: Clients, tail: Tail, deadline: float, *, blind: bool) -> None:
    """Send probe tasks until every pool process has run one."""
    rounds = 0
    while True:
        left_s = max(1.0, deadline - time.monotonic())
        # From every client, so that each has opened its connections.
        answers = clients.ask(
            "probe",
            left_s + 5.0,
            workers.check,
            count=2 * workers.slots,
            hold_s=_HOLD_S,
            timeout_s=left_s,
        )
        wanted = 2 * workers.slots * len(clients)
        back = sum(answer["back"] for answer in answers)
        rounds += 1
        tail.refresh()
        if back < wanted:
            errors = dict.fromkeys(reason for answer in answers for reason in answer["errors"])
            reasons = ", ".join(errors) or "no answer within the time"
            raise WorkerError(
                f"{back} of {wanted} probe tasks came back ({reasons}); {workers.log_tails()}"
            )
        if blind and rounds >= _BLIND_ROUNDS:
            return
        if tail.writers(Kind.STARTED) >= workers.pool_processes:
            return
        if time.monotonic() > deadline:
            raise WorkerError(
                f"only {tail.writers(Kind.STARTED)} of {workers.pool_processes} pool processes "
                f"ran a probe task; {workers.log_tails()}"
            )
