"""The workload `periodic`: beat's schedule, and what cannot work of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from harness.scenario.files.document import Conflict, Location
from harness.scenario.files.fields import Duration, NonEmptyItems
from harness.scenario.files.kinds import CellWord
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.files.wording import shown
from harness.scenario.loads.base import MOST_UNITS, LoadBase
from harness.scenario.loads.registry import LoadEntry
from harness.scenario.loads.schedule import ScheduleLoad
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure
from harness.scenario.models.messages import MessageOptions
from harness.scenario.workloads.base import WorkloadBase

_LOOKED_AT = timedelta(days=14)
_A_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
_CRONTAB_S = 60.0
"""The least time between two moments of a crontab."""


class PeriodicWorkload(WorkloadBase):
    """`check_cat()` by the clock: a unit is one fire of one entry of beat's schedule."""

    fired_by_beat: ClassVar[bool] = True

    workload: Literal["periodic"]
    every: Annotated[Duration, Field(ge=0.1, le=3600)] | None = None
    """Seconds between two fires of an entry ..."""
    crontab: str | None = None
    """... or five fields: minute, hour, day of month, month, day of week. One of the two."""
    entries: Annotated[int, Field(ge=1, le=1000)] = 1
    """Entries of the schedule, all of them alike."""
    through: Literal["beat", "worker"] = "beat"
    """`celery beat`, a process of its own, or `celery worker -B`, one inside the worker."""
    loads: NonEmptyItems[LoadEntry] | None = (ScheduleLoad(load="schedule"),)
    """There is only one: `schedule`."""

    @model_validator(mode="after")
    def _one_schedule(self) -> PeriodicWorkload:
        if (self.every is None) == (self.crontab is None):
            raise ValueError('give "every:", such as 1s, or "crontab:", such as "* * * * *"')
        return self

    @property
    def word(self) -> CellWord:
        """How names of cells call it: `periodic-1s`; `periodic,crontab=...`."""
        return CellWord("every", None if self.every is None else f"{self.every:g}s")

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """A load that is none of beat's; what beat, the backend or the time cannot do."""
        yield from as_far_as_known(self._without_options)
        yield from as_far_as_known(self._too_many_fires, measure)
        if not load.fired_by_beat:
            message = f"beat publishes periodic tasks when they are due, no load {load.load} does"
            yield ("load", "load"), f"{message}: leave out loads, or use load schedule"
            return
        yield from as_far_as_known(_of_the_configuration, configuration, self)
        yield from as_far_as_known(_of_the_time, self, measure)
        if load.clients > 1:
            yield ("load", "clients"), "beat publishes, and one client checks: leave out clients"

    def _without_options(self) -> Iterator[Conflict]:
        if self.options != MessageOptions(queue=self.options.queue):
            message = "beat publishes these messages, with no option but a queue: remove the others"
            yield ("workload", "options"), message

    def _too_many_fires(self, measure: Measure) -> Iterator[Conflict]:
        fires = self.entries * (measure.duration or 0.0) / (self.every or _CRONTAB_S)
        if fires > MOST_UNITS:
            message = f"{fires:,.0f} fires in a block: beat has numbers for {MOST_UNITS:,}"
            yield ("workload", "workload"), f"{message}, so measure for less long"

    def beyond_s(self, load: LoadBase, measure: Measure) -> float:  # noqa: ARG002
        """Until the first moment of the plan, and the last one's grace."""
        return 2 * (self.every or _CRONTAB_S)


def _of_the_configuration(
    configuration: Configuration, workload: PeriodicWorkload
) -> Iterator[Conflict]:
    who = f'configuration "{configuration.name}"'
    if configuration.backend.service == "rpc":
        message = f"results of fires would go to beat's own reply queue, and {who} has backend rpc"
        yield (("workload", "workload"), f"{message}: nobody could check them, use another backend")
    if workload.through != "worker":
        return
    where: Location = ("workload", "through")
    name, group = next(iter(configuration.groups.items()))  # see `runner.sessions.starting`
    path = f"workers.{name}" if configuration.workers else "worker"
    if group.count > 1:
        message = f"every worker with -B fires the whole schedule, and {who} has {group.count}"
        if len(configuration.groups) > 1:
            message += f" in its first group, {name}, whose worker gets it"
        yield (where, f"{message}: use {path}.count 1, or through: beat")
    if group.pool == "gevent":
        message = f"Celery has no -B for pool gevent, which {who} has"
        yield (where, f"{message}: use another pool, or through: beat")


def _of_the_time(workload: PeriodicWorkload, measure: Measure) -> Iterator[Conflict]:
    if measure.duration is None:
        if measure.units is not None:
            message = "a schedule is measured for a time: give measure.duration, not measure.units"
            yield (("load", "load"), message)
        return
    longest_s = workload.every
    if workload.crontab is not None:
        try:
            longest_s = _longest_wait_s(workload.crontab)
        except ValueError as error:
            yield (("workload", "crontab"), f"crontab {shown(workload.crontab)}: {error}")
            return
    place = "crontab" if workload.every is None else "every"
    if longest_s is None:
        message = "can keep silent for two weeks, and has to fire while it is measured"
        yield (("workload", place), f"this crontab {message}: use one that fires more often")
    elif measure.duration < longest_s:
        message = f"up to {longest_s:g} s pass between two fires, and measure.duration is"
        yield (("workload", place), f"{message} {measure.duration:g} s: raise it")


def _longest_wait_s(text: str) -> float | None:
    """The longest time between two moments that a crontab names; None for two weeks or more.
    ValueError if it is none."""
    from harness.probe.workloads.periodic import MINUTE, crontab_of, names  # noqa: PLC0415 - imports celery

    schedule, moment, before, longest = crontab_of(text), _A_MONDAY, _A_MONDAY, timedelta()
    while moment < _A_MONDAY + _LOOKED_AT:
        if names(schedule, moment):
            longest, before = max(longest, moment - before), moment
        moment += MINUTE
    longest = max(longest, moment - before)
    return None if longest >= _LOOKED_AT else longest.total_seconds()
