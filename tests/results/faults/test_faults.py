"""Attribution, orphans, recovery and promises, on logs made by hand."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from harness.probe.recording.events import Kind
from harness.report.tables.faults import workers_back
from harness.report.words.warnings import warning_detail
from harness.results.block.by_queue import Takers
from harness.results.block.ledger import BlockEnd
from harness.results.events.merged import MISSING
from harness.results.faults.notes import FaultNote
from harness.results.faults.promises import SUBJECTS, promise_for
from harness.results.faults.recovery import UnitsInOrder, level_before, recovery
from harness.results.record.faults import FaultLevel, Trouble
from harness.results.record.run import BlockRecord
from harness.runner.faults.arming import BREAKERS
from harness.scenario.files.kinds import kinds
from harness.scenario.models.configuration import Configuration, provided
from harness.scenario.models.faults import FAULT_KINDS, Fault, NetworkFault, Subject, WorkerFault
from harness.scenario.vendors.base import Provider
from tests.results.faults.made_blocks import (
    CHILD,
    CONFIG,
    MAIN,
    OTHER_CHILD,
    OTHER_MAIN,
    MadeBlock,
    Read,
    fell,
    note,
    ns,
)

KILL: dict[str, Any] = {"died": (MAIN, CHILD)}
FELL = fell()


def steady(block: MadeBlock, begin_s: float, end_s: float, *, other: bool = False) -> None:
    """Fifty units a second that go well, so that there is something usual."""
    for number in range(round((end_s - begin_s) * 50)):
        block.done(begin_s + number / 50, other=other)


def test_a_killed_worker_is_to_blame_for_what_it_held(tmp_path: Path) -> None:
    """What it had received or begun; not what was lost elsewhere, nor what another one holds."""
    block = MadeBlock()
    steady(block, 0, 3)
    received, begun, elsewhere, living = (block.unit(2.9) for _ in range(4))
    block.receive(received, 2.91)
    block.receive(begun, 2.91)
    block.run(begun, 2.912, None)
    block.receive(elsewhere, 2.91, other=True)
    block.stamp(OTHER_CHILD, Kind.STARTED, elsewhere, 2.912)
    block.stamp(OTHER_CHILD, Kind.FINISHED, elsewhere, 2.93)  # never stored: that is no kill's
    block.receive(living, 2.91, other=True)
    steady(block, 3.1, 10, other=True)
    read = block.read(tmp_path, note("kill_worker", 3.0, **KILL))
    assert [read.outcome(unit) for unit in (received, begun)] == ["lost", "lost"]
    assert read.outcome(elsewhere) == "lost"
    assert read.outcome(living) == "timed_out"  # a living worker has it
    assert read.fault.trouble == Trouble(lost=2)
    assert read.fields["unattributed"] == Trouble(lost=1, timed_out=1)
    (promise,) = read.fields["promises"]
    assert (promise.promise, promise.kept, promise.touched) == ("at_most_once", "kept", 2)
    assert promise.allowed == {"lost": 2}


def test_a_message_that_never_arrived_is_the_killed_workers(tmp_path: Path) -> None:
    """Published before the kill and received by nobody: popped, and not looked at yet. One that was
    published afterwards is nobody's."""
    block = MadeBlock()
    steady(block, 0, 3)
    before, after = block.unit(2.99), block.unit(3.5)
    steady(block, 3.6, 10, other=True)
    read = block.read(tmp_path, note("kill_worker", 3.0, **KILL))
    assert [read.outcome(unit) for unit in (before, after)] == ["lost", "lost"]
    assert read.fault.trouble.lost == 1
    assert read.unattributed.lost == 1


