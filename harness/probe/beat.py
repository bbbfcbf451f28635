"""Celery's own scheduler, which writes down when it fires: `--scheduler harness.probe.beat:...`

Nothing of what it decides is changed, but for two things that end a measurement: each task gets an
id that names its fire, and when the measured time is over nothing is fired any more.
"""

from __future__ import annotations

import copy
import itertools
import os
import time
from datetime import datetime
from typing import Any

from celery.beat import PersistentScheduler, ScheduleEntry

from harness.probe.app_variables import ROLE_VARIABLE, load_spec
from harness.probe.loads.window import Window
from harness.probe.recording import sqs_requests
from harness.probe.recording.events import NO_ID, Kind, UnitFlag
from harness.probe.recording.ids import BEAT, first_unit, ident_maker, namer
from harness.probe.recording.recorder import Recorder
from harness.probe.software import versions
from harness.probe.workloads import periodic

_SILENT_S = 0.2


class RecordingScheduler(PersistentScheduler):
    """Records each fire of the cell's entries: when it was due, noticed, and sent."""

    def setup_schedule(self) -> None:
        """Not called on the copies that Celery makes only to look at them. In a worker with `-B`
        this is the first thing after its beat has closed all inherited files."""
        spec = load_spec()
        told = spec["schedule"]
        if told is None:
            raise ValueError("the cell spec has no schedule: there is nothing for beat to do")
        tag = int(told["tag"], 16)
        self._recorder = Recorder(spec["events"], "beat", versions=versions(spec["packages"]))
        self._recorder.open()
        if os.environ.get(ROLE_VARIABLE) == "beat":  # in a worker they are counted already
            sqs_requests.count(self._recorder, self.app.conf.broker_url or "")
        self._window = Window(told["window"])
        self._name, self._ident = namer(tag), ident_maker(tag)
        self._units = itertools.count(first_unit(BEAT))
        self._tick_ns = 0
        every_s: float | None = spec["workload"]["every"]
        self._every_ns = None if every_s is None else round(every_s * 1e9)
        self._grace_ns = (self._every_ns or 2 * periodic.CRONTAB_GRACE_NS) // 2
        super().setup_schedule()
        self._begins_ns = self._begin()

    def _begin(self) -> dict[int, int]:
        """When the schedule of each entry began, as the entry itself has it."""
        begins_ns, offset_ns = {}, periodic.wall_offset_ns()
        for name, entry in self.schedule.items():
            number = periodic.entry_number(name)
            if number is not None:
                at_ns = periodic.monotonic_ns_of(self._aware(entry), offset_ns)
                begins_ns[number] = at_ns
                self._recorder.record(Kind.SCHEDULED, NO_ID, at_ns, 0, number)
        return begins_ns

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Fire what is due, as long as it is measured."""
        if self._window.over(time.monotonic_ns() - self._grace_ns):
            return _SILENT_S
        wait_s: float = super().tick(*args, **kwargs)
        return wait_s

    def is_due(self, entry: ScheduleEntry) -> Any:
        """Whether it is, and when to look again."""
        decided = super().is_due(entry)
        self._tick_ns = time.monotonic_ns()
        return decided

    def apply_async(
        self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any
    ) -> Any:
        """Publish the entry's task, with a stamp before and after."""
        tick_ns, due_ns = self._tick_ns, self._due_ns(entry)
        entry = self.reserve(entry) if advance else entry
        number = periodic.entry_number(entry.name)
        if number is None:
            return super().apply_async(entry, producer, advance=False, **kwargs)
        unit = next(self._units)
        record, now, ident = self._recorder.record, time.monotonic_ns, self._ident(unit)
        record(Kind.DUE, ident, due_ns, unit)
        record(Kind.TICK, ident, tick_ns, unit, number)
        within = self._window.holds(self._point_ns(number, tick_ns, due_ns))
        flag = UnitFlag.MEASURED if within else UnitFlag.WARMUP
        # A copy: options of the entry itself would make its schedule another one to Celery.
        named = copy.copy(entry)
        named.options = {**entry.options, "task_id": self._name(unit, 0)}
        record(Kind.PUBLISH, ident, now(), unit, 0, flag)
        try:
            result = super().apply_async(named, producer, advance=False, **kwargs)
        except Exception:
            record(Kind.PUBLISH_FAILED, ident, now(), unit)
            raise  # Celery logs it, and goes on
        record(Kind.PUBLISHED, ident, now(), unit)
        return result

    def close(self) -> None:
        """End with the schedule's own file."""
        super().close()
        self._recorder.close()

    def _aware(self, entry: ScheduleEntry) -> datetime:
        last: datetime = entry.schedule.maybe_make_aware(entry.last_run_at)
        return last

    def _due_ns(self, entry: ScheduleEntry) -> int:
        """The moment beat aims at: counted from the last fire, or the next that a crontab names."""
        if self._every_ns is not None:
            due = self._aware(entry)
            return periodic.monotonic_ns_of(due, periodic.wall_offset_ns()) + self._every_ns
        last, delta, _ = entry.schedule.remaining_delta(self._aware(entry))
        return periodic.monotonic_ns_of(last + delta, periodic.wall_offset_ns())

    def _point_ns(self, number: int, tick_ns: int, due_ns: int) -> int:
        """The moment of the plan that a fire is for: the nearest one of begin + n x interval; of a
        crontab the one it names."""
        if self._every_ns is None:
            return due_ns
        begin_ns, every_ns = self._begins_ns[number], self._every_ns
        return begin_ns + (tick_ns - begin_ns + every_ns // 2) // every_ns * every_ns
