"""The workload `heavy_task`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.scenario.files.fields import Duration
from harness.scenario.workloads.base import WorkloadBase


class HeavyTaskWorkload(WorkloadBase):
    """`heavy_task(n)`: the product of 2..n-1 with a sleep per step; a string must fail."""

    workload: Literal["heavy_task"]
    n: Annotated[int, Field(ge=0, le=1500)] | str = 50
    """At most 1500: Python refuses to print whole numbers of more than 4300 digits."""
    sleep: Duration = 0.01
    """Per step; the tutorial sleeps 10 ms."""
