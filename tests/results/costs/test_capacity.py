"""What a load needs against what there is, in numbers."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.report.view.cells import view_of
from harness.report.words.warnings import capacity_words
from harness.report.words.wording import overload_sentence, range_words, stopped_words
from harness.results.block.ledger import BlockEnd
from harness.results.block.load_phases import PlannedPhase, as_one
from harness.results.block.summary import digest
from harness.results.costs.capacity import Need, cpu_s, overloaded, saturation_range, with_capacity
from harness.results.events.merge import merge
from harness.results.events.merged import MISSING, Tasks
from harness.results.events.mix import Mix
from harness.results.record.loads import LoadPhaseRecord, Saturation, SaturationStep
from harness.results.record.run import RecordedWarning
from tests.report.made.records import block, cell, run
from tests.results.block.divided_blocks import (
    BEGIN_NS,
    FAST,
    FAST_CHILD,
    SHAPE,
    SLOW,
    SLOW_CHILD,
    Divided,
)


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (Need(300, 0.022, 2, 0.02, 100), "300/s x 22 ms = 6.6 cores, this machine has 2"),
        (Need(40, 0.002, 4, 0.5, 8), "40/s x 500 ms = 20 slots, 8 there"),
        (Need(40, None, 4, 0.5, 8), "40/s x 500 ms = 20 slots, 8 there"),
        (Need(10, 0.002, 4, 0.5, 8), ""),
        (Need(10, None, 4, None, 8), ""),
    ],
)
def test_the_sum(need: Need, words: str) -> None:
    assert (capacity_words(need.data) if need.data else "") == words


def _phase(**changes: Any) -> LoadPhaseRecord:
    fields: dict[str, Any] = {
        "phase": "steady",
        "counted": True,
        "begin_s": 0.0,
        "duration_s": 10.0,
        "rate_per_s": 300.0,
        "to_per_s": 300.0,
        "planned": 3000,
        "sent": 3000,
        "sent_in_time": 3000,
        "completed_per_s": 90.0,
    }
    return LoadPhaseRecord.model_validate(fields | changes)


def _tasks(run_s: float, count: int = 100) -> Tasks:
    began = np.arange(count, dtype=np.int64) * 1_000_000 + 1
    unknown = np.full(count, MISSING)
    fields: dict[str, Any] = {
        name: unknown for name in Tasks.__dataclass_fields__ if name.endswith("_ns")
    }
    fields |= {"started_ns": began, "finished_ns": began + round(run_s * 1e9)}
    fields |= {
        "per_unit": 1,
        "raised": np.zeros(count, np.bool_),
        "cpu_ns": np.zeros(count, np.int64),
        "executions": np.ones(count, np.int32),
        "retries": np.zeros(count, np.int32),
        "replaced": np.zeros(count, np.int32),
        "queue": np.zeros(count, np.uint8),
        "group": np.zeros(count, np.uint8),
    }
    return Tasks(**fields)


LATE = RecordedWarning(code="client_limited", data={"planned_per_s": 300.0, "sent_per_s": 200.0})
TASK_CPU_S = cpu_s(20.0, 1.0, 1.0, None)


def test_a_late_client_on_a_full_machine_is_asked_for_no_senders() -> None:
    found = with_capacity([LATE], (_phase(),), TASK_CPU_S, _tasks(0.02), cores=2, slots=2)
    assert [one.code for one in found] == ["over_capacity", "client_starved"]
    assert capacity_words(found[0].data) == "300/s x 22 ms = 6.6 cores, this machine has 2"


@pytest.mark.parametrize(
    "phase", [_phase(completed_per_s=299.0), _phase(counted=False), _phase(rate_per_s=1, planned=9)]
)
def test_nothing_is_said_of_what_kept_up_or_needs_little(phase: LoadPhaseRecord) -> None:
    assert with_capacity([LATE], (phase,), TASK_CPU_S, _tasks(0.02), cores=2, slots=2) == (LATE,)


def test_the_report_begins_with_it() -> None:
    need = Need(40, 0.002, 4, 0.5, 8)
    warned = block(0, 0, warnings=(RecordedWarning(code="over_capacity", data=need.data),))
    record = run(cell("redis/add/rate-40", warned))
    view = view_of(record, Path(), {})
    assert overload_sentence(view) == (
        "MORE THAN THERE IS: redis/add/rate-40: 40/s x 500 ms = 20 slots, 8 there. "
        "Figures in overload compare no brokers."
    )


def test_a_search_says_the_same_and_a_range() -> None:
    found = Saturation(
        rate_per_s=911.0,
        broken_at_per_s=950.0,
        stopped_by="machine",
        confirmed=True,
        capacity=Need(950, 0.0021, 2, 0.001, 8).data,
    )
    assert stopped_words(found).endswith(
        "(950/s x 2.1 ms = 1.99 cores, this machine has 2, which are never all busy)"
    )
    data = Need(950, 0.0021, 2, 0.001, 8).data
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a value of another type than the record's
        stored = found.model_copy(update={"capacity": data}).model_dump_json()
    assert Saturation.model_validate_json(stored).capacity == data
    lower = found.model_copy(update={"rate_per_s": 860.0, "broken_at_per_s": 900.0})
    blocks = [block(n, 0, saturation=one) for n, one in enumerate((found, lower))]
    together = saturation_range(blocks)
    assert together is not None
    assert range_words(together) == "886/s (860/s to 950/s over 2 searches)"
    assert saturation_range([block(0, 0)]) is None
    tries = ((400.0, False), (400.0, True), (400.0, True), (1000.0, True), (1000.0, False))
    steps = tuple(SaturationStep(rate_per_s=rate, kept=kept) for rate, kept in tries)
    torn = saturation_range([block(0, 0, saturation=found.model_copy(update={"steps": steps}))])
    assert torn is not None
    assert (torn.low_per_s, torn.high_per_s) == (400, 1000), "single tries disagreed so far"


@pytest.mark.parametrize(("run_s", "said"), [(0.2, True), (0.08, False)])
def test_a_group_that_lacks_slots_is_named_though_all_together_have_enough(
    tmp_path: Path, run_s: float, said: bool
) -> None:
    """Ten reports a second in the one slot of group slow, beside as many units for group fast,
    which has four slots."""
    made, free_s = Divided(), 0.0
    for number in range(100):
        at_s = number / 10
        made.done(at_s, at_s + 0.001, at_s + 0.002, at_s + 0.003, "urgent", FAST_CHILD)
        begun_s = max(at_s + 0.002, free_s)
        free_s = begun_s + run_s
        made.done(at_s, at_s + 0.001, begun_s, free_s, "reports", SLOW_CHILD)
    made.write(tmp_path)
    plan = (PlannedPhase("steady", BEGIN_NS, 10.0, 20.0, 20.0),)
    found = digest(merge(tmp_path, 1, grouped=False), SHAPE, BlockEnd(), plan)
    (phase,) = found.fields["load_phases"]
    assert [(one.group, one.slots, one.planned) for one in phase.of_groups] == [
        ("fast", 4, 100),
        ("slow", 1, 100),
    ]
    warned = with_capacity([], (phase,), 0.001, found.merged.tasks, cores=2, slots=5)
    assert [capacity_words(one.data) for one in warned] == (
        ["group slow: 10/s x 200 ms = 2 slots of 1"] if said else []
    )


@pytest.mark.parametrize(("waited_s", "kept"), [(0.002, True), (0.04, True), (0.11, False)])
def test_what_ends_with_its_slice_is_no_sign_of_an_overload(
    tmp_path: Path, waited_s: float, kept: bool
) -> None:
    """Tasks of 199 ms, one due each 100 ms: one of each slice would end just before its end, and
    two milliseconds of a message's way let it end just after."""
    made, begins = Divided(groups={}), [1.2 * number for number in range(8)]
    for begin_s in begins:
        for at_s in (begin_s + number / 10 for number in range(5)):
            begun_s = at_s + waited_s
            made.done(at_s, at_s + 0.001, begun_s, begun_s + 0.199, "", FAST_CHILD)
    made.write(tmp_path)
    slices = (PlannedPhase("steady", BEGIN_NS + round(s * 1e9), 0.5, 10.0, 10.0) for s in begins)
    plan = (as_one(tuple(slices)),)
    found = digest(merge(tmp_path, 1, grouped=False), SHAPE, BlockEnd(), plan)
    (phase,) = found.fields["load_phases"]
    assert (phase.planned, phase.could_complete) == (40, 24)
    assert (overloaded([phase]) is None) is kept


