"""Loads: how units arrive. One class per shape; each returns what it could not finish."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from celery.app import app_or_default

from harness.probe import publishing
from harness.probe.publishing import Publisher
from harness.probe.recording.events import Outcome, UnitFlag
from harness.probe.recording.ids import end_of_numbers
from harness.probe.workloads.base import Workload
from harness.probe.workloads.units import Published, UnitRunner


@dataclass(frozen=True)
class Extent:
    """How much is to be run: a number of units, or units started within a time."""

    units: int | None
    duration_s: float | None


class Load(Protocol):
    """A shape of load."""

    gave_up: bool
    out_of_numbers: bool
    """The client had no number left for a unit that it should have run."""
    next_unit: int
    """After a run: the first number that no unit of it has."""

    def run(
        self, workload: Workload, first: int, extent: Extent, flags: UnitFlag
    ) -> list[Published]:
        """Run units numbered from `first`; those without a result yet are returned."""
        ...


class Closed:
    """n callers, each publishing its next unit when the result of the last one is in.

    A caller is a thread, as in a web server. Celery gives each thread a result backend with
    connections of its own, so the threads live as long as this object: what warm-up has
    opened is still open when the measuring begins.
    """

    def __init__(self, units: UnitRunner, stop: threading.Event, in_flight: int) -> None:
        self._units = units
        self._stop = stop
        self._in_flight = in_flight
        self._threads = ThreadPoolExecutor(in_flight, thread_name_prefix="caller")
        self.next_unit = 0
        self.out_of_numbers = False
        self.gave_up = False
        """Nothing came back any more: twice as many units in a row as callers timed out."""

    def run(
        self, workload: Workload, first: int, extent: Extent, flags: UnitFlag
    ) -> list[Published]:
        turn = _Turn(first, extent, self._in_flight)
        jobs = [
            self._threads.submit(self._call, workload, turn, flags) for _ in range(self._in_flight)
        ]
        for job in jobs:
            job.result()
        self.gave_up = self.gave_up or turn.hopeless
        self.out_of_numbers = turn.out_of_numbers
        self.next_unit = turn.next_unit_unused
        return turn.unresolved

    def _call(self, workload: Workload, turn: _Turn, flags: UnitFlag) -> None:
        while not self._stop.is_set():
            unit = turn.next_unit()
            if unit is None:
                return
            published = self._units.publish(unit, workload, flags)
            turn.note(published, None if published is None else self._units.wait(published))


class _Turn:
    """What the callers of one closed load share."""

    def __init__(self, first: int, extent: Extent, in_flight: int) -> None:
        self._numbers = itertools.count(first)
        self._end = None if extent.units is None else first + extent.units
        self._last = end_of_numbers(first)
        self._deadline = None if extent.duration_s is None else time.monotonic() + extent.duration_s
        self._patience = 2 * in_flight
        self._in_vain = 0
        self.unresolved: list[Published] = []
        self.out_of_numbers = False

    @property
    def next_unit_unused(self) -> int:
        """Asked when all callers are done."""
        return next(self._numbers)

    @property
    def hopeless(self) -> bool:
        return self._in_vain >= self._patience

    def next_unit(self) -> int | None:
        """The next unit's number, or None when there is none to run."""
        if self.hopeless:
            return None
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return None
        unit = next(self._numbers)
        if self._end is not None and unit >= self._end:
            return None
        self.out_of_numbers = self.out_of_numbers or unit >= self._last
        return None if self.out_of_numbers else unit

    def note(self, published: Published | None, outcome: Outcome | None) -> None:
        """Remember units without a result, and how many there were in a row."""
        if published is not None and outcome is not Outcome.TIMED_OUT:
            self._in_vain = 0
            return
        self._in_vain += 1
        if published is not None:
            self.unresolved.append(published)


_MOST_REFUSALS = 5
"""A client may retry for many seconds before each refusal."""


class Backlog:
    """Publishes all units at once; nobody waits for a result."""

    def __init__(self, spec: Mapping[str, Any], units: UnitRunner, stop: threading.Event) -> None:
        """`spec`: the cell spec's `load`; its `publish` is the path."""
        self.next_unit = 0
        self.out_of_numbers = False
        self.gave_up = False
        """Nothing could be published any more: _MOST_REFUSALS units in a row were refused."""
        self._units = units
        self._stop = stop
        self._path: str = spec["publish"]

    def run(
        self, workload: Workload, first: int, extent: Extent, flags: UnitFlag
    ) -> list[Published]:
        wanted, end = first + (extent.units or 0), end_of_numbers(first)
        self.next_unit = min(wanted, end)
        self.out_of_numbers = wanted > end
        publisher = publishing.make(self._path, app_or_default(), self._units, workload)
        try:
            publisher.prepare()
            self._publish(publisher, range(first, self.next_unit), flags)
            return publisher.published()
        finally:
            publisher.close()

    def _publish(self, publisher: Publisher, units: range, flags: UnitFlag) -> None:
        in_vain = 0
        for begin in range(0, len(units), publisher.most_at_once):
            self.gave_up = in_vain >= _MOST_REFUSALS
            if self.gave_up or self._stop.is_set():
                break
            some = units[begin : begin + publisher.most_at_once]
            refused = publisher.publish(some, None, flags)
            in_vain = in_vain + len(refused) if len(refused) == len(some) else 0


def make(
    spec: Mapping[str, Any], units: UnitRunner, stop: threading.Event, callers: Closed
) -> Load:
    """The load of the cell spec, whose `client` names a class as `module:Class`. Without one the
    `callers`, who warm up, are all that is needed here: an open loop is run by `open_loop`, and the
    units of a schedule are published by beat. The rows are those of `scenario.loads.registry`."""
    if not spec["client"]:
        return callers
    module, _, name = spec["client"].partition(":")
    made: Load = getattr(import_module(module), name)(spec, units, stop)
    return made