def test_what_the_broker_still_has_is_not_lost(tmp_path: Path) -> None:
    """It holds two messages of the dead worker: those that were not begun. The promise is open."""
    block = MadeBlock()
    steady(block, 0, 3)
    units = [block.unit(2.9) for _ in range(3)]
    for unit in units:
        block.receive(unit, 2.91)
    block.run(units[0], 2.95, None)
    steady(block, 3.1, 10, other=True)
    kill = note("kill_worker", 3.0, **KILL)
    late = {"task_acks_late": True}
    read = block.read(tmp_path, kill, unacknowledged=2, settings=late)
    assert [read.outcome(unit) for unit in units] == ["lost", "timed_out", "timed_out"]
    assert read.fault.trouble == Trouble(lost=1, timed_out=2)
    (promise,) = read.fields["promises"]
    assert (promise.promise, promise.kept) == ("at_least_once", "broken")
    assert promise.broken_by == {"lost": 1}
    again = block.read(tmp_path, kill, unacknowledged=3, settings=late)
    assert again.fields["promises"][0].kept == "open"


def test_a_second_run_is_the_killed_workers(tmp_path: Path) -> None:
    """Late acknowledgement: begun here, and once more elsewhere. Another duplicate, of a task that
    the worker never had, is nobody's."""
    block = MadeBlock()
    steady(block, 0, 3)
    again, stranger = block.unit(2.9), block.unit(4.0)
    block.receive(again, 2.91)
    block.run(again, 2.95, None)
    block.receive(again, 5.0, other=True)
    block.run(again, 5.01, 5.02, other=True)
    block.see(again, 5.03)
    for moment in (4.1, 4.2):
        block.receive(stranger, moment, other=True)
        block.run(stranger, moment, moment + 0.01, other=True)
    block.see(stranger, 4.12)
    steady(block, 3.1, 10, other=True)
    late = {"task_acks_late": True}
    read = block.read(tmp_path, note("kill_worker", 3.0, **KILL), settings=late)
    assert read.outcome(again) == "ok"
    assert read.fault.trouble.duplicated == 1
    assert read.unattributed.duplicated == 1
    assert read.fields["promises"][0].kept == "kept"
    later = note("shutdown_worker", 7.0, number=1, died=(OTHER_MAIN, OTHER_CHILD))
    both = block.read(tmp_path, note("kill_worker", 3.0, **KILL), later)
    assert [fault.trouble.duplicated for fault in both.fields["faults"]] == [1, 0]
    early = block.read(tmp_path, note("kill_worker", 3.0, **KILL))
    assert (early.fields["promises"][0].promise, early.fields["promises"][0].broken_by) == (
        "at_most_once",
        {"duplicated": 1},
    )


def test_a_broker_is_to_blame_for_what_waited_and_what_was_refused(tmp_path: Path) -> None:
    """Down from 3 s to 4 s: units in the queue, units whose publish call raised, and what.
    Those lost long after all was well again are nobody's."""
    block = MadeBlock()
    steady(block, 0, 3)
    waiting = block.unit(2.99)
    refused = [block.unit(3.2, fails=1), block.unit(3.3, fails=2), block.unit(3.4, fails=1)]
    forgotten = block.unit(2.98)
    block.receive(forgotten, 2.985)
    steady(block, 4, 8)
    stray = block.unit(7.5)
    steady(block, 8, 10)
    broker = note("kill_broker", 3.0, 4.0, target="broker")
    raised = ["OperationalError: refused", "TimeoutError: too long"]
    read = block.read(tmp_path, broker, reasons=[raised])
    assert [read.outcome(unit) for unit in (waiting, forgotten, stray)] == ["lost"] * 3
    assert [read.outcome(unit) for unit in refused] == ["failed"] * 3
    assert read.fault.trouble == Trouble(lost=2, failed=3, refused=3)
    assert read.fault.errors == {"OperationalError": 2, "TimeoutError": 1}
    assert read.fields["unattributed"] == Trouble(lost=1)
    assert read.fault.first_back_s == pytest.approx(1.01)
    assert read.fault.p99_back_s == pytest.approx(0.5, abs=0.2)
    assert (read.fault.workers, read.fault.back_by_itself) == (1, 1)


