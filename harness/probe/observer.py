"""The observer process: `python -m harness.probe.observer`. It sees results for clients that
do not wait.

It talks like the client process (see `probe.client`). First of all comes
`{"done": "start", "method": ..., "resolution_s": ..., "reply_to": ...}`, once it really watches:

- `watch`: results under these `tags` (16 hex digits each) count from now on;
- `settle`: watch on until nothing new comes for a moment, `expected` results were seen, or
  `limit_s` has passed; answers what was `seen`, how many of it was `undecodable` or had to be
  `caught_up` after an interruption, the CPU it took since `watch`, and any `trouble`;
- `exit`, or the end of the input: leave.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import traceback

from celery import Celery
from celery.backends.base import DisabledBackend

from harness.probe.answers import answer
from harness.probe.app import app
from harness.probe.app_variables import load_spec
from harness.probe.recording.recorder import Recorder
from harness.probe.software import versions
from harness.probe.spoken import CellSpec, Line, ObserverAnswer, SettledAnswer
from harness.probe.watching.base import Troubles, Watcher
from harness.probe.watching.polling import Polling
from harness.probe.watching.reply_queue import ReplyQueue
from harness.probe.watching.sightings import Sightings
from harness.probe.watching.subscription import Subscription
from harness.probe.workloads.registry import units_of

_STEP_S = 0.05
_LEAVE_S = 5.0
"""However a server behaves, the process is gone so long after it was told to leave."""


class Observer:
    """State of one observer process between commands."""

    def __init__(self, spec: CellSpec) -> None:
        self._recorder = Recorder(spec["events"], "observer", versions=versions(spec["packages"]))
        self._recorder.open()
        workload = units_of(spec["workload"])
        self._troubles = Troubles()
        self._sightings = Sightings(self._recorder, workload)
        self._watcher = make(app, spec, self._sightings, self._troubles)
        self._watcher.open()
        self._tags: frozenset[int] = frozenset()
        self._cpu_ns = time.process_time_ns()

    def start(self) -> ObserverAnswer:
        """By which method results are seen, and how exactly."""
        return {
            "method": self._watcher.method,
            "resolution_s": self._watcher.resolution_s,
            "reply_to": self._watcher.reply_to,
        }

    def step(self) -> None:
        """See what has come; wait a little if nothing has."""
        try:
            self._watcher.step(_STEP_S)
        except Exception as error:  # it goes on; the harness is told  # noqa: BLE001
            self._troubles.note("observing failed", error)
            traceback.print_exc()
            time.sleep(_STEP_S)

    def watch(self, tags: list[str]) -> Line:
        """Count results under these tags."""
        self._tags |= {int(tag, 16) for tag in tags}
        self._sightings.watch(self._tags)
        self._watcher.watch(self._tags)
        self._cpu_ns = time.process_time_ns()
        return {}

    def settle(self, limit_s: float, expected: int | None = None) -> SettledAnswer:
        """See what is still on its way."""
        now_s = quiet_since_s = time.monotonic()
        deadline_s, seen = now_s + limit_s, self._sightings.seen
        while now_s < deadline_s and seen != expected:
            self.step()
            now_s = time.monotonic()
            if self._sightings.seen != seen:
                seen, quiet_since_s = self._sightings.seen, now_s
            elif now_s - quiet_since_s >= self._watcher.moment_s:
                break
        return {
            "seen": self._sightings.seen,
            "undecodable": self._sightings.undecodable,
            "caught_up": self._watcher.caught_up,
            "cpu_ns": time.process_time_ns() - self._cpu_ns,
            "resolution_s": self._watcher.resolution_s,
            "trouble": self._troubles.text(),
        }

    def close(self) -> None:
        """Stop watching, and give the event log's unused space back."""
        self._recorder.close()
        self._watcher.close()


def make(application: Celery, spec: CellSpec, sightings: Sightings, troubles: Troubles) -> Watcher:
    """The cheapest way of watching this backend. ValueError if there is nothing to watch."""
    backend, events = application.backend, spec["events"]
    if isinstance(backend, DisabledBackend):
        raise ValueError("this configuration stores no results: there is nothing to observe")
    kinds = {one.__name__ for one in type(backend).__mro__}
    if "RedisBackend" in kinds:
        return Subscription(application, events, sightings, troubles)
    if "RPCBackend" in kinds:
        return ReplyQueue(application, sightings, troubles)
    return Polling(application, events, sightings, troubles)


def main() -> None:
    """Watch, and obey until told to exit."""
    commands: queue.SimpleQueue[Line] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(commands,), daemon=True).start()
    try:
        observer = Observer(load_spec())
    except Exception as error:  # whatever a server's client raises  # noqa: BLE001
        answer(_refusal(error))
        os._exit(1)
    answer({"done": "start", **observer.start()})
    while True:
        try:
            command = commands.get_nowait()
        except queue.Empty:
            observer.step()
            continue
        name = command.pop("do")
        if name == "exit":
            break
        try:
            answer({"done": name, **getattr(observer, name)(**command)})
        except Exception as error:  # reported to the harness, which words it  # noqa: BLE001
            answer(_refusal(error))
    observer.close()
    os._exit(0)


def _listen(commands: queue.SimpleQueue[Line]) -> None:
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "exit":
            break
        commands.put(command)
    commands.put({"do": "exit"})
    time.sleep(_LEAVE_S)
    os._exit(0)


def _refusal(error: Exception) -> Line:
    return {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}


if __name__ == "__main__":
    main()
