"""Waiting until nothing of a block is under way, by looking at event logs, not at the broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from harness.errors import HarnessError
from harness.probe.recording.events import Kind
from harness.processes import pid_lives
from harness.results.events.eventlog import Tail, all_of_kind
from harness.results.events.stops import NO_STOPS, Stops, stops_in
from harness.services.base import Namespace

LOOK_S = 0.05
QUIET_S = 2.0
"""Seconds that all must stand idle before what did not come is given up."""
_PROGRESS = (Kind.RECEIVED, Kind.STARTED, Kind.FINISHED, Kind.STORED, Kind.RETRIED)
_LATER = (Kind.SPAWNED, Kind.AGAIN)
AFTERMATH_S = 4.0
"""Seconds that all must stand idle, where something was broken, before what did not come is given
up: a worker looks for its broker every few seconds."""


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
        spawns: bool = False,
        countdown_s: float = 0.0,
    ) -> None:
        """`settle_s`: how long nothing may have moved before all counts as done; `quiet_s`: how
        long, where it is not known how much there is to be done. `spawns`: tasks may publish
        further ones, which are waited for as well, however far off their time is. `countdown_s`:
        the longest of the units, which a broker may hold back so long where nobody sees them."""
        self._quiet_s = quiet_s
        self._countdown_s = countdown_s
        self._tail = Tail(events)
        self._broker = broker
        self._stores_results = stores_results
        self._settle_s = settle_s
        self._spawns = spawns
        self._events = events
        self._later_before = self._due_ns = 0
        self._stops_before: tuple[int, ...] = ()
        self._stops = NO_STOPS

    def finished(self) -> int:
        """Task functions that have ended so far, warm-up included."""
        self._tail.refresh()
        return self._tail.count(Kind.FINISHED)

    def wait(
        self,
        expected: int | None,
        limit_s: float,
        watch: Callable[[], bool],
        *,
        settle: bool = True,
    ) -> bool:
        """Wait until `expected` tasks have finished and all is idle, or all has been idle for
        `quiet_s`: whether it came to that within `limit_s`, before `watch` said no.

        Idle: every task received was started, finished and stored, or thrown away by Celery, the
        queue is empty, no task
        that a task published, itself among them, has still to come due, and none of their chords is
        looked after.
        """
        before: tuple[int, ...] = ()
        began = moved = idle_since = time.monotonic()
        settle_s = self._settle_s if settle else 0.0
        while watch():
            self._tail.refresh()
            now, counts = time.monotonic(), tuple(map(self._tail.count, _PROGRESS))
            if counts != before:
                before, moved = counts, now
            idle = self._idle(counts)
            idle_since = idle_since if idle else now
            complete = expected is not None and counts[2] >= expected + self.spawned()
            complete = complete and now - moved >= settle_s
            due = began + self._countdown_s
            if idle and (complete or now - max(idle_since, due) >= self._quiet_s):
                return True
            if now - began >= limit_s:
                return False
            time.sleep(LOOK_S)
        return False

    def wait_after_faults(
        self,
        expected: int | None,
        limit_s: float,
        redelivery_s: float | None,
        watch: Callable[[], bool],
    ) -> bool:
        """Wait until all is at rest in a block in which something was broken, or a worker ended:
        what was lost will never come, so counts do not tell when all is idle.

        It is at rest when nothing has moved for AFTERMATH_S while no living process runs a task,
        the queue is empty, no task that others published has still to come due, and the broker
        holds nothing that it would deliver again within `limit_s` (`redelivery_s`: how long that
        takes; None: at once). A broker that cannot be asked is not empty.
        """
        waits = redelivery_s is not None and redelivery_s < limit_s
        before: tuple[int, ...] = ()
        began = moved = time.monotonic()
        while watch():
            self._tail.refresh()
            now, counts = time.monotonic(), tuple(map(self._tail.count, _PROGRESS))
            if counts != before:
                before, moved = counts, now
            complete = expected is not None and counts[2] >= expected + self.spawned()
            due = began + (0.0 if complete else self._countdown_s)
            quiet = now - max(moved, due) >= (QUIET_S if complete else AFTERMATH_S)
            quiet = quiet and time.monotonic_ns() >= self._latest_due_ns()
            if quiet and not self._running() and not self._held(unacknowledged=waits):
                return True
            if now - began >= limit_s:
                return False
            time.sleep(LOOK_S)
        return False

    def spawned(self) -> int:
        """Side tasks that were published so far, at the last look."""
        return self._tail.count(Kind.SPAWNED) if self._spawns else 0

    def _latest_due_ns(self) -> int:
        """When the last side task, or the last that asked to be run again, may run: a broker may
        hold it in other queues until then."""
        count = sum(map(self._tail.count, _LATER)) if self._spawns else 0
        if count != self._later_before:
            self._later_before = count
            times = (all_of_kind(self._events, kind)["time_ns"] for kind in _LATER)
            self._due_ns = max(int(some.max(initial=0)) for some in times)
        return self._due_ns

    def _stopped(self, counts: tuple[int, ...]) -> Stops:
        """What Celery threw away or cut short so far, of which no further stamp will come."""
        stopped = (*counts, self._tail.count(Kind.STOPPED))
        if stopped[-1] and stopped != self._stops_before:
            self._stops_before, self._stops = stopped, stops_in(self._events)
        return self._stops

    def _unlocks(self) -> bool:
        """Whether Celery still looks for the header of a chord that a task has published: its body
        may come."""
        sent, over = map(self._tail.count, (Kind.UNLOCK_SENT, Kind.UNLOCKED))
        return self._spawns and sent > over

    def _running(self) -> bool:
        """Whether a living process is inside a task's function."""
        kinds = (Kind.STARTED, Kind.FINISHED, Kind.RETRIED)
        started, finished, retried = map(self._tail.count_by_pid, kinds)
        return any(
            count > finished.get(pid, 0) + retried.get(pid, 0) and pid_lives(pid)
            for pid, count in started.items()
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
        stops = self._stopped(counts)
        if not received - stops.not_started <= started == finished + retried + stops.without_end:
            return False
        if self._stores_results and stored < finished:
            return False
        if time.monotonic_ns() < self._latest_due_ns() or self._unlocks():
            return False
        return not self._broker.depth()