def test_of_two_faults_each_gets_its_own(tmp_path: Path) -> None:
    """A broker that is away, then a kill: evidence of the process goes before the time."""
    block = MadeBlock()
    steady(block, 0, 3)
    waiting = block.unit(2.99)
    steady(block, 4, 6)
    held = block.unit(5.9)
    block.receive(held, 5.95)
    block.run(held, 5.99, None)
    steady(block, 6.1, 10, other=True)
    read = block.read(
        tmp_path,
        note("kill_broker", 3.0, 4.0),
        note("kill_worker", 6.0, number=1, **KILL),
    )
    assert [read.outcome(unit) for unit in (waiting, held)] == ["lost", "lost"]
    assert [fault.trouble.lost for fault in read.fields["faults"]] == [1, 1]
    assert read.fields["unattributed"] == Trouble()


def test_a_backend_is_to_blame_for_results(tmp_path: Path) -> None:
    """Away from 3 s to 4 s: what was finished and not stored. What was lost in the queue is not."""
    block = MadeBlock()
    steady(block, 0, 3)
    unstored, queued = block.unit(3.2), block.unit(3.2)
    block.receive(unstored, 3.21)
    block.stamp(CHILD, Kind.STARTED, unstored, 3.22)
    block.stamp(CHILD, Kind.FINISHED, unstored, 3.23)
    steady(block, 4, 10)
    read = block.read(tmp_path, note("kill_backend", 3.0, 4.0, model={}))
    assert [read.outcome(unit) for unit in (unstored, queued)] == ["lost", "lost"]
    assert read.fault.trouble.lost == 1
    assert read.unattributed.lost == 1


def test_a_worker_that_fell_holds_nothing(tmp_path: Path) -> None:
    """No fault was about it, yet it ended: what its pool had begun is lost."""
    block = MadeBlock()
    steady(block, 0, 3)
    begun = block.unit(2.9)
    block.receive(begun, 2.91)
    block.run(begun, 2.95, None)
    full = note("fill_broker", 3.0, 4.0)
    assert block.read(tmp_path, full).outcome(begun) == "timed_out"
    assert block.read(tmp_path, full, fallen=(FELL,)).outcome(begun) == "lost"


@pytest.mark.parametrize(("at_s", "number"), [(2.0, None), (3.0, 0), (4.99, 0), (19.0, 1)])
def test_the_last_fault_before_a_worker_fell_tells_of_it(
    tmp_path: Path, at_s: float, number: int | None
) -> None:
    """What fell before anything was broken is in no fault's words, and a fault that was never done
    has none."""
    block = MadeBlock()
    steady(block, 0, 3)
    never = dataclasses.replace(note("kill_backend", 9.0), number=2, begin_ns=None)
    faults = (note("reset_network", 3.0, 3.2), note("slow_network", 5.0, 5.2, number=1), never)
    read = block.read(tmp_path, *faults, fallen=(fell(at_s),))
    assert [one.number for one in read.fields["faults"]] == [0, 1, 2]
    told = {one.number: one.fell for one in read.fields["faults"] if one.fell}
    assert told == ({} if number is None else {number: {"worker1": "AttributeError"}})


