"""Callers that publish a unit and wait for it before they publish the next one."""

from __future__ import annotations

from harness.runner.sessions.session import Loaded, Session, put_together, since
from harness.runner.telling.events import Goal


class ClosedSession(Session):
    """A closed load: the clients wait for each result."""

    def load(self) -> Loaded:
        """Have all callers run their units, and wait until they are done."""
        before = self.workers.usage()
        measure = self.room.cell.measure
        self.room.courier.stage("measuring", Goal(measure.duration, measure.units))
        answers = self.clients.ask("measure", None, self.watch)
        return put_together(answers, since(before, self.workers.usage()))
