"""Observers and the clients they watch for, driven by hand."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness.conversation import answer_in
from harness.probe.recording.events import Kind, UnitFlag, id_bytes
from harness.probe.recording.ids import namer, new_tag
from harness.probe.recording.recorder import Recorder
from harness.results.events.eventlog import EVENT, Events, logs_in, read
from tests.probe.forked import Program
from tests.probe.live import Site, Talk, probe_process

LIMIT_S = 30.0


class Observer(Talk):
    """The conversation with one observer."""

    start: dict[str, Any]

    def watch(self, *tags: int) -> None:
        self.ask("watch", tags=[f"{tag:016x}" for tag in tags])

    def settle(self, expected: int | None = None, limit_s: float = LIMIT_S) -> dict[str, Any]:
        return self.ask("settle", limit_s=limit_s, expected=expected)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """It does not run in the meantime."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def sightings(self, events: Path) -> Sightings:
        """What it has recorded so far."""
        return sightings_in(events, f"observer-{self.pid}-*.evt")


Sightings = dict[tuple[int, int, int], tuple[int, int]]
"""(tag, unit, position) -> (time_ns, Outcome)."""


def sightings_in(events: Path, pattern: str = "observer-*.evt") -> Sightings:
    """What one observer has recorded; nothing twice."""
    (log,) = events.glob(pattern)
    seen = of_kind(read(log).events, Kind.SEEN)
    found = {
        (int(one["hi"]), int(one["unit"]), int(one["position"])): (
            int(one["time_ns"]),
            int(one["flags"]),
        )
        for one in seen
    }
    assert len(found) == len(seen), "something was recorded twice"
    for one in seen:  # the id says the same as the fields beside it
        lo = int(one["lo"])
        assert (lo >> 32 & (1 << 30) - 1, lo >> 16 & 0xFFFF) == (one["unit"], one["position"])
    return found


@contextlib.contextmanager
def observer(site: Site, name: str, **spec: Any) -> Iterator[Observer]:
    """An observer that watches. Ends with the end of its input, by itself and soon."""
    with probe_process(site, "observer", name, spec) as (process, log_path):
        talk = Observer(process, log_path, site.events, spec.get("workload", {}))
        talk.start = talk.answer("start")
        yield talk
        process.stdin.close()
        assert process.wait(60) == 0, log_path.read_text()
        assert "Traceback" not in log_path.read_text()


class Sender:
    """A client process that publishes and does not wait."""

    def __init__(self, process: Program) -> None:
        self._process = process
        self.tag = int(self._answer("start")["tag"], 16)

    def publish(self) -> None:
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._answer("publish")

    def _answer(self, name: str) -> dict[str, Any]:
        lines = iter(self._process.stdout.readline, "")
        said = next(filter(None, (answer_in(line.encode()) for line in lines)), None)
        assert said is not None, "the sender ended; its error is in its log"
        assert said["done"] == name
        return said


@contextlib.contextmanager
def sender(
    site: Site, name: str, count: int, reply_to: str | None, **spec: Any
) -> Iterator[Sender]:
    """A sender that is ready to publish `count` units."""
    arguments = [str(count)] if reply_to is None else [str(count), reply_to]
    environ = site.environ("client", site.spec(name, **spec))
    log = site.folder / f"{name}.log"
    process = Program("tests.probe.watching.sender", arguments, environ, log, piped=True)
    try:
        yield Sender(process)
        process.stdin.close()
        assert process.wait(60) == 0, log.read_text()
    finally:
        process.kill()


class Paper:
    """A client that exists on paper: it has a tag and an event log, and publishes nothing."""

    def __init__(self, site: Site) -> None:
        self.tag = new_tag()
        self.name = namer(self.tag)
        self._recorder = Recorder(str(site.events), "client")

    def published(self, *units: int) -> None:
        for unit in units:
            ident = id_bytes(self.name(unit, 0))
            now_ns = time.monotonic_ns()
            self._recorder.record(Kind.PUBLISH, ident, now_ns, unit, 0, UnitFlag.MEASURED)


def of_kind(events: Events, kind: Kind) -> Events:
    found: Events = events[events["kind"] == kind]
    return found


def storing(site: Site) -> dict[tuple[int, int], int]:
    """(hi, lo) of a task -> when a worker began to store its final state."""
    logs = [read(log).events for log in logs_in(site.events)]
    found = of_kind(np.concatenate([np.empty(0, EVENT), *logs]), Kind.STORING)
    return {(int(one["hi"]), int(one["lo"])): int(one["time_ns"]) for one in found}