def test_a_worker_that_fell_where_nothing_was_broken(tmp_path: Path) -> None:
    """Lost is what it had and no broker delivers again; the other worker still has its own. That it
    ended is told even if no unit was the worse for it."""
    block = MadeBlock()
    steady(block, 0, 3)
    begun, received, living, again = (block.unit(2.9) for _ in range(4))
    for unit in (begun, received, again):
        block.receive(unit, 2.91)
    block.run(begun, 2.92, None)
    block.run(again, 2.93, None)
    block.receive(living, 2.91, other=True)
    block.run(living, 2.92, None, other=True)
    block.receive(again, 3.5, other=True)
    block.run(again, 3.6, 3.7, other=True)
    block.see(again, 3.8)
    read = block.read(tmp_path, fallen=(FELL,))
    outcomes = [read.outcome(unit) for unit in (begun, received, living, again)]
    assert outcomes == ["lost", "lost", "timed_out", "ok"]
    assert read.fields["fallen_workers"] == 1
    assert (read.fields["faults"], read.fields.get("unattributed")) == ((), None)
    kept = block.read(tmp_path, fallen=(FELL,), unacknowledged=1)
    assert [kept.outcome(unit) for unit in (begun, received)] == ["lost", "timed_out"]
    nothing = block.read(tmp_path)
    assert nothing.fields["fallen_workers"] == 0
    well = BlockRecord(number=0, cell=0, repetition=0, status="complete", started_at="")
    assert well.as_expected
    for fields in ({"fallen_workers": 1}, {"silent_workers": 1}, {"beat_fell": True}):
        assert not well.model_copy(update=fields).as_expected


def _cut_off(block: MadeBlock) -> None:
    """Redis is away from 3 s to 4 s, and 20 units that are published later wait for ever."""
    steady(block, 0, 3)
    for number in range(20):
        block.unit(5 + number / 10)


RESTART = note("restart_broker", 3.0, 4.0)


def _record(read: Read, **fields: Any) -> BlockRecord:
    """What stands in the record, with trouble that the fault is to blame for."""
    given: dict[str, Any] = {
        "silent_workers": read.fields["silent_workers"],
        "fallen_workers": read.fields["fallen_workers"],
        "unattributed": Trouble(),
        **fields,
    }
    return BlockRecord(number=0, cell=0, repetition=0, status="complete", started_at="", **given)


def test_a_silent_worker_is_told_and_not_as_expected(tmp_path: Path) -> None:
    """It lives, all is mended, messages wait, and it received none of them."""
    block = MadeBlock()
    _cut_off(block)
    read = block.read(tmp_path, RESTART)
    told = [one for one in read.fields["warnings"] if one.code == "silent_worker"]
    assert [one.data["pid"] for one in told] == [MAIN]
    assert told[0].data["silent_s"] == pytest.approx(16.0)
    assert told[0].data["units"] == 20
    assert "nothing for 16.0 s" in warning_detail(told[0].code, told[0].data)
    assert read.unattributed.unsound == 0  # the fault alone would be to blame
    assert not _record(read).as_expected
    assert _record(read, silent_workers=0).as_expected


def test_only_the_silent_one_of_two_workers_is_told(tmp_path: Path) -> None:
    block = MadeBlock()
    steady(block, 0, 1, other=True)
    _cut_off(block)
    block.done(4.5, other=True)
    told = block.read(tmp_path, RESTART).fields["warnings"]
    assert [one.data["pid"] for one in told if one.code == "silent_worker"] == [MAIN]


def test_a_worker_whose_queues_are_empty_is_not_silent(tmp_path: Path) -> None:
    """What waits is in a queue of another group; of its own it would have had to take some."""
    block = MadeBlock()
    _cut_off(block)

    def silent(name: str, may: bool) -> list[int]:
        (folder := tmp_path / name).mkdir()
        block.takers = lambda count: Takers({MAIN: np.full(count, may)})
        told = block.read(folder, RESTART).fields["warnings"]
        return [one.data["units"] for one in told if one.code == "silent_worker"]

    assert silent("its own", may=True) == [20]
    assert silent("another's", may=False) == []


def test_a_worker_to_which_nothing_was_sent_afterwards_is_not_missing(tmp_path: Path) -> None:
    """Nobody can say whether it is back: one of two is, and the other one is idle."""
    block = MadeBlock()
    steady(block, 0, 3)
    steady(block, 5, 8)

    def back(name: str, may: bool) -> tuple[str, int, int]:
        (folder := tmp_path / name).mkdir()
        block.takers = lambda count: Takers({OTHER_MAIN: np.full(count, may)})
        fault = block.read(folder, note("kill_broker", 3.0, 4.0, mains=(MAIN, OTHER_MAIN))).fault
        return workers_back(fault), fault.workers, fault.back_idle

    assert back("its own", may=True) == ("1/2", 2, 0)
    assert back("another's", may=False) == ("1/1, 1 idle", 2, 1)


