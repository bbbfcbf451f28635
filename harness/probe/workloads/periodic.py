"""The workload `periodic`: its units, beat's entries, and the moments at which a crontab is due."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from celery import Celery
from celery.result import AsyncResult
from celery.schedules import ParseException, crontab

from harness.probe import tasks
from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, OneOf, OneResult, resolved
from harness.probe.workloads.messages import Options

_PREFIX = "check_cat-"
_FIELDS = 5
MINUTE = timedelta(minutes=1)
CRONTAB_GRACE_NS = 1_000_000_000
"""How late a fire of a crontab may be when the measured time is over."""


def entries(workload: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`beat_schedule`: so many entries of `check_cat`, all with the same schedule."""
    every_s, options = workload["every"], Options(workload).of(0)
    return {
        f"{_PREFIX}{number:04d}": {
            "task": tasks.check_cat.name,
            "schedule": crontab_of(workload["crontab"]) if every_s is None else every_s,
            **({"options": options} if options else {}),
        }
        for number in range(workload["entries"])
    }


def entry_number(name: str) -> int | None:
    """The number of an entry of ours; None for one that Celery added, as for its clean-up."""
    return int(name.removeprefix(_PREFIX)) if name.startswith(_PREFIX) else None


def crontab_of(text: str) -> crontab:
    """The schedule that five fields name, in crontab's own order. ValueError if they do not."""
    fields = text.split()
    if len(fields) != _FIELDS:
        raise ValueError(
            "a crontab has five fields: minute, hour, day of month, month, day of week"
        )
    minute, hour, day_of_month, month_of_year, day_of_week = fields
    try:
        return crontab(minute, hour, day_of_week, day_of_month, month_of_year)
    except ParseException as error:
        raise ValueError(str(error)) from error


def names(schedule: crontab, moment: datetime) -> bool:
    """Whether the crontab names the minute of a moment. Written apart from Celery's own search
    for the next one, which is what is measured."""
    return (
        moment.minute in schedule.minute
        and moment.hour in schedule.hour
        and moment.day in schedule.day_of_month
        and moment.month in schedule.month_of_year
        and moment.isoweekday() % 7 in schedule.day_of_week
    )


def points(app: Celery, workload: Mapping[str, Any], begin_ns: int, end_ns: int) -> Iterator[int]:
    """The moments of [begin_ns, end_ns) at which the workload's crontab is due, CLOCK_MONOTONIC.
    None for an interval, whose moments follow from its begin."""
    if workload["every"] is not None:
        return
    schedule, offset_ns = crontab_of(workload["crontab"]), wall_offset_ns()
    moment = datetime.fromtimestamp((begin_ns + offset_ns) / 1e9, timezone.utc).replace(
        second=0, microsecond=0
    )
    while (at_ns := monotonic_ns_of(moment, offset_ns)) < end_ns:
        if at_ns >= begin_ns and names(schedule, moment.astimezone(app.timezone)):
            yield at_ns
        moment += MINUTE


def wall_offset_ns() -> int:
    """What the wall clock is ahead of CLOCK_MONOTONIC now. Wrong by no more than the time between
    two readings, well below a microsecond unless the process is put aside just then: the pair
    with the least of it counts."""
    readings = []
    for _ in range(3):
        before_ns, wall_ns, after_ns = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        readings.append((after_ns - before_ns, wall_ns - (before_ns + after_ns) // 2))
    return min(readings)[1]


def monotonic_ns_of(moment: datetime, offset_ns: int) -> int:
    """A moment of the wall clock (to its microsecond) as CLOCK_MONOTONIC."""
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since_epoch // timedelta(microseconds=1)) * 1000 - offset_ns


class Periodic(OneResult):
    """`check_cat()`. Beat publishes its units; the client only those that warm up."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self._task = resolved(tasks.check_cat)
        self._options = Options(spec)

    def arguments(self, unit: int) -> tuple[()]:  # noqa: ARG002 - every unit is alike
        """What the unit's task is called with."""
        return ()

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        options = self._options.of(unit)
        return self._task.apply_async((), task_id=name(unit, 0), producer=producer, **options)

    def expected(self, unit: int) -> OneOf:  # noqa: ARG002 - every unit is alike
        return OneOf(tasks.CAT_SENTENCES)
