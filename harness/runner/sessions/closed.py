"""Callers that publish a unit and wait for it before they publish the next one."""

from __future__ import annotations

from typing import Any

from harness.conversation import Answer
from harness.runner.sessions.in_turns import TurnsSession, WorkersUsed
from harness.runner.sessions.loaded import Loaded, put_together
from harness.runner.slices import Slice
from harness.runner.telling.events import Goal


class ClosedSession(TurnsSession):
    """A closed load: the clients wait for each result."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._answers: list[Answer] = []
        self._used = WorkersUsed()

    def load(self) -> Loaded:
        """Have all callers run their units, and wait until they are done."""
        measure = self.room.cell.measure
        self.room.courier.stage("measuring", Goal(measure.duration, measure.units))
        with self._used.meanwhile(self.workers):
            self._run()
        return self.left()

    def slice(self, one: Slice) -> None:
        """Have all callers start units, and wait until these are done, and what their tasks have
        published."""
        extent = {"duration_s": one.seconds, "units": one.units}
        with self.room.meter.turn(), self._used.meanwhile(self.workers):
            self._run(**{name: value for name, value in extent.items() if value is not None})
            if self.publishes_further() and self.going_on():
                self.come_to_rest(0)

    def left(self) -> Loaded:
        """What all that was put on so far has left."""
        return put_together(self._answers, len(self.clients), self._used.so_far)

    def _run(self, **extent: float) -> None:
        self._answers += self.clients.ask("measure", None, self.watch, **extent)

    @property
    def gave_up(self) -> bool:
        """Whether a client found that nothing comes back any more, or has no numbers left."""
        return any(one["gave_up"] or one["out_of_numbers"] for one in self._answers)