def test_of_a_chain_through_two_groups_the_first_one_is_not_blamed(tmp_path: Path) -> None:
    """Its task runs for 1 ms there, and then waits for the other group: that the units of the first
    group's queue are not done is not its doing."""
    made, free_s = Divided(), 0.0
    for number in range(100):
        at_s = number / 10
        one = made.unit(at_s)
        made.receive(one, at_s + 0.001, "urgent", FAST)
        made.begin(one, at_s + 0.002)
        made.end(one, at_s + 0.003)
        begun_s = max(at_s + 0.004, free_s)
        free_s = begun_s + 1.0
        made.receive(one, at_s + 0.004, "reports", SLOW, position=1)
        made.begin(one, begun_s, SLOW_CHILD, position=1)
        made.end(one, free_s, SLOW_CHILD, position=1)
        made.see(one, free_s + 0.001)
    made.write(tmp_path)
    shape = replace(SHAPE, tasks_per_unit=2, sequential=True, mix=None)
    plan = (PlannedPhase("steady", BEGIN_NS, 10.0, 10.0, 10.0),)
    found = digest(merge(tmp_path, 2, grouped=False), shape, BlockEnd(), plan)
    (phase,) = found.fields["load_phases"]
    assert phase.completed_per_s < 2
    tasks = found.merged.tasks
    [warned] = with_capacity([], (phase,), 0.001, tasks, cores=2, slots=5)
    assert "group" not in warned.data


