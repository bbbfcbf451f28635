"""Everything is published while the workers are held, and then consumed."""

from __future__ import annotations

import time

from harness.probe.recording.events import NO_ID, Kind
from harness.probe.recording.recorder import Recorder
from harness.runner.sessions.loaded import Loaded, put_together, since
from harness.runner.sessions.session import Session
from harness.runner.telling.events import Goal


class BacklogSession(Session):
    """Everything is published while the workers are held; then they are let go."""

    def load(self) -> Loaded:
        """Publish everything, let the workers go, and wait until the queue is empty."""
        done_before = self.drain.finished()
        self.workers.hold()
        goal = Goal(units=self.room.cell.measure.units)
        self.room.courier.stage("publishing", goal)
        answers = self.clients.ask("measure", None, self.watch)
        before = self.workers.usage()
        recorder = Recorder(str(self.room.events), "harness")
        recorder.open()
        recorder.record(Kind.RELEASE, NO_ID, time.monotonic_ns())
        self.workers.release()
        recorder.close()
        self.room.courier.stage("consuming", goal)
        self.come_to_rest(done_before + sum(answer["unresolved_tasks"] for answer in answers))
        return put_together(answers, len(self.clients), since(before, self.workers.usage()))
