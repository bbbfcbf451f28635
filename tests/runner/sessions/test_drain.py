"""How long a block waits for what may still come."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from harness.probe.recording.events import Kind, Stop, id_bytes, name_parts
from harness.probe.recording.recorder import Recorder
from harness.results.block.unfinished import Unfinished, left_running, unfinished
from harness.results.events.unit_shape import unit_shape
from harness.runner.sessions import drain as drain_module
from harness.runner.sessions.drain import QUIET_S, Drain
from harness.runner.sessions.session import quiet_s
from harness.scenario.plan.loader import load_plan
from tests.results.events.test_unit_shape import cell_of
from tests.runner.running import Site


class Empty:
    """A queue in which nothing waits."""

    def depth(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("workload", "settings", "seconds"),
    [
        ("chain", {"result_chord_retry_interval": 9.0}, QUIET_S),
        ("chord", {}, 3.0),
        ("nested", {"result_chord_retry_interval": 9.0}, 19.0),
        ("chord", {"result_chord_retry_interval": 0.1}, QUIET_S),
    ],
)
def test_two_looks_of_chord_unlock_fit_into_the_quiet(
    site: Site, workload: str, settings: dict[str, Any], seconds: float
) -> None:
    site.configuration(settings=settings)
    site.scenario(workloads=[workload])
    (cell,) = load_plan(site.folder / "scenarios" / "s.yaml").cells
    assert quiet_s(cell, unit_shape(cell_of(cell.workload))) == seconds


def test_an_idle_block_is_over_after_the_quiet(tmp_path: Path) -> None:
    """One task is done, another one never came."""
    recorder = Recorder(str(tmp_path), "worker")
    for kind in (Kind.RECEIVED, Kind.STARTED, Kind.FINISHED, Kind.STORED):
        recorder.record(kind, id_bytes("one"), 1)
    broker: Any = Empty()
    drain = Drain(tmp_path, broker, stores_results=True, quiet_s=0.4)
    begin = time.monotonic()
    assert drain.wait(2, 3600.0, lambda: True)
    assert time.monotonic() - begin >= 0.4


def test_after_faults_a_side_task_that_is_not_due_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing moves and the queue is empty, for the worker or the broker holds it until then. A run
    that a dead process had begun is waited for no more."""
    monkeypatch.setattr(drain_module, "AFTERMATH_S", 0.1)
    recorder = Recorder(str(tmp_path), "worker")
    recorder.record(Kind.STARTED, id_bytes("one"), 1)
    due_ns = time.monotonic_ns() + 700_000_000
    recorder.record(Kind.SPAWNED, id_bytes("two"), due_ns)
    broker: Any = Empty()
    monkeypatch.setattr(drain_module, "pid_lives", lambda _pid: False)
    drain = Drain(tmp_path, broker, stores_results=True, spawns=True)
    assert drain.wait_after_faults(None, 60.0, None, lambda: True)
    assert time.monotonic_ns() >= due_ns


def test_the_body_of_a_tasks_chord_is_waited_for(tmp_path: Path) -> None:
    """Between two looks for its header nothing moves, for however long; and a chord that is looked
    for without an end is named."""
    recorder = Recorder(str(tmp_path), "worker")
    for kind in (Kind.RECEIVED, Kind.STARTED, Kind.FINISHED):
        recorder.record(kind, id_bytes("unit"), 1)
    unlock = id_bytes("unlock")
    for kind in (Kind.UNLOCK_SENT, Kind.UNLOCK_SENT, Kind.UNLOCKED):  # it looked, and will again
        recorder.record(kind, unlock, 2)
    recorder.record(Kind.AGAIN, unlock, 2)
    broker: Any = Empty()
    drain = Drain(tmp_path, broker, stores_results=False, quiet_s=0.1, spawns=True)
    assert not drain.wait(1, 0.5, lambda: True)
    left = unfinished(tmp_path, 10_000_000_000)
    assert left == {"celery.chord_unlock": Unfinished(executions=1, messages=1)}
    recorder.record(Kind.UNLOCKED, unlock, 3)
    assert drain.wait(1, 60.0, lambda: True)
    assert "celery.chord_unlock" not in unfinished(tmp_path, 10)


