"""A schedule: beat publishes, and the harness watches for as long as it is measured."""

from __future__ import annotations

import time

import numpy as np

from harness.errors import WorkerError
from harness.probe.recording.events import Kind
from harness.probe.recording.ids import BEAT, first_unit
from harness.probe.workloads.periodic import CRONTAB_GRACE_NS
from harness.results.events.eventlog import Tail, all_of_kind
from harness.results.events.published import published_in
from harness.runner.sessions.loaded import Loaded, since
from harness.runner.sessions.session import Session
from harness.runner.telling.events import Goal
from harness.scenario.workloads.periodic import PeriodicWorkload
from harness.usage import Usage

_LOOK_S = 0.02
_LEAD_NS = 100_000_000
"""Between the decision on what is measured and its begin."""
_UNDER_WAY_NS = 100_000_000
"""A fire that was decided on before the end is sent by then, or has begun to be."""


class ScheduleSession(Session):
    """Beat's own schedule. The first moment of the plan is left out: its fires connect beat."""

    _window_ns: tuple[int, int] | None = None
    """What is measured, once beat has read its schedule."""

    def _warm_up(self) -> None:
        super()._warm_up()
        seat = self.room.beat
        assert seat is not None  # noqa: S101 - every block of this load has one
        self._beat = seat.beat
        self._tail = Tail(self.room.events)
        seat.start()
        self._window_ns = self._decided()

    def _decided(self) -> tuple[int, int]:
        """Wait until beat has read its schedule, and choose what is measured. Of an interval, the
        begin lies halfway between two moments of the plan, so that a little drift decides nothing.
        """
        workload, measure = self._workload, self.room.cell.measure
        deadline = time.monotonic() + measure.startup_timeout
        self._tail.refresh()
        while self._tail.count(Kind.SCHEDULED) < workload.entries and self.going_on():
            self._beat.check()
            if time.monotonic() > deadline:
                raise WorkerError(
                    f"beat was not ready within {measure.startup_timeout:g} s "
                    f"(measure.startup_timeout); {self._beat.log_tail()}"
                )
            time.sleep(_LOOK_S)
            self._tail.refresh()
        begin_ns = time.monotonic_ns() + _LEAD_NS
        if workload.every is not None and not self._told_to_stop:
            begins = all_of_kind(self.room.events, Kind.SCHEDULED)["time_ns"]
            every_ns, first_ns = round(workload.every * 1e9), int(begins.max())
            periods = max(1, -(-(begin_ns - first_ns - every_ns // 2) // every_ns))
            begin_ns = first_ns + periods * every_ns + every_ns // 2
        assert measure.duration is not None  # noqa: S101 - validated
        end_ns = begin_ns + round(measure.duration * 1e9)
        self._beat.window.decide(begin_ns, end_ns)
        return begin_ns, end_ns

    @property
    def _workload(self) -> PeriodicWorkload:
        workload = self.room.cell.workload
        assert isinstance(workload, PeriodicWorkload)  # noqa: S101 - validated
        return workload

    def watch(self) -> None:
        """Beat's end is the load's end, too, once it has read its schedule."""
        if self._window_ns is not None and self._beat_fell is None:
            self._beat_fell = self._beat.fall
            if self._beat_fell is not None:
                self._stop_clients()
        super().watch()

    def load(self) -> Loaded:
        """Until the time is over and what was fired has run."""
        assert self._window_ns is not None  # noqa: S101 - the warm-up has decided it
        begin_ns, end_ns = self._window_ns
        self._wait_until(begin_ns)
        cpu_ns, before, beat = self.clients.usage().cpu_ns, self.workers.usage(), self._beat.usage()
        self.room.courier.stage("measuring", Goal((end_ns - begin_ns) / 1e9))
        arguments = {"begin_ns": begin_ns, "end_ns": end_ns}
        (answer,) = self.clients.ask("schedule", None, self.watch, **arguments)
        beat_cpu_ns = None if beat is None else self._spent_since(beat)
        self._beat.window.end_at(min(end_ns, int(answer["end_ns"])))
        self.room.courier.stage("draining")
        self._let_it_fall_silent(int(answer["end_ns"]))
        self.come_to_rest(self._published())
        units = published_in(self.room.events, 1).unit
        fires = units[units >= first_unit(BEAT)]
        return Loaded(
            usage=since(before, self.workers.usage()),
            client_cpu_ns=self.clients.usage().cpu_ns - cpu_ns,
            publish_errors=self._refused(),
            unresolved=len(fires),
            unseen=[np.sort(fires).tolist()],
            beat_cpu_ns=beat_cpu_ns,
        )

    def _wait_until(self, moment_ns: int) -> None:
        while time.monotonic_ns() < moment_ns and self.going_on():
            time.sleep(min(_LOOK_S, max(0.0, (moment_ns - time.monotonic_ns()) / 1e9)))

    def _let_it_fall_silent(self, end_ns: int) -> None:
        """Beat fires what is late by less than half an interval; then no call is under way."""
        every = self._workload.every
        grace_ns = CRONTAB_GRACE_NS if every is None else round(every * 1e9) // 2
        self._wait_until(end_ns + grace_ns + _UNDER_WAY_NS)
        deadline = time.monotonic() + self.unit_limit_s
        while self.going_on() and self._beat_fell is None and time.monotonic() < deadline:
            self._tail.refresh()
            ended = self._tail.count(Kind.PUBLISHED) + self._tail.count(Kind.PUBLISH_FAILED)
            if ended >= self._tail.count(Kind.PUBLISH):
                break
            time.sleep(_LOOK_S)

    def _published(self) -> int:
        self._tail.refresh()
        return self._tail.count(Kind.PUBLISHED)

    def _refused(self) -> dict[str, int]:
        failed = all_of_kind(self.room.events, Kind.PUBLISH_FAILED)["unit"]
        count = int((failed >= first_unit(BEAT)).sum())
        where = "the worker's log" if self._beat.embedded else "beat.log"
        return {f"beat could not send, see {where}": count} if count else {}

    def _spent_since(self, before: Usage) -> int | None:
        after = self._beat.usage()
        if after is None or self._beat_fell is not None:
            return None
        return after.cpu_ns - before.cpu_ns
