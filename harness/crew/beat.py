"""The beat of one block, started by Celery's own command line: `celery beat`, or `worker -B`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.crew.falls import Fall
from harness.crew.workers import APP
from harness.environments.interpreter import Interpreter
from harness.errors import WorkerError
from harness.probe.loads.window import Window
from harness.probe.recording.ids import new_tag
from harness.probe.spoken import ScheduleSpec
from harness.processes import Process
from harness.scenario.models.configuration import Worker
from harness.usage import Usage, usage
from harness.working_place import WorkingPlace

_SCHEDULER = "harness.probe.beat:RecordingScheduler"
STOP_GRACE_S = 10.0


@dataclass(frozen=True)
class BeatFiles:
    """The files in which beat keeps its schedule, and finds out what is measured."""

    schedule: Path
    window: Path
    tag: int
    """First half of the ids of the tasks it publishes."""

    @classmethod
    def in_folder(cls, folder: Path, number: int) -> BeatFiles:
        """Files of a block's beat; nothing of an earlier one stands in them."""
        return cls(folder / f"schedule-{number:03d}", folder / f"window-{number:03d}", new_tag())

    def spec(self) -> ScheduleSpec:
        """What beat and the client are told of it."""
        return {"tag": f"{self.tag:016x}", "window": str(self.window)}

    def options(self) -> tuple[str, ...]:
        """Words for `celery beat` and for `celery worker -B` alike."""
        return ("--scheduler", _SCHEDULER, "--schedule", str(self.schedule))


def embedding(worker: Worker, files: BeatFiles) -> Worker:
    """A worker with beat inside."""
    options = (*worker.options, "--beat", *files.options())
    return worker.model_copy(update={"options": options})


class Beat:
    """The beat process of a block, or what stands for the one inside a worker. A context manager
    that leaves no process behind."""

    def __init__(self, files: BeatFiles, *, embedded: bool) -> None:
        self.embedded = embedded
        self.window = Window(str(files.window))
        self._files = files
        self._process: Process | None = None

    def start(self, place: WorkingPlace) -> None:
        """Start `celery beat`. It is not ready yet when this returns."""
        self._process = place.spawn(self._command_line(place.interpreter), "beat")

    def _command_line(self, interpreter: Interpreter) -> Sequence[str]:
        celery = (str(interpreter.python), "-m", "celery", "-A", APP)
        return (*celery, "beat", *self._files.options())

    def __enter__(self) -> Beat:
        return self

    def __exit__(self, _: object, exc: BaseException | None, *__: object) -> None:
        if isinstance(exc, KeyboardInterrupt) and self._process is not None:
            self._process.kill()
        self.stop()

    @property
    def fall(self) -> Fall | None:
        """How beat ended by itself; None if it did not."""
        process = self._process
        return None if process is None or process.alive() else Fall.of(process)

    def check(self) -> None:
        """WorkerError with the end of its log if it is gone. One inside a worker ends with it, or
        by itself, which its fires show."""
        process = self._process
        if process is not None and not process.alive():
            raise WorkerError(f"beat ended with {process.ending}; {self.log_tail()}")

    def log_tail(self) -> str:
        """The end of its log, if it has one of its own."""
        process = self._process
        if process is None:
            return "its log is the worker's"
        return f"the end of {process.log.name}:\n{process.log_tail(15)}"

    def usage(self) -> Usage | None:
        """CPU and memory; None inside a worker, to whose figures they belong."""
        return None if self._process is None else usage([self._process.pid])

    def stop(self) -> None:
        """SIGTERM, as a user's init system would; killed if that does not end it. Idempotent."""
        if self._process is not None:
            self._process.stop(STOP_GRACE_S)


@dataclass(frozen=True)
class BeatSeat:
    """A block's beat, and how to start it when the workers are warm."""

    beat: Beat
    start: Callable[[], None]
    """Does nothing for one inside a worker."""
