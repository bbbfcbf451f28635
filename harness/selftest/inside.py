"""A block that is being measured, as somebody on the same machine meddles with it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from harness.errors import HarnessError
from harness.probe.app_variables import ROLE_VARIABLE, SPEC_VARIABLE
from harness.probe.recording.events import Kind
from harness.probe.spoken import CelerySettings, CellSpec
from harness.processes import is_alive
from harness.results.events.eventlog import Tail

_LOOK_S = 0.02
PATIENCE_S = 60.0


class MeddlingError(HarnessError):
    """What was to be planted could not be: nothing was checked."""


class Stall(NamedTuple):
    """How long processes really stood still: all of them, between these moments."""

    begin_ns: int
    """CLOCK_MONOTONIC, like the end."""
    end_ns: int

    @property
    def duration_s(self) -> float:
        """Seconds that they stood still."""
        return (self.end_ns - self.begin_ns) / 1e9


class Inside:
    """The block under way. Its methods raise MeddlingError once it is `over`."""

    def __init__(self, over: threading.Event) -> None:
        self._over = over
        self._spec: CellSpec | None = None

    @property
    def settings(self) -> CelerySettings:
        """The Celery settings of its workers, once it has begun. They hold credentials."""
        if self._spec is None:
            raise MeddlingError("selftest: the block has not begun")
        return self._spec["settings"]

    def wait_begin(self) -> None:
        """Return when the measured units begin."""
        self.wait(lambda: bool(self.processes("worker")), "the workers' start")
        spec = self.processes("worker")[0].environ()[SPEC_VARIABLE]
        told: CellSpec = json.loads(Path(spec).read_text(encoding="utf-8"))
        self._spec = told
        tail = Tail(Path(told["events"]))

        def begun() -> bool:
            tail.refresh()
            return tail.count(Kind.MEASURE_BEGIN) > 0

        self.wait(begun, "the begin of the measurement")

    def wait(self, reached: Callable[[], bool], what: str) -> None:
        """Look again and again until something is so."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not reached():
            if self._over.is_set() or time.monotonic() > deadline_s:
                raise MeddlingError(f"selftest: waited in vain for {what}")
            time.sleep(_LOOK_S)

    def pause(self, duration_s: float) -> None:
        """Let the block go on for a while."""
        if self._over.wait(duration_s):
            raise MeddlingError("selftest: the block ended before anything could be planted")

    def processes(self, role: str) -> list[psutil.Process]:
        """Living processes of this run with a role, parents before their children."""
        found = []
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error, OSError):
                if process.environ().get(ROLE_VARIABLE) == role and is_alive(process):
                    found.append(process)
        return sorted(found, key=lambda process: process.create_time())

    @contextmanager
    def standing(self, role: str) -> Iterator[int]:
        """While entered, every process of a role stands still (SIGSTOP); since when (ns)."""
        stopped = self.processes(role)
        try:
            for process in stopped:
                _quietly(process.suspend)
            self.wait(lambda: all(map(_stands, stopped)), f"the {role} to stand still")
            yield time.monotonic_ns()
        finally:
            for process in reversed(stopped):  # who feeds the others goes on last
                _quietly(process.resume)

    def stall(self, role: str, duration_s: float) -> Stall:
        """Stop all processes of a role for just so long."""
        with self.standing(role) as begin_ns:
            self.pause((begin_ns - time.monotonic_ns()) / 1e9 + duration_s)
            end_ns = time.monotonic_ns()
        return Stall(begin_ns, end_ns)


def _stands(process: psutil.Process) -> bool:
    try:
        stopped = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
        return process.status() in stopped or not is_alive(process)
    except psutil.Error:
        return True


def _quietly(act: Callable[[], None]) -> None:
    with suppress(psutil.Error):
        act()
