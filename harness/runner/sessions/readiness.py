"""Readiness of a block: shown by tasks that came back, not by a banner.

Celery says `ready` before prefork children are initialised, and a child's first result costs
twenty times a later one. So: every main process consumes, every pool process is initialised,
and every pool process has run a probe task.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness.crew.clients import Clients
from harness.crew.workers import Group, Workers
from harness.errors import ClientError, WorkerError
from harness.probe.app_variables import RECORDER_VARIABLE
from harness.probe.recording.events import Kind
from harness.results.events.eventlog import Tail
from harness.results.events.ran_with import reports_in

_LOOK_S = 0.02
_HOLD_S = 0.02
_MOST_HOLD_S = 1.0
_ROUND_TRIPS = 5
_BLIND_ROUNDS = 5


def wait_ready(
    workers: Workers,
    clients: Clients,
    events: Path,
    limit_s: float,
    environ: Mapping[str, str],
    *,
    stores_results: bool = True,
    rtt_s: float = 0.0,
) -> None:
    """Return when every pool process has run a probe task. WorkerError after `limit_s`;
    ClientError if the cell's Celery does not know what it is asked for.

    `rtt_s`: of a network that was asked for. A worker may fetch one message per round trip, so a
    probe task has to hold its process for longer. Where no results are stored, it counts when its
    function has returned.
    """
    deadline = time.monotonic() + limit_s
    tail = Tail(events)
    wait = partial(_wait, workers, tail, deadline, limit_s)
    _check_settings(clients.started(limit_s, workers.check)[0])
    wait(lambda: tail.count(Kind.WORKER_READY) >= len(workers.pids))
    if any(group.asked.concurrency == "auto" for group in workers.groups):
        workers.sized({one.group: one.concurrency for one in reports_in(events)})
    preforks = [group for group in workers.groups if group.asked.pool == "prefork"]
    wait(lambda: all(_has(tail, Kind.PROCESS_READY, group, workers) for group in preforks))
    probing = _Probing(workers, clients, tail, deadline)
    hold_s = _HOLD_S + _ROUND_TRIPS * rtt_s
    blind = environ.get(RECORDER_VARIABLE) == "off"
    sent = rounds = 0
    while rounds == 0 or not (rounds >= _BLIND_ROUNDS if blind else probing.everywhere()):
        rounds += 1
        sent += probing.send(hold_s)
        if not blind:  # a worker that takes longer for each message gives the next one to the same
            hold_s = max(hold_s, min(2 * hold_s, _MOST_HOLD_S))
        if not stores_results:
            wait(lambda: tail.count(Kind.FINISHED) >= sent)  # noqa: B023 - called at once


def _wait(
    workers: Workers, tail: Tail, deadline: float, limit_s: float, reached: Callable[[], bool]
) -> None:
    while not reached():
        workers.check()
        if time.monotonic() > deadline:
            raise WorkerError(
                f"the workers were not ready within {limit_s:g} s "
                f"(measure.startup_timeout); {workers.log_tails()}"
            )
        time.sleep(_LOOK_S)
        tail.refresh()


def _check_settings(started: Mapping[str, Any]) -> None:
    if unknown := started.get("unknown_settings"):
        raise ClientError(
            f"the Celery of this cell has no setting {', '.join(unknown)}: it would ignore what "
            "the configuration asks for. Remove the setting, or compare versions that have it"
        )


@dataclass(frozen=True)
class _Probing:
    """Probe tasks, sent in rounds to queues that every group is reached by."""

    workers: Workers
    clients: Clients
    tail: Tail
    deadline: float

    def send(self, hold_s: float) -> int:
        """One round, from every client, so that each has opened its connections; how many tasks
        that were. Each holds its process for so long. WorkerError if not all came back."""
        ways = ways_to(self.workers.groups)
        return sum(self._send(hold_s, queue, slots) for queue, slots in ways.items())

    def _send(self, hold_s: float, queue: str, slots: int) -> int:
        wanted = 2 * slots * len(self.clients)
        left_s = max(1.0, self.deadline - time.monotonic())
        told = {"queue": queue} if queue else {}
        answers = self.clients.ask(
            "probe",
            left_s + 5.0,
            self.workers.check,
            count=2 * slots,
            hold_s=hold_s,
            timeout_s=left_s,
            **told,
        )
        back = sum(answer["back"] for answer in answers)
        if back < wanted:
            errors = dict.fromkeys(reason for answer in answers for reason in answer["errors"])
            reasons = ", ".join(errors) or "no answer within the time"
            where = f" through queue {queue}" if queue and len(self.workers.groups) > 1 else ""
            raise WorkerError(
                f"{back} of {wanted} probe tasks came back{where} ({reasons}); "
                f"{self.workers.log_tails()}"
            )
        return wanted

    def everywhere(self) -> bool:
        """Whether every pool process of every group has run one. WorkerError if the time is up."""
        self.tail.refresh()
        for group in self.workers.groups:
            if _has(self.tail, Kind.STARTED, group, self.workers):
                continue
            if time.monotonic() > self.deadline:
                ran = self.tail.writers(Kind.STARTED, _told(group, self.workers))
                whose = f" of group {group.name}" if len(self.workers.groups) > 1 else ""
                raise WorkerError(
                    f"only {ran} of {group.pool_processes} pool processes{whose} ran a probe task; "
                    f"{self.workers.log_tails()}"
                )
            return False
        return True


def ways_to(groups: Sequence[Group]) -> dict[str, int]:
    """Queues that reach every group -> slots of all groups that consume from them. An empty name is
    the default queue's. Of its queues each group is reached by the one that the fewest consume."""
    consumers = Counter(queue for group in groups for queue in _consumed(group))
    chosen = [min(_consumed(group), key=lambda queue: consumers[queue]) for group in groups]
    return {
        queue: sum(group.slots for group in groups if queue in _consumed(group))
        for queue in dict.fromkeys(chosen)
    }


def _consumed(group: Group) -> tuple[str, ...]:
    return group.asked.queues or ("",)


def _has(tail: Tail, kind: Kind, group: Group, workers: Workers) -> bool:
    """Whether every pool process of a group has written such an event."""
    return tail.writers(kind, _told(group, workers)) >= group.pool_processes


def _told(group: Group, workers: Workers) -> str:
    """What its event logs call a group: nothing where it is the only one."""
    return group.name if len(workers.groups) > 1 else ""
