"""When a block may begin: workers whose pool processes are shown by what they record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.crew.workers import Group, numbered
from harness.errors import WorkerError
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


class Groups:
    """Clients whose probe tasks reach the workers of the groups that consume a queue, in turn."""

    def __init__(self, folder: Path, groups: Sequence[Group]) -> None:
        self.asked: list[tuple[str, int]] = []
        self.consumers: dict[str, list[Recorder]] = {}
        for group in groups:
            for _ in group.numbers:
                main = Recorder(str(folder), "worker", group=group.name)
                main.record(Kind.WORKER_READY, NO_ID, 1)
                pool = [main]
                if group.asked.pool == "prefork":
                    pool = [
                        Recorder(str(folder), "child", group=group.name)
                        for _ in range(group.slots // len(group.numbers))
                    ]
                    for child in pool:
                        child.record(Kind.PROCESS_READY, NO_ID, 2)
                for queue in group.asked.queues:
                    self.consumers.setdefault(queue, []).extend(pool)

    def started(self, *_: Any) -> list[dict[str, Any]]:
        return [{}]

    def __len__(self) -> int:
        return 1

    def ask(self, what: str, *_: Any, count: int, queue: str, **__: Any) -> list[dict[str, Any]]:
        assert what == "probe"
        self.asked.append((queue, count))
        for number in range(count):
            consumers = self.consumers[queue]
            consumers[number % len(consumers)].record(Kind.STARTED, NO_ID, 3)
        return [{"back": count, "errors": []}]


def ready(folder: Path, groups: Mapping[str, Worker], limit_s: float = 60.0) -> Groups:
    told = numbered(groups)
    clients = Groups(folder, told)
    pids = range(sum(group.count for group in groups.values()))
    workers: Any = SimpleNamespace(groups=told, pids=pids, check=lambda: None, log_tails=str)
    anybody: Any = clients
    wait_ready(workers, anybody, folder, limit_s, {})
    return clients


def test_each_group_is_reached_through_a_queue_of_its_own(tmp_path: Path) -> None:
    """Tasks on a queue that others consume, too, may all be taken by these."""
    fast = Worker(pool="threads", concurrency=3, queues=("shared", "urgent"))
    slow = Worker(concurrency=2, count=2, queues=("shared", "reports"))
    assert ready(tmp_path, {"fast": fast, "slow": slow}).asked == [("urgent", 6), ("reports", 8)]


def test_groups_that_share_a_queue_are_ready_when_all_of_both_have_run_one(tmp_path: Path) -> None:
    one, other = Worker(concurrency=2, queues=("q",)), Worker(concurrency=3, queues=("q",))
    assert ready(tmp_path, {"one": one, "other": other}).asked == [("q", 10)]


def test_a_group_that_no_task_reaches_is_named(tmp_path: Path) -> None:
    groups = {"fast": Worker(queues=("a",)), "slow": Worker(queues=("b",))}

    class Lost(Groups):
        def ask(self, what: str, *_: Any, **told: Any) -> list[dict[str, Any]]:
            return super().ask(what, **(told | {"queue": "a"}))

    told = numbered(groups)
    workers: Any = SimpleNamespace(groups=told, pids=(1, 2), check=lambda: None, log_tails=str)
    clients: Any = Lost(tmp_path, told)
    with pytest.raises(WorkerError, match="only 0 of 2 pool processes of group slow ran a probe"):
        wait_ready(workers, clients, tmp_path, 0.5, {})
