"""The tutorial's workload `add`: one task, one result."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from harness.scenario.workloads.base import OneTask, Payload


class AddWorkload(OneTask):
    """`add(x, y)`; without x and y, every unit adds numbers of its own."""

    prebuilt: ClassVar[bool] = True
    task: ClassVar[str] = "harness.probe.tasks.add"

    workload: Literal["add"]
    x: int | None = None
    y: int | None = None
    payload_bytes: Payload = 0
    """Above 0, x is a string of that many bytes and y the unit's number."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> AddWorkload:
        if (self.x is None) != (self.y is None):
            raise ValueError("give both x and y, or neither")
        if self.payload_bytes and self.x is not None:
            raise ValueError("payload_bytes replaces x: give payload_bytes, or x and y")
        return self
