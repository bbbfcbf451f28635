"""The tutorial's workload `group`: tasks side by side, whose results are joined."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from harness.scenario.files.kinds import CellWord
from harness.scenario.workloads.base import Payload, Steps, WorkloadBase


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
    payload_bytes: Payload = 0
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
        """One step: all members side by side."""
        return (self.size,)

    @property
    def word(self) -> CellWord:
        """How names of cells call it: `group-10`."""
        return CellWord("size", str(self.size))