def test_a_restarted_worker_that_takes_what_was_sent_before_is_back(tmp_path: Path) -> None:
    """Though nothing was sent to its queues since: what its predecessor held came to it."""
    block = MadeBlock()
    steady(block, 0, 3)
    waiting = block.unit(3.5)
    block.receive(waiting, 4.5)
    steady(block, 5, 8, other=True)
    block.takers = lambda count: Takers({7: np.zeros(count, bool), 8: np.zeros(count, bool)})
    turns = note("rolling_restart", 3.0, 4.0, mains=(7, 8), started=(MAIN, 9), died=(7, 8))
    fault = block.read(tmp_path, turns).fault
    assert (workers_back(fault), fault.back_idle) == ("1/1 new, 1 idle", 1)


def test_a_dead_worker_is_not_to_blame_for_another_group(tmp_path: Path) -> None:
    """Messages that vanish while it dies were on their way to it, if it could have had them."""
    block = MadeBlock()
    steady(block, 0, 3)
    for number in range(3):
        block.unit(2.99 + number / 1000)

    def lost(name: str, may: bool) -> tuple[int, int]:
        (folder := tmp_path / name).mkdir()
        block.takers = lambda count: Takers({MAIN: np.full(count, may)})
        read = block.read(folder, note("kill_worker", 3.0, **KILL))
        return read.fault.trouble.lost, read.unattributed.lost

    assert lost("its own", may=True) == (3, 0)
    assert lost("another's", may=False) == (0, 3)


def test_no_worker_is_called_silent_without_cause(tmp_path: Path) -> None:
    """It received one since, nothing waited, it is in a task, had too little time, or is dead."""

    def silent(block: MadeBlock, *notes: FaultNote, **fields: Any) -> int:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        count: int = block.read(folder, *notes, **fields).fields["silent_workers"]
        return count

    consumes, idle, busy, dead = (MadeBlock() for _ in range(4))
    _cut_off(consumes)
    consumes.done(4.5)
    steady(idle, 0, 3)
    held = busy.unit(2.9)
    busy.receive(held, 2.91)
    busy.run(held, 2.92, None)
    _cut_off(busy)
    _cut_off(dead)
    assert [silent(block, RESTART) for block in (consumes, idle, busy)] == [0, 0, 0]
    assert silent(dead, RESTART, over_s=7.0) == 0
    assert silent(dead, note("restart_broker", 3.0)) == 1  # struck, and nothing to mend
    assert silent(dead, note("kill_worker", 3.0, **KILL)) == 0
    folder = tmp_path / "fell"
    folder.mkdir()
    read = dead.read(folder, RESTART, fallen=(FELL,))
    assert (read.fields["silent_workers"], read.fields["fallen_workers"]) == (0, 1)
    assert not _record(read).as_expected


def test_late_units_and_a_worker_that_stood_still(tmp_path: Path) -> None:
    """Stopped from 3 s to 4 s: what was due meanwhile starts when it goes on."""
    block = MadeBlock()
    steady(block, 0, 3)
    for number in range(50):
        unit = block.unit(3 + number / 50)
        block.receive(unit, 4.001)
        block.run(unit, 4.002, 4.003)
        block.see(unit, 4.004)
    steady(block, 4, 10)
    read = block.read(tmp_path, note("stop_worker", 3.0, 4.0, pool=(CHILD,)))
    level = read.fields["fault_level"]
    assert level is not None
    assert level.units == 150
    assert level.p99_s == pytest.approx(0.01)
    assert level.back_limit_s == pytest.approx(0.02)
    assert level.late_limit_s == pytest.approx(0.015)
    assert read.fault.trouble == Trouble(late=50)  # the last was due 22 ms before it was started
    assert read.fault.disturbed is True
    assert read.fault.first_back_s == pytest.approx(1.004)
    assert read.fault.p99_back_s == pytest.approx(1.0, abs=0.11)
    assert read.fields["promises"][0].promise == "only_delays"
    assert read.fields["promises"][0].kept == "kept"