def test_what_a_worker_was_running_when_it_ended_is_named(tmp_path: Path) -> None:
    """By its own log: what it had finished, or another process runs, is not its."""
    fallen = Recorder(str(tmp_path), "worker")
    for number, name in enumerate(("shop.done", "shop.oom", "shop.elsewhere")):
        for place, part in enumerate(name_parts(name)):
            fallen.record(Kind.TASK, part, 0, number, place)
    fallen.record(Kind.STARTED, id_bytes("done"), 1, 0)
    fallen.record(Kind.FINISHED, id_bytes("done"), 2, 0)
    fallen.record(Kind.STARTED, id_bytes("retried"), 3, 1)
    fallen.record(Kind.RETRIED, id_bytes("retried"), 4, 1)
    assert left_running(tmp_path, os.getpid()) == ()
    fallen.record(Kind.STARTED, id_bytes("last"), 5, 1)
    assert left_running(tmp_path, os.getpid()) == ("shop.oom",)
    assert left_running(tmp_path, os.getpid() + 1) == ()


def test_what_a_worker_that_fell_was_running_is_under_way_no_more(tmp_path: Path) -> None:
    """Nor what its pool was: more patience would show nothing more of it."""
    recorder = Recorder(str(tmp_path), "worker")
    for place, part in enumerate(name_parts("shop.cut", 255)):
        recorder.record(Kind.TASK, part, 0, 1, place)
    recorder.record(Kind.STARTED, id_bytes("one"), 1, 1)
    held = {"shop.cut": Unfinished(executions=1, messages=1)}
    assert unfinished(tmp_path, 10_000_000_000) == held
    assert unfinished(tmp_path, 10_000_000_000, [1]) == held, "another worker"
    assert unfinished(tmp_path, 10_000_000_000, [os.getpid()]) == {}
    assert unfinished(tmp_path, 10_000_000_000, [os.getppid()]) == {}


def test_a_retry_that_the_broker_holds_back_is_waited_for(tmp_path: Path) -> None:
    """As in native delayed delivery: it is in no queue of the block's, and no worker has it."""
    recorder = Recorder(str(tmp_path), "worker")
    name = name_parts("shop.later", 255)
    for part, ident in enumerate(name):
        recorder.record(Kind.TASK, ident, 1, 1, part)
    due_ns = time.monotonic_ns() + 700_000_000
    for kind in (Kind.RECEIVED, Kind.STARTED):
        recorder.record(kind, id_bytes("one"), 1, int(kind == Kind.STARTED))
    recorder.record(Kind.AGAIN, id_bytes("one"), due_ns, 1)
    recorder.record(Kind.RETRIED, id_bytes("one"), 2)
    broker: Any = Empty()
    drain = Drain(tmp_path, broker, stores_results=False, quiet_s=0.1, spawns=True)
    assert not drain.wait(1, 0.3, lambda: True)
    left = unfinished(tmp_path, 10_000_000_000)
    assert left == {"shop.later": Unfinished(executions=1, messages=1)}
    assert drain.wait(1, 60.0, lambda: True)
    assert time.monotonic_ns() >= due_ns


@pytest.mark.parametrize("after_faults", [False, True])
def test_units_that_the_broker_holds_back_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after_faults: bool
) -> None:
    """None was received yet, and none can be before its countdown is over. What is complete is not
    waited for."""
    monkeypatch.setattr(drain_module, "AFTERMATH_S", 0.1)
    broker: Any = Empty()
    drain = Drain(tmp_path, broker, stores_results=False, quiet_s=0.1, countdown_s=0.7)
    begin = time.monotonic()
    if after_faults:
        assert drain.wait_after_faults(1, 60.0, None, lambda: True)
    else:
        assert drain.wait(1, 60.0, lambda: True)
    assert time.monotonic() - begin >= 0.8
    assert Drain(tmp_path, broker, stores_results=False, countdown_s=1e9).wait(
        0, 60.0, lambda: True
    )


def test_what_celery_threw_away_or_killed_is_waited_for_no_more(tmp_path: Path) -> None:
    """One message was received and had expired, one task was killed at its time limit."""
    recorder = Recorder(str(tmp_path), "worker")
    for name, why in (("late", Stop.EXPIRED), ("long", Stop.HARD_LIMIT)):
        recorder.record(Kind.RECEIVED, id_bytes(name), 1)
        if why is Stop.HARD_LIMIT:
            recorder.record(Kind.STARTED, id_bytes(name), 2)
        recorder.record(Kind.STORED, id_bytes(name), 3)
        recorder.record(Kind.STOPPED, id_bytes(name), 3, 0, why, 1)
    broker: Any = Empty()
    drain = Drain(tmp_path, broker, stores_results=True, quiet_s=0.1)
    assert drain.wait(2, 60.0, lambda: True)
