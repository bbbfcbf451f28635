"""Loads: how units arrive. One class per kind; each returns what it could not finish."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from harness.probe.recording.events import UnitFlag
from harness.probe.workloads.base import Workload
from harness.probe.workloads.units import Published, UnitRunner


@dataclass(frozen=True)
class Extent:
    """How much is to be run: a number of units, or units that begin before a moment."""

    units: int | None
    ends_s: float | None
    """By the monotonic clock. A moment and no duration, so that it counts from when measuring is
    recorded to begin, whatever a process waits for after that."""


class Load(Protocol):
    """What runs a load's units in one client."""

    gave_up: bool
    out_of_numbers: bool
    """The client had no number left for a unit that it should have run."""
    next_unit: int
    """The first number that no unit of the last run has."""

    def run(
        self, workload: Workload, numbers: range, extent: Extent, flags: UnitFlag
    ) -> list[Published]:
        """Run units with these `numbers`, as far as they go; those without a result yet are
        returned."""
        ...


def make(spec: Mapping[str, Any], units: UnitRunner, stop: threading.Event, callers: Load) -> Load:
    """The load of the cell spec, whose `client` names a class as `module:Class`. Without one the
    `callers`, who warm up, are all that is needed here: an open loop is run by `open_loop`, and the
    units of a schedule are published by beat. The rows are those of `scenario.loads.registry`."""
    if not spec["client"]:
        return callers
    module, _, name = spec["client"].partition(":")
    made: Load = getattr(import_module(module), name)(spec, units, stop)
    return made
