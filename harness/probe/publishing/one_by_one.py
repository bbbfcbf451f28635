"""The path `api`: the user's own call, one unit at a time."""

from __future__ import annotations

from collections.abc import Sequence

from harness.probe.recording.events import UnitFlag
from harness.probe.workloads.base import Workload
from harness.probe.workloads.units import Published, UnitRunner


class OneByOne:
    """`apply_async` for each unit, with the app's own producers."""

    most_at_once = 1

    def __init__(self, units: UnitRunner, workload: Workload) -> None:
        self._runner = units
        self._workload = workload
        # Kept, and not only for the checks: a result that is dropped unsubscribes itself.
        self._published: list[Published] = []

    def prepare(self) -> None:
        """Do nothing: a user's first call connects, too."""

    def publish(
        self, units: Sequence[int], dues_ns: Sequence[int] | None, flags: UnitFlag
    ) -> list[int]:
        """Publish with one call for each unit; the refused ones are returned. A call that raised
        counts as refused, whatever the broker made of it."""
        refused = []
        for place, unit in enumerate(units):
            due_ns = None if dues_ns is None else dues_ns[place]
            published = self._runner.publish(unit, self._workload, flags, due_ns)
            if published is None:
                refused.append(unit)
            else:
                self._published.append(published)
        return refused

    def published(self) -> list[Published]:
        """The units published since the last call of this, the refused ones left out."""
        taken, self._published = self._published, []
        return taken

    def close(self) -> None:
        """Do nothing: the connections are the app's."""
