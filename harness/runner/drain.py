"""Waiting until nothing of a block is under way, by looking at event logs, not at the broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from harness.errors import HarnessError
from harness.probe.events import Kind
from harness.processes import pid_lives
from harness.results.eventlog import Tail
from harness.services.base import Namespace

LOOK_S = 0.05
QUIET_S = 2.0
"""How long all must stand idle before what did not come is given up."""
_PROGRESS = (Kind.RECEIVED, Kind.STARTED, Kind.FINISHED, Kind.STORED, Kind.RETRIED)
AFTERMATH_S = 4.0
"""The same where something was broken: a worker looks for its broker every few seconds."""


class Drain:
    """Watches the tasks of one block come to rest."""

    def __init__(
        self,
        events: Path,
        broker: Namespace,
        *,
        stores_results: bool,
        quiet_s: float = QUIET_S,
        settle_s: float = 0.0,
    ) -> None:
        """`settle_s`: how long nothing may have moved before all counts as done; `quiet_s`: how
        long, where it is not known how much there is to be done."""
        self._quiet_s = quiet_s
        self._tail = Tail(events)
        self._broker = broker
        self._stores_results = stores_results
        self._settle_s = settle_s

    def finished(self) -> int:
        """Task functions that have ended so far, warm-up included."""
        self._tail.refresh()
        return self._tail.count(Kind.FINISHED)

    def wait(self, expected: int | None, stall_s: float, watch: Callable[[], bool]) -> None:
        """Return when `expected` tasks have finished and all is idle; or when all has been idle
        for `quiet_s`; or when nothing has moved for `stall_s`; or when `watch` says no.

        Idle: every task received was started, finished and stored, and the queue is empty.
        """
        before: tuple[int, ...] = ()
        moved = idle_since = time.monotonic()
        while watch():
            self._tail.refresh()
            now, counts = time.monotonic(), tuple(map(self._tail.count, _PROGRESS))
            if counts != before:
                before, moved = counts, now
            idle = self._idle(counts)
            idle_since = idle_since if idle else now
            complete = expected is not None and counts[2] >= expected
            complete = complete and now - moved >= self._settle_s
            if idle and (complete or now - idle_since >= self._quiet_s):
                return
            if now - moved >= stall_s:
                return
            time.sleep(LOOK_S)

    def wait_after_faults(
        self, expected: int, stall_s: float, redelivery_s: float | None, watch: Callable[[], bool]
    ) -> None:
        """The same for a block in which something was broken: what was lost will never come, so
        counts do not tell when all is idle.

        Returns when nothing has moved for AFTERMATH_S while no living process runs a task, the
        queue is empty, and the broker holds nothing that it would deliver again within `stall_s`
        (`redelivery_s`: how long that takes; None: at once). A broker that cannot be asked is not
        empty.
        """
        waits = redelivery_s is not None and redelivery_s < stall_s
        before: tuple[int, ...] = ()
        moved = time.monotonic()
        while watch():
            self._tail.refresh()
            now, counts = time.monotonic(), tuple(map(self._tail.count, _PROGRESS))
            if counts != before:
                before, moved = counts, now
            if now - moved >= stall_s:
                return
            complete = counts[2] >= expected and now - moved >= QUIET_S
            quiet = complete or now - moved >= AFTERMATH_S
            if quiet and not self._running() and not self._held(unacknowledged=waits):
                return
            time.sleep(LOOK_S)

    def _running(self) -> bool:
        """Whether a living process is inside a task's function."""
        started, finished = map(self._tail.count_by_pid, (Kind.STARTED, Kind.FINISHED))
        return any(
            count > finished.get(pid, 0) and pid_lives(pid) for pid, count in started.items()
        )

    def _held(self, *, unacknowledged: bool) -> bool:
        try:
            if self._broker.depth() != 0:
                return True
            return unacknowledged and bool(self._broker.unacknowledged())
        except HarnessError:
            return True

    def _idle(self, counts: tuple[int, ...]) -> bool:
        received, started, finished, stored, retried = counts
        if not received <= started == finished + retried:
            return False
        if self._stores_results and stored < finished:
            return False
        return not self._broker.depth()