def test_a_fault_that_was_never_begun(tmp_path: Path) -> None:
    block = MadeBlock()
    steady(block, 0, 3)
    planned = note("kill_worker", 9.0)
    never = type(planned)(
        number=0, fault="kill_worker", planned_ns=ns(9.0), load_begin_ns=ns(0), model={}
    )
    read = block.read(tmp_path, never)
    assert (read.fault.begin_at_s, read.fault.planned_at_s) == (None, 9.0)
    assert "promises" not in read.fields or not read.fields["promises"]


def test_a_client_that_fell_behind_before_anything_broke(tmp_path: Path) -> None:
    """Afterwards it is the fault that keeps it from sending; before, it is too slow."""
    block = MadeBlock()
    steady(block, 0, 3)
    fine = block.read(tmp_path, note("kill_worker", 3.0, **KILL))
    assert fine.fields["client_limited"] is False if "client_limited" in fine.fields else True
    for number in range(20):
        block.stamp(10, Kind.DUE, block.units, 1.0 + number / 50)
        block.stamp(10, Kind.PUBLISH, block.units, 3.5)
        block.units += 1
    slow = block.read(tmp_path, note("kill_worker", 3.0, **KILL))
    assert slow.fields["client_limited"] is True
    (warning,) = [one for one in slow.fields["warnings"] if one.code == "client_limited"]
    assert warning.data["planned_per_s"] > warning.data["sent_per_s"]


# --- recovery -----------------------------------------------------------------------------------

USUAL = FaultLevel(units=100, p99_s=0.01, back_limit_s=0.02, late_limit_s=0.02)


def units(slow: dict[tuple[float, float], float], *, until_s: float = 20.0) -> UnitsInOrder:
    """A hundred a second for so long, of 10 ms; `slow`: due times -> latency (0: lost)."""
    due = np.arange(0, until_s, 0.01)
    took = np.full(len(due), 0.01)
    for (begin, end), latency in slow.items():
        took[(due >= begin - 1e-9) & (due < end - 1e-9)] = latency
    due_ns = np.array([ns(one) for one in due], dtype=np.int64)
    end_ns = np.where(took > 0, due_ns + (took * 1e9).astype(np.int64), MISSING)
    return UnitsInOrder(due_ns, due_ns + 1_000_000, end_ns)


def back(
    made: UnitsInOrder, begin_s: float, over_s: float | None, until_s: float = 20.0
) -> tuple[float | None, float | None, bool | None]:
    over_ns = None if over_s is None else ns(over_s)
    found = recovery(made, USUAL, (ns(begin_s), ns(begin_s), over_ns), ns(until_s))
    return found.first_s, found.p99_s, found.disturbed


def test_back_is_after_the_last_slow_unit() -> None:
    first, p99, disturbed = back(units({(5, 7.5): 1.0}), 5, 6)
    assert disturbed is True
    assert first == pytest.approx(1.0)
    assert p99 == pytest.approx(2.5, abs=0.11)


def test_lost_units_are_not_back() -> None:
    first, p99, _ = back(units({(5, 6): 0.0}), 5, 6)
    assert first == pytest.approx(1.01)
    assert p99 == pytest.approx(1.0, abs=0.11)


def test_undisturbed() -> None:
    first, p99, disturbed = back(units({}), 5, 5)
    assert (p99, disturbed) == (0.0, False)
    assert first == pytest.approx(0.01)


