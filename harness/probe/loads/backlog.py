"""The load `backlog`: everything is published, and nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from celery.app import app_or_default

from harness.probe import publishing
from harness.probe.loads.base import Extent
from harness.probe.publishing import Publisher
from harness.probe.recording.events import UnitFlag
from harness.probe.workloads.base import Workload
from harness.probe.workloads.units import Published, UnitRunner

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
        self, workload: Workload, numbers: range, extent: Extent, flags: UnitFlag
    ) -> list[Published]:
        units = numbers[: extent.units or 0]
        self.next_unit = units.stop
        self.out_of_numbers = len(units) < (extent.units or 0)
        publisher = publishing.make(self._path, app_or_default(), self._units, workload)
        try:
            publisher.prepare()
            self._publish(publisher, units, flags)
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
