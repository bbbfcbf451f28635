"""How units get to the broker when nobody waits for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harness.probe.events import UnitFlag
from harness.probe.units import UnitRunner
from harness.probe.workloads import Workload


class Publisher(Protocol):
    """One way of publishing."""

    most_at_once: int
    """Units that one call may take."""

    def publish(
        self, units: Sequence[int], dues_ns: Sequence[int] | None, flags: UnitFlag
    ) -> list[int]:
        """Publish the units; those refused are returned, and recorded as such."""
        ...


class Api:
    """`apply_async`, as users call it."""

    most_at_once = 1

    def __init__(self, units: UnitRunner, workload: Workload) -> None:
        self._units = units
        self._workload = workload

    def publish(
        self, units: Sequence[int], dues_ns: Sequence[int] | None, flags: UnitFlag
    ) -> list[int]:
        """Publish the units, one by one."""
        dues: Sequence[int | None] = dues_ns or [None] * len(units)
        return [
            unit
            for unit, due_ns in zip(units, dues, strict=True)
            if self._units.publish(unit, self._workload, flags, due_ns) is None
        ]
