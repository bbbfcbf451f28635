"""Callers that publish a unit and wait for it before they publish the next one."""

from __future__ import annotations

from typing import Any

from harness.conversation import Answer
from harness.runner.sessions.session import Loaded, Session, put_together, since
from harness.runner.telling.events import Goal
from harness.usage import Usage


class ClosedSession(Session):
    """A closed load: the clients wait for each result."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._answers: list[Answer] = []
        self._used: dict[str, Usage] = {}
        """Of each group of workers."""

    def load(self) -> Loaded:
        """Have all callers run their units, and wait until they are done."""
        measure = self.room.cell.measure
        self.room.courier.stage("measuring", Goal(measure.duration, measure.units))
        self._run()
        return self.loaded()

    def slice(self, lasts_s: float) -> None:
        """Have all callers start units for so long, and wait until these are done."""
        with self.room.meter.turn():
            self._run(duration_s=lasts_s)

    def loaded(self) -> Loaded:
        """What all that was put on so far has left."""
        return put_together(self._answers, len(self.clients), self._used)

    def _run(self, **extent: float) -> None:
        before = self.workers.usage()
        self._answers += self.clients.ask("measure", None, self.watch, **extent)
        for name, used in since(before, self.workers.usage()).items():
            so_far = self._used.get(name, Usage(0, 0))
            cpu_ns, grown = so_far.cpu_ns + used.cpu_ns, so_far.grown_bytes + used.grown_bytes
            self._used[name] = Usage(cpu_ns, used.peak_rss_bytes, grown)

    @property
    def gave_up(self) -> bool:
        """Whether a client found that nothing comes back any more, or has no numbers left."""
        return any(one["gave_up"] or one["out_of_numbers"] for one in self._answers)
