"""The load `closed`, and who warms up under any load: callers that wait for results."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness.probe.loads.base import Extent
from harness.probe.recording.events import Outcome, UnitFlag
from harness.probe.workloads.base import Workload
from harness.probe.workloads.units import Published, UnitRunner


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
        self.took_s: list[float] = []
        """How long each unit of the warm-up took, as they ended."""

    def run(
        self, workload: Workload, numbers: range, extent: Extent, flags: UnitFlag
    ) -> list[Published]:
        turn = _Turn(numbers, extent, self._in_flight)
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
            began_s = time.monotonic()
            published = self._units.publish(unit, workload, flags)
            turn.note(published, None if published is None else self._units.wait(published))
            if flags is UnitFlag.WARMUP:
                self.took_s.append(time.monotonic() - began_s)


class _Turn:
    """What the callers of one closed load share."""

    def __init__(self, numbers: range, extent: Extent, in_flight: int) -> None:
        self._numbers = itertools.count(numbers.start)
        self._end = None if extent.units is None else numbers.start + extent.units
        self._last = numbers.stop
        self._deadline = extent.ends_s
        self._patience = 2 * in_flight
        self._in_vain = 0
        self.unresolved: list[Published] = []
        self.out_of_numbers = False

    @property
    def next_unit_unused(self) -> int:
        """Asked when all callers are done."""
        return min(next(self._numbers), self._last)

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
