"""Executions of one task, kept apart: a phase of its own, what was asked for and what was not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from celery.exceptions import Ignore, Reject, Retry

from harness.probe.recording.attach import _replaces
from harness.probe.recording.events import REPLACED, Kind, Outcome, cpu_fields
from harness.results.block.phases import phases
from harness.results.events.eventlog import EVENT
from harness.results.events.executions import Ending, cpu_times
from harness.results.events.merge import merge
from harness.results.events.merged import MISSING
from tests.results.faults.made_blocks import CHILD, MAIN, OTHER_CHILD, MadeBlock, Read


def read(block: MadeBlock, folder: Path) -> Read:
    return block.read(folder)


def retried(block: MadeBlock, *, flags: int = 0) -> int:
    """Runs for 1 ms, is received again at once, waits for 10 s, and runs for 2 ms."""
    unit = block.unit(0)
    block.receive(unit, 0.1)
    block.stamp(CHILD, Kind.STARTED, unit, 0.2)
    block.stamp(CHILD, Kind.RETRIED, unit, 0.201, flags=flags)
    block.receive(unit, 0.202)
    block.run(unit, 10.2, 10.202)
    block.see(unit, 10.3)
    return unit


def seconds_of(read_: Read, unit: int) -> dict[str, float]:
    return {name: float(times[unit]) / 1e9 for name, times in read_.result.phases.by_name()}


def test_the_wait_of_a_retry_is_no_part_of_the_run(tmp_path: Path) -> None:
    block = MadeBlock()
    unit = retried(block)
    found = read(block, tmp_path)
    assert seconds_of(found, unit) == pytest.approx(
        {"schedule": 0, "queue": 0.1, "dispatch": 0.1, "retry": 10, "run": 0.002, "result": 0.098}
    )
    assert int(found.result.phases.total_ns[unit]) == 10_300_000_000
    fields = found.result.fields
    assert (fields["retried"], fields["replaced"], fields["duplicated"]) == (1, 0, 0)
    both = found.result.merged.executions()
    assert both.ending.tolist() == [Ending.RETRIED, Ending.RETURNED]
    assert both.length_ns.tolist() == [1_000_000, 2_000_000]
    assert both.unasked.tolist() == [False, False]


@pytest.mark.parametrize(
    ("outcome", "flags", "told"),
    [(Outcome.TIMED_OUT, 0, 1), (Outcome.OK, 0, 0), (Outcome.TIMED_OUT, REPLACED, 0)],
)
def test_a_unit_that_timed_out_between_its_tries(
    tmp_path: Path, outcome: Outcome, flags: int, told: int
) -> None:
    block = MadeBlock()
    unit = block.unit(0)
    block.receive(unit, 0.1)
    block.stamp(CHILD, Kind.STARTED, unit, 0.2)
    block.stamp(CHILD, Kind.RETRIED, unit, 0.201, flags=flags)
    block.receive(unit, 0.202)
    block.see(unit, 5.0, outcome)
    warnings = read(block, tmp_path).result.fields["warnings"]
    late = [one.data for one in warnings if one.code == "retried_too_long"]
    assert late == [{"units": 1}] * told


def test_a_task_in_anothers_place_is_no_retry(tmp_path: Path) -> None:
    block = MadeBlock()
    retried(block, flags=REPLACED)
    fields = read(block, tmp_path).result.fields
    assert (fields["retried"], fields["replaced"], fields["duplicated"]) == (0, 1, 0)


@pytest.mark.parametrize(
    ("raised", "replaced"),
    [
        (Ignore("Replaced by new task"), True),
        (Ignore(), False),
        (Reject("Replaced by new task"), False),
        (Retry("Replaced by new task"), False),
    ],
)
def test_how_a_replacement_is_told(raised: Ignore | Reject | Retry, replaced: bool) -> None:
    assert _replaces(raised) is replaced


def test_a_run_that_was_cut_and_done_again(tmp_path: Path) -> None:
    """By another worker, which received the message half a minute later."""
    block = MadeBlock()
    unit = block.unit(0)
    block.receive(unit, 0.1)
    block.run(unit, 0.2, None)
    block.receive(unit, 30.0, other=True)
    block.run(unit, 30.5, 31.5, other=True)
    block.see(unit, 31.6)
    once = block.done(1.0)
    found = read(block, tmp_path)
    assert seconds_of(found, unit) == pytest.approx(
        {"schedule": 0, "queue": 0.1, "dispatch": 0.1, "retry": 30.3, "run": 1, "result": 0.1}
    )
    assert seconds_of(found, once)["retry"] == 0
    repeats = found.result.merged.repeats
    assert repeats.ending.tolist() == [Ending.CUT, Ending.RETURNED]
    assert repeats.process.tolist() == [CHILD, OTHER_CHILD]
    assert repeats.ended_ns[0] == MISSING
    assert (repeats.unasked.tolist(), repeats.next.tolist()) == ([False, True], [1, -1])
    assert len(found.result.merged.executions()) == 3
    assert found.result.fields["duplicated"] == 1


def test_a_message_delivered_again_before_it_ran(tmp_path: Path) -> None:
    """Waiting for the broker to deliver it again is no dispatch of the worker that ran it."""
    block = MadeBlock()
    unit = block.unit(0)
    block.receive(unit, 0.1)
    block.receive(unit, 5.1, other=True)
    block.run(unit, 5.2, 5.3, other=True)
    block.see(unit, 5.4)
    found = read(block, tmp_path)
    assert seconds_of(found, unit) == pytest.approx(
        {"schedule": 0, "queue": 0.1, "dispatch": 0.1, "retry": 5, "run": 0.1, "result": 0.1}
    )
    assert found.result.fields["duplicated"] == 0


def test_nothing_is_read_twice_where_every_task_ran_once(tmp_path: Path) -> None:
    block = MadeBlock()
    units = [block.done(number / 10) for number in range(3)]
    found = read(block, tmp_path)
    merged = found.result.merged
    assert len(merged.repeats) == 0
    assert merged.executions().task.tolist() == units
    timing = phases(merge(tmp_path, 1, grouped=False), watched=True)
    assert not timing.retry_ns.any()
    assert {MAIN, CHILD} <= set(block.logs)


# --- CPU time -------------------------------------------------------------------------------------


def test_the_cpu_time_is_that_of_the_execution_that_gave_the_result(tmp_path: Path) -> None:
    """Not of a try before it, nor of one that ended later; more than 32 bits of ns are no limit."""
    block = MadeBlock()
    retried_one, twice = block.unit(0), block.unit(0.5)
    for unit in (retried_one, twice):
        block.receive(unit, 1)
        block.stamp(CHILD, Kind.STARTED, unit, 1.1)
    block.stamp(CHILD, Kind.RETRIED, retried_one, 1.2, cpu_s=0.05)
    block.receive(retried_one, 1.3)
    block.stamp(CHILD, Kind.STARTED, retried_one, 1.3)
    block.stamp(CHILD, Kind.FINISHED, retried_one, 9.3, cpu_s=7.5)
    block.stamp(OTHER_CHILD, Kind.STARTED, twice, 1.2)
    block.stamp(OTHER_CHILD, Kind.FINISHED, twice, 1.25, cpu_s=0.01)
    block.stamp(CHILD, Kind.FINISHED, twice, 1.3, cpu_s=0.02)
    for unit in (retried_one, twice):
        block.see(unit, 9.5)
    found = read(block, tmp_path)
    assert found.result.merged.tasks.cpu_ns.tolist() == [7_500_000_000, 10_000_000]
    task_cpu = found.result.fields["task_cpu_s"]
    assert (task_cpu.count, task_cpu.min, task_cpu.max) == (2, 0.01, 7.5)


def test_a_pool_that_does_not_tell_leaves_it_empty(tmp_path: Path) -> None:
    block = MadeBlock()
    unit = block.unit(0)
    block.receive(unit, 0.1)
    block.run(unit, 0.2, 0.3)
    block.see(unit, 0.4)
    assert read(block, tmp_path).result.fields["task_cpu_s"].count == 0


@pytest.mark.parametrize("ns", [0, 1, 0xFFFFFFFF, 0x1_0000_0000, (1 << 48) - 1])
def test_a_cpu_time_is_read_as_it_was_written(ns: int) -> None:
    unit, position = cpu_fields(ns)
    events = np.zeros(1, dtype=EVENT)
    events["unit"], events["position"] = unit, position
    assert cpu_times(events).tolist() == [ns]


def test_a_cpu_time_beyond_the_fields_is_the_most_they_hold() -> None:
    assert cpu_fields(1 << 60) == cpu_fields((1 << 48) - 1)