def test_trouble_that_comes_before_the_fault_is_over_counts() -> None:
    """A warm shutdown: at first all is well, then there is one worker less until 9 s."""
    assert back(units({(7, 9): 0.5}), 5, 8)[1] == pytest.approx(4.0, abs=0.11)


def test_a_blip_long_after_is_somebody_elses() -> None:
    assert back(units({(5, 6): 1.0, (15, 15.2): 1.0}), 5, 6)[1] == pytest.approx(1.0, abs=0.11)


def test_never_back() -> None:
    assert back(units({(5, 20): 1.0}), 5, 6)[1:] == (None, True)
    assert back(units({(5, 12): 1.0}), 5, 6, until_s=10)[1:] == (None, True)
    assert back(units({(5, 6): 1.0}), 5, None)[1:] == (None, True)


def test_the_level_needs_units() -> None:
    made = units({})
    assert level_before(made, ns(0.1)).p99_s is None
    assert level_before(made, ns(0.995)).units == 99  # one was due, and not over
    unknown = recovery(made, FaultLevel(units=3), (ns(5), ns(5), ns(6)), ns(20))
    assert (unknown.p99_s, unknown.disturbed) == (None, None)


# --- promises -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "config", "code"),
    [
        ("worker", {}, "at_most_once"),
        ("worker", {"settings": {"task_acks_late": True}}, "at_least_once"),
        ("pool", {}, "tells"),
        ("pool", {"settings": {"task_acks_late": True}}, "tells"),
        (
            "pool",
            {"settings": {"task_acks_late": True, "task_reject_on_worker_lost": True}},
            "at_least_once",
        ),
        ("broker", {}, "may_lose_queue"),
        ("broker", {"broker": {"service": "redis", "persistence": "aof"}}, "keeps_queue"),
        ("broker", {"broker": {"service": "rabbitmq"}}, "may_lose_unconfirmed"),
        (
            "broker",
            {
                "broker": {"service": "rabbitmq"},
                "settings": {"broker_transport_options": {"confirm_publish": True}},
            },
            "keeps_queue",
        ),
        (
            "broker",
            {
                "broker": {"service": "rabbitmq"},
                "settings": {
                    "broker_transport_options": {"confirm_publish": True},
                    "task_default_delivery_mode": "transient",
                },
            },
            "may_lose_queue",
        ),
        ("backend", {}, "may_lose_results"),
        ("memory", {}, "refuses"),
        ("memory", {"broker": {"service": "rabbitmq"}}, "only_delays"),
        ("network", {"broker": {"service": "rabbitmq"}}, "may_lose_unconfirmed"),
        ("network", {}, "at_most_once"),
        ("shutdown", {}, "only_delays"),
        ("cold", {}, "at_most_once"),
        ("cold", {"settings": {"task_acks_late": True}}, "at_least_once"),
        ("slowness", {}, "only_delays"),
    ],
)
def test_what_settings_promise(about: Subject, config: dict[str, Any], code: str) -> None:
    assert promise_for(CONFIG | config, about).code == code


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("redis", {"visibility_timeout": 3600}),
        ("sqs", {"visibility_timeout": 1800}),
        ("rabbitmq", {}),  # it notices the death itself
    ],
)
def test_what_redelivery_waits_for_is_said(service: str, said: dict[str, int]) -> None:
    config = CONFIG | {"broker": {"service": service}, "settings": {"task_acks_late": True}}
    assert promise_for(config, "worker").because == {"task_acks_late": True, **said}


@pytest.mark.parametrize(
    ("backend", "apart"),
    [
        ({"service": "redis"}, False),
        ({"service": "redis", "apart": True}, True),
        ({"service": "redis", "provider": "external", "url": "redis://elsewhere"}, True),
        ({"service": "rpc"}, False),
        ({"service": "postgresql"}, True),
    ],
)
def test_whether_results_are_on_the_brokers_server(backend: dict[str, Any], apart: bool) -> None:
    because = promise_for(CONFIG | {"backend": backend}, "memory").because
    assert because["results_apart"] is apart