LONG = 2.0
"""Seconds that every other unit's task runs, of one due each half second."""


@pytest.mark.parametrize(("waited_s", "kept"), [(0.0, True), (4.0, False)])
@pytest.mark.parametrize(("countdown_s", "could"), [(0.0, 18), (3.0, 15)])
def test_what_runs_long_or_later_is_no_sign_of_an_overload(
    tmp_path: Path, waited_s: float, kept: bool, countdown_s: float, could: int
) -> None:
    """Under way at the end of a phase are tasks that run long, or that were asked to wait. Only
    what waited for a worker says that the load was too much for it."""
    made = Divided(groups={})
    for number in range(20):
        at_s = number / 2
        run_s, wait_s = (LONG, countdown_s) if number % 2 else (0.01, 0.0)
        begun_s = at_s + wait_s + (waited_s if number > 4 else 0)
        made.done(at_s, at_s + 0.001, begun_s + 0.002, begun_s + run_s, "", FAST_CHILD)
    made.write(tmp_path)
    mix = Mix(("fast", "long"), (False, False), (0, 1), countdowns_s=(0.0, countdown_s))
    shape = replace(SHAPE, mix=mix, countdown_s=countdown_s)
    plan = (PlannedPhase("steady", BEGIN_NS, 10.0, 2.0, 2.0),)
    found = digest(merge(tmp_path, 1, grouped=False), shape, BlockEnd(), plan)
    (phase,) = found.fields["load_phases"]
    assert (phase.planned, phase.could_complete) == (20, could)
    assert (overloaded([phase]) is None) is kept
    older = phase.model_copy(update={"could_complete": None})
    assert overloaded([older]) is not None
