"""When a block may begin: workers whose pool processes are shown by what they record."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness.crew.workers import numbered
from harness.probe.recording.events import NO_ID, Kind
from harness.probe.recording.recorder import Recorder
from harness.runner.sessions.readiness import wait_ready
from harness.scenario.models.configuration import Worker


class SlowToHandOut:
    """A worker that needs some time for each message: the next one finds the first process free
    again unless the task before it lasts longer than that."""

    def __init__(self, folder: Path, needs_s: float) -> None:
        self.needs_s, self.held_s = needs_s, list[float]()
        self.children = []
        Recorder(str(folder), "worker").record(Kind.WORKER_READY, NO_ID, 1)
        for _ in range(2):
            self.children.append(Recorder(str(folder), "child"))
            self.children[-1].record(Kind.PROCESS_READY, NO_ID, 2)

    def started(self, *_: Any) -> list[dict[str, Any]]:
        return [{}]

    def __len__(self) -> int:
        return 1

    def ask(self, what: str, *_: Any, count: int, hold_s: float, **__: Any) -> list[dict[str, Any]]:
        assert what == "probe"
        self.held_s.append(hold_s)
        for number in range(count):
            process = number % 2 if hold_s > self.needs_s else 0
            self.children[process].record(Kind.STARTED, NO_ID, 3)
        return [{"back": count, "errors": []}]


def held_s(folder: Path, needs_s: float) -> list[float]:
    clients: Any = SlowToHandOut(folder, needs_s)
    groups = numbered({"worker": Worker(concurrency=2)})
    workers: Any = SimpleNamespace(groups=groups, pids=(1,), check=lambda: None, log_tails=str)
    wait_ready(workers, clients, folder, 60.0, {})
    found: list[float] = clients.held_s
    return found


def test_probe_tasks_hold_their_process_for_longer_until_each_has_run_one(tmp_path: Path) -> None:
    """Otherwise one process runs them all for as long as the machine is slow."""
    assert held_s(tmp_path, 0.1) == [0.02, 0.04, 0.08, 0.16]


def test_one_round_is_enough_where_messages_come_fast(tmp_path: Path) -> None:
    assert held_s(tmp_path, 0.001) == [0.02]