@pytest.mark.parametrize(("provider", "apart"), [(None, False), ("external", True)])
def test_the_command_line_decides_whether_they_are(provider: Provider | None, apart: bool) -> None:
    """Two URLs are two servers where somebody else runs them, and not where the harness does."""
    configuration = Configuration.model_validate(
        {
            "name": "c",
            "broker": {"service": "redis", "url": "redis://one"},
            "backend": {"service": "redis", "url": "redis://other"},
        }
    )
    config = provided(configuration, provider).model_dump(mode="json")
    assert promise_for(config, "memory").because["results_apart"] is apart


def test_every_fault_is_about_something_of_which_there_are_rules() -> None:
    names = {get_args(model.model_fields["fault"].annotation)[0] for model in kinds(Fault)}
    assert names == set(FAULT_KINDS)
    assert set(BREAKERS) == set(kinds(Fault)), "every kind has somebody who does it"
    rows = [row for kind in FAULT_KINDS.values() for row in (kind, *kind.ways.values())]
    assert {row.about for row in rows} == set(SUBJECTS) == set(get_args(Subject))


def test_a_row_contradicts_neither_itself_nor_its_model() -> None:
    """Rules ask for a row's traits one by one: some of them go together."""
    for kind in (row for one in FAULT_KINDS.values() for row in (one, *one.ways.values())):
        assert not (kind.cuts_off and not kind.disconnects), kind
        assert not (kind.only_waits and not kind.delays), kind
        assert not (kind.place != "worker" and (kind.kills or kind.one_process)), kind
        assert not (kind.kills and kind.lets_finish), kind
    for model in BREAKERS:
        where = "worker" if issubclass(model, WorkerFault) else model.kind.place
        assert model.kind.place == where
        assert (model.kind.place == "network") == issubclass(model, NetworkFault)


def test_the_end_of_a_block_is_not_changed_without_orphans(tmp_path: Path) -> None:
    block = MadeBlock()
    steady(block, 0, 3)
    read = block.read(tmp_path, note("kill_worker", 3.0, **KILL), end=BlockEnd(waiting=0))
    assert read.fields["unattributed"] == Trouble()
    assert read.result.ledger.outcomes().ok == 150


def test_refused_units_do_not_count_as_messages_that_wait(tmp_path: Path) -> None:
    """One message waits in the queue: it is the dead worker's, which the broker has put back. The
    unit whose publish call raised has none."""
    block = MadeBlock()
    steady(block, 0, 3)
    held = block.unit(2.9)
    block.receive(held, 2.91)
    refused = block.unit(3.2, fails=1)
    steady(block, 3.1, 10, other=True)
    read = block.read(tmp_path, note("kill_worker", 3.0, **KILL), end=BlockEnd(waiting=1))
    assert [read.outcome(unit) for unit in (held, refused)] == ["timed_out", "failed"]


def test_a_broker_that_delivers_again_while_the_worker_dies(tmp_path: Path) -> None:
    """The other worker has the task before the first one is gone: it was held all the same."""
    block = MadeBlock()
    steady(block, 0, 3)
    unit = block.unit(2.98)
    block.receive(unit, 2.981)
    block.run(unit, 2.982, None)
    block.receive(unit, 3.05, other=True)
    block.run(unit, 3.051, 3.1, other=True)
    block.see(unit, 3.11)
    kill = dataclasses.replace(note("kill_worker", 3.0, **KILL), struck_ns=ns(3.2))
    read = block.read(tmp_path, kill, settings={"task_acks_late": True})
    assert read.fault.trouble.duplicated == 1
    (promise,) = read.fields["promises"]
    assert (promise.kept, promise.touched, promise.allowed) == ("kept", 1, {"duplicated": 1})
