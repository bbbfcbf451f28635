"""Workloads as frozen values: what one unit of work is."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from harness.scenario.files.fields import Duration, NonEmptyItems
from harness.scenario.models.loads import LoadEntry, ScheduleLoad, or_bare_name
from harness.scenario.workloads.base import Steps, WorkloadBase
from harness.scenario.workloads.canvas import (
    ChordWorkload,
    ChunksWorkload,
    MapWorkload,
    NestedWorkload,
    StarmapWorkload,
)
from harness.scenario.workloads.own_tasks import NestedOwnTask, OwnTaskWorkload
from harness.scenario.workloads.tracking import TrackingWorkload


class AddWorkload(WorkloadBase):
    """`add(x, y)`; without x and y, every unit adds numbers of its own."""

    workload: Literal["add"]
    x: int | None = None
    y: int | None = None
    payload_bytes: Annotated[int, Field(ge=0, le=64 * 1024 * 1024)] = 0
    """Above 0, x is a string of that many bytes and y the unit's number."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> AddWorkload:
        if (self.x is None) != (self.y is None):
            raise ValueError("give both x and y, or neither")
        if self.payload_bytes and self.x is not None:
            raise ValueError("payload_bytes replaces x: give payload_bytes, or x and y")
        return self


class GroupWorkload(WorkloadBase):
    """A group of `buy_milk(volume)` and `buy_bread(count)` in turn."""

    joins: ClassVar[bool] = True
    workload: Literal["group"]
    size: Annotated[int, Field(ge=1, le=10_000)] = 2
    volume: int | None = None
    count: int | None = None
    """Litres and loaves; without them, every unit buys amounts of its own."""
    collect: Literal["get", "join"] = "get"
    """How the client waits: `get()` as in the tutorial, or `join()`, member by member. On Redis
    `get()` costs half a second as soon as one member is not ready: Celery sleeps first."""
    payload_bytes: Annotated[int, Field(ge=0, le=64 * 1024 * 1024)] = 0
    """Above 0, every member carries a string of that many bytes instead."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> GroupWorkload:
        if (self.volume is None) != (self.count is None):
            raise ValueError("give both volume and count, or neither")
        if self.payload_bytes and self.volume is not None:
            raise ValueError("payload_bytes replaces volume and count: give one or the other")
        return self

    @property
    def steps(self) -> Steps:
        """All side by side."""
        return (self.size,)


class ChainWorkload(WorkloadBase):
    """`fetch_user_name(id)`, then `greeting_user(name)` as often as the length asks for."""

    workload: Literal["chain"]
    length: Annotated[int, Field(ge=2, le=1000)] = 2
    id: int | None = None
    """Whose name the chain fetches; without it, every unit fetches a name of its own."""
    payload_bytes: Annotated[int, Field(ge=0, le=64 * 1024 * 1024)] = 0
    """Above 0, the name that is handed on is that many bytes long."""

    @model_validator(mode="after")
    def _one_name(self) -> ChainWorkload:
        if self.payload_bytes and self.id is not None:
            raise ValueError("payload_bytes replaces id: give one or the other")
        return self

    @property
    def steps(self) -> Steps:
        """One after the other."""
        return (1,) * self.length


class HeavyTaskWorkload(WorkloadBase):
    """`heavy_task(n)`: the product of 2..n-1 with a sleep per step; a string must fail."""

    workload: Literal["heavy_task"]
    n: Annotated[int, Field(ge=0, le=1500)] | str = 50
    """At most 1500: Python refuses to print whole numbers of more than 4300 digits."""
    sleep: Duration = 0.01
    """Per step; the tutorial sleeps 10 ms."""


class PeriodicWorkload(WorkloadBase):
    """`check_cat()` by the clock: a unit is one fire of one entry of beat's schedule."""

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


Workload = Annotated[
    AddWorkload
    | GroupWorkload
    | ChainWorkload
    | HeavyTaskWorkload
    | ChordWorkload
    | NestedWorkload
    | MapWorkload
    | StarmapWorkload
    | ChunksWorkload
    | TrackingWorkload
    | PeriodicWorkload
    | OwnTaskWorkload,
    Field(discriminator="workload"),
]
WorkloadEntry = Annotated[Workload, or_bare_name("workload", Workload, NestedOwnTask)]
"""As it stands in a list: a mapping, or just the name. `own_task_forms` has written out the nested
form of an own task by then."""
