"""Which of several faults is to blame, where more than one had to do with a unit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from harness.probe.recording.events import Kind
from tests.results.faults.made_blocks import (
    CHILD,
    MAIN,
    OTHER_CHILD,
    OTHER_MAIN,
    MadeBlock,
    note,
    ns,
)
from tests.results.faults.test_faults import KILL, steady

LATE = {"task_acks_late": True}
OTHER_KILL: dict[str, Any] = {"died": (OTHER_MAIN, OTHER_CHILD), "mains": (OTHER_MAIN,)}


def test_a_worker_that_stood_still_did_not_cut_short_what_another_ran(tmp_path: Path) -> None:
    """A long task of the other worker, which is killed later: that kill's, and no promise of the
    pause is broken."""
    block = MadeBlock()
    steady(block, 0, 3)
    long = block.unit(2.5)
    block.receive(long, 2.51, other=True)
    block.run(long, 2.52, None, other=True)
    steady(block, 4.0, 10)
    block.receive(long, 8.0)
    block.run(long, 8.01, 8.02)
    block.see(long, 8.03)
    pause = note("stop_worker", 3.0, 3.5, pool=(CHILD,))
    kill = note("kill_worker", 5.0, number=1, **OTHER_KILL)
    read = block.read(tmp_path, pause, kill, settings=LATE)
    assert read.outcome(long) == "ok"
    assert [fault.trouble.duplicated for fault in read.fields["faults"]] == [0, 1]
    assert [promise.kept for promise in read.fields["promises"]] == ["untested", "kept"]


def test_what_a_worker_held_while_it_stood_still_is_the_brokers_that_lost_it(
    tmp_path: Path,
) -> None:
    """The pause ended nothing: the broker that was killed afterwards took the message along."""
    block = MadeBlock()
    steady(block, 0, 3)
    held = block.unit(2.99)
    block.receive(held, 2.995)
    steady(block, 5.0, 10)
    pause = note("stop_worker", 3.0, 3.5, pool=(CHILD,))
    broker = note("kill_broker", 3.6, 4.0, number=1)
    read = block.read(tmp_path, pause, broker)
    assert read.outcome(held) == "lost"
    assert [fault.trouble.lost for fault in read.fields["faults"]] == [0, 1]
    assert "broken" not in [promise.kept for promise in read.fields["promises"]]
    alone = block.read(tmp_path, pause)
    assert alone.fault.trouble.lost == 1


def test_what_was_delivered_again_is_no_longer_the_first_kills(tmp_path: Path) -> None:
    """Held by a worker that was killed, received by another one, lost with the broker."""
    block = MadeBlock()
    steady(block, 0, 3)
    held = block.unit(2.9)
    block.receive(held, 2.91)
    block.run(held, 2.95, None)
    steady(block, 3.1, 6.5, other=True)
    block.receive(held, 6.4, other=True)
    steady(block, 8.0, 10, other=True)
    kill = note("kill_worker", 3.0, **KILL)
    broker = note("kill_broker", 6.5, 7.0, number=1, mains=(OTHER_MAIN,))
    read = block.read(tmp_path, kill, broker, settings=LATE)
    assert read.outcome(held) == "lost"
    assert [fault.trouble.lost for fault in read.fields["faults"]] == [0, 1]
    alone = block.read(tmp_path, kill, settings=LATE)
    assert alone.fault.trouble.lost + alone.fault.trouble.timed_out == 1


def test_what_the_other_worker_has_is_not_forgotten(tmp_path: Path) -> None:
    """Only the one that stood still lost its connection, and with it what it had not begun."""
    block = MadeBlock()
    steady(block, 0, 3)
    forgotten, waiting = block.unit(2.9), block.unit(2.9)
    block.receive(forgotten, 2.91)
    block.receive(waiting, 2.91, other=True)
    steady(block, 3.6, 10)
    read = block.read(tmp_path, note("stop_worker", 3.0, 3.5, pool=(CHILD,)))
    assert [read.outcome(unit) for unit in (forgotten, waiting)] == ["lost", "timed_out"]


@pytest.mark.parametrize(
    ("fault", "outcome"), [("reset_network", "lost"), ("slow_network", "timed_out")]
)
def test_a_slow_network_makes_no_worker_forget(tmp_path: Path, fault: str, outcome: str) -> None:
    """A worker that has to connect anew throws away what it had received and not begun."""
    block = MadeBlock()
    steady(block, 0, 3)
    held = block.unit(2.99)
    block.receive(held, 2.995)
    steady(block, 5.0, 10)
    assert block.read(tmp_path, note(fault, 3.0, 3.5)).outcome(held) == outcome


@pytest.mark.parametrize(("call", "blamed"), [(Kind.UNSTORED, [1, 0]), (None, [0, 1])])
def test_a_result_that_the_backend_refused_is_in_nobodys_hand(
    tmp_path: Path, call: Kind | None, blamed: list[int]
) -> None:
    """The pool process that had it runs other tasks since; a warm shutdown finds it at one of
    them. A call that never came back was in its hand."""
    block = MadeBlock()
    steady(block, 0, 3)
    refused = block.unit(3.05)
    block.receive(refused, 3.06)
    for kind in (Kind.STARTED, Kind.FINISHED, Kind.STORING, *([call] if call else [])):
        block.stamp(CHILD, kind, refused, 3.08)
    steady(block, 4.0, 10)
    backend = note("kill_backend", 3.0, 3.5)
    shutdown = note("shutdown_worker", 5.0, number=1, died=(MAIN, CHILD), mains=(MAIN,))
    read = block.read(tmp_path, backend, shutdown)
    assert read.outcome(refused) == "lost"
    assert [fault.trouble.lost for fault in read.fields["faults"]] == blamed


def test_of_two_kills_each_cut_a_run_of_one_unit(tmp_path: Path) -> None:
    """Begun three times: the second run is the first kill's, the third one the second's."""
    block = MadeBlock()
    steady(block, 0, 3)
    unit = block.unit(2.9)
    for at_s, other in ((2.95, False), (4.0, True)):
        block.receive(unit, at_s - 0.01, other=other)
        block.run(unit, at_s, None, other=other)
    block.parents[41] = 40
    block.stamp(40, Kind.RECEIVED, unit, 6.0)
    for kind in (Kind.STARTED, Kind.FINISHED, Kind.STORING, Kind.STORED):
        block.stamp(41, kind, unit, 6.1)
    block.see(unit, 6.2)
    kills = (note("kill_worker", 3.0, **KILL), note("kill_worker", 5.0, number=1, **OTHER_KILL))
    read = block.read(tmp_path, *kills, settings=LATE)
    assert [fault.trouble.duplicated for fault in read.fields["faults"]] == [1, 1]
    assert read.unattributed.unsound == 0


def test_a_slow_network_has_lost_nothing(tmp_path: Path) -> None:
    """What the broker took along is still not back when the network is slow: that breaks no
    promise."""
    block = MadeBlock()
    steady(block, 0, 3)
    held = block.unit(2.99)
    block.receive(held, 2.995)
    steady(block, 4.0, 4.2)
    broker, slow = note("kill_broker", 3.0, 3.5), note("slow_network", 4.2, 5.0, number=1)
    read = block.read(tmp_path, broker, slow)
    assert read.outcome(held) == "lost"
    assert [fault.trouble.lost for fault in read.fields["faults"]] == [1, 0]
    assert "broken" not in [promise.kept for promise in read.fields["promises"]]


def test_a_member_that_went_elsewhere_does_not_excuse_the_loss_of_another(tmp_path: Path) -> None:
    """Of a group a killed worker held both: one was delivered again, the other one is lost, which
    the broker that is killed later has nothing to do with."""
    block = MadeBlock(tasks=2)
    unit = block.unit(2.9)
    for task in (0, 1):
        block.stamp(MAIN, Kind.RECEIVED, unit, 2.91, task=task)
    block.stamp(CHILD, Kind.STARTED, unit, 2.92)
    block.stamp(OTHER_MAIN, Kind.RECEIVED, unit, 3.5, task=1)
    for kind in (Kind.STARTED, Kind.FINISHED, Kind.STORING, Kind.STORED):
        block.stamp(OTHER_CHILD, kind, unit, 3.6, task=1)
    kill = note("kill_worker", 3.0, **KILL)
    read = block.read(tmp_path, kill, note("kill_broker", 5.0, 6.0, number=1))
    assert read.outcome(unit) == "lost"
    assert [fault.trouble.lost for fault in read.fields["faults"]] == [1, 0]


def test_a_warm_shutdown_let_a_run_end_that_the_backend_refused(tmp_path: Path) -> None:
    """It ran when the shutdown began, and ended within it; backend and broker were away then. No
    promise of the shutdown is broken."""
    block = MadeBlock()
    steady(block, 0, 3)
    refused = block.unit(2.99)
    block.receive(refused, 2.995)
    for kind, at_s in ((Kind.STARTED, 2.999), (Kind.FINISHED, 3.6), (Kind.UNSTORED, 3.61)):
        block.stamp(CHILD, kind, refused, at_s)
    shutdown = note("shutdown_worker", 3.0, died=(MAIN, CHILD))
    shutdown = dataclasses.replace(shutdown, struck_ns=ns(3.7))
    backend = note("kill_backend", 3.2, 4.0, number=1, model={})
    broker = note("restart_broker", 3.3, 3.9, number=2)
    read = block.read(tmp_path, shutdown, backend, broker)
    assert read.outcome(refused) == "lost"
    assert [fault.trouble.lost for fault in read.fields["faults"]] == [0, 1, 0]
    assert "broken" not in [promise.kept for promise in read.fields["promises"]]


@pytest.mark.parametrize(
    ("received_s", "faults", "blamed"),
    [
        (2.9, ("kill_broker", "kill_broker"), [1, 0]),
        (2.9, ("reset_network", "kill_broker"), [1, 0]),
        (3.6, ("kill_broker", "reset_network"), [0, 1]),
        (None, ("kill_broker", "restart_broker"), [1, 0]),
        (None, ("reset_network", "kill_broker"), [0, 1]),
        (None, ("slow_network", "reset_network"), [0, 1]),
    ],
)
def test_of_two_faults_the_first_that_met_it_lost_it(
    tmp_path: Path, received_s: float | None, faults: tuple[str, str], blamed: list[int]
) -> None:
    """The one that cut off the worker that had it, or that took what waited with the broker."""
    block = MadeBlock()
    steady(block, 0, 2.9)
    held = block.unit(2.89)
    if received_s is not None:
        block.receive(held, received_s)
    steady(block, 5.0, 10)
    first, second = note(faults[0], 3.0, 3.5), note(faults[1], 3.7, 4.0, number=1)
    read = block.read(tmp_path, first, second)
    assert read.outcome(held) == "lost"
    assert [fault.trouble.lost for fault in read.fields["faults"]] == blamed
