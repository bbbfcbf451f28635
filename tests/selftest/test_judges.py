"""Every judge but those of stalls: right figures pass, and each way of spoiling them is seen."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.results.events.merged import MISSING
from harness.selftest import histogram
from harness.selftest.accomplices.misdeeds import DEEDS, EVERY, deed_of
from harness.selftest.check_result import CheckResult
from harness.selftest.counters import judge
from harness.selftest.duration import judge as judge_duration
from harness.selftest.duration import judge_sums
from harness.selftest.planted import (
    LOST,
    TWICE,
    Rearranged,
    arranged,
    inversions,
    judge_ledger,
    judge_order,
)
from harness.selftest.samples import Taken
from tests.selftest.doctored import FIRST_UNIT, MS, NAME, taken

# --- phases -------------------------------------------------------------------------------------


def timed(run_ns: list[int], *, confessed: int = 60) -> Taken:
    """60 tasks whose own clocks say 50 ms."""
    steps = [
        {"task": NAME(FIRST_UNIT + row, 0), "first_ns": 7 * MS, "last_ns": (7 + 5 * step) * MS}
        for row in range(confessed)
        for step in range(1, 11)
    ]
    total_ns = np.full(60, 80 * MS)
    units = {"total_ns": total_ns, "due_ns": total_ns, "run_ns": run_ns}
    return taken(units, confessed=tuple(steps))


def _duration(found: Taken) -> CheckResult:
    (finding,) = judge_duration(found)
    return finding


def test_a_run_phase_like_the_tasks_own_clock() -> None:
    assert _duration(timed([round(50.1 * MS)] * 60)).ok
    assert _duration(timed([round(50.1 * MS)] * 55 + [53 * MS] * 5)).ok  # the machine was busy


@pytest.mark.parametrize(
    "run_ns",
    [
        [51 * MS] * 60,
        [round(50.1 * MS)] * 59 + [49 * MS],
        [50 * MS] * 40 + [53 * MS] * 20,
        [0] * 60,
    ],
    ids=["2 % too long", "one too short", "a third too long", "none at all"],
)
def test_a_run_phase_that_is_not(run_ns: list[int]) -> None:
    assert not _duration(timed(run_ns)).ok


def test_a_task_that_its_own_clock_does_not_know() -> None:
    assert not _duration(timed([round(50.1 * MS)] * 60, confessed=59)).ok


def test_phases_that_add_up() -> None:
    assert judge_sums([timed([50 * MS] * 60)]).ok
    assert not judge_sums([]).ok


def test_a_nanosecond_that_is_in_no_phase() -> None:
    right = timed([50 * MS] * 60)
    spoiled = right.units["queue_ns"].copy()
    spoiled[17] += 1
    found = judge_sums([right, taken({**right.units, "queue_ns": spoiled})])
    assert not found.ok
    assert found.measured == "1 that differ"
    assert "120 timed units of 2 blocks" in found.planted


def test_units_without_a_time_are_no_part_of_it() -> None:
    right = timed([50 * MS] * 60)
    columns = {name: values.copy() for name, values in right.units.items()}
    columns["total_ns"][3] = MISSING
    assert judge_sums([taken(columns)]).ok


# --- counters -----------------------------------------------------------------------------------


def counted() -> Taken:
    """60 tasks, one of them executed twice, after 24 probe tasks."""
    return taken({"total_ns": np.full(60, MS)}, {"executions": [2] + [1] * 59})


@pytest.mark.parametrize(
    ("grown", "ok"),
    [
        ({"SETEX calls": 85, "LPUSH calls": 85}, True),
        ({"SETEX calls": 84, "LPUSH calls": 85}, False),
        ({"SETEX calls": 85, "LPUSH calls": 86}, False),
        ({}, False),
    ],
)
def test_counters(grown: dict[str, int], ok: bool) -> None:
    assert judge(counted(), grown).ok is ok


# --- planted trouble ----------------------------------------------------------------------------


UNITS = list(range(FIRST_UNIT, FIRST_UNIT + 100))
MOVED = (70, 60, 80, 65)
LOST_UNITS, TWICE_UNITS = frozenset({61, 62}), frozenset({65, 80})


def planted(**spoiled: Any) -> Taken:
    """100 units: two never received, two executed twice, and what the accomplice did to 8."""
    deeds = {unit: deed for unit in UNITS if (deed := deed_of(NAME(unit, 0)))}
    outcome: dict[int, str] = dict.fromkeys(UNITS, "ok")
    lost_at: dict[int, str | None] = dict.fromkeys(UNITS)
    executions = dict.fromkeys(UNITS, 1) | dict.fromkeys(TWICE_UNITS, 2)
    for unit, deed in deeds.items():
        outcome[unit] = {"value": "wrong", "type": "wrong", "raise": "failed"}.get(deed, "lost")
        lost_at[unit] = "finished_not_stored" if deed == "forget" else None
    for unit in LOST_UNITS:
        outcome[unit], lost_at[unit], executions[unit] = "lost", "never_received", 0
    received = [unit for unit in UNITS if unit not in {*MOVED, *LOST_UNITS}]
    received += MOVED
    order = {unit: place for place, unit in enumerate(received)}
    outcome |= spoiled.pop("outcome", {})
    lost_at |= spoiled.pop("lost_at", {})
    executions |= spoiled.pop("executions", {})
    order |= spoiled.pop("order", {})
    counts = Counter(outcome.values())
    more = {
        "outcomes": {name: counts[name] for name in ("ok", "lost", "wrong", "failed")},
        "duplicated": sum(max(count - 1, 0) for count in executions.values()),
        "confessed": tuple({"deed": deed, "task": NAME(unit, 0)} for unit, deed in deeds.items()),
        "planted": Rearranged(LOST_UNITS, TWICE_UNITS, MOVED),
    }
    columns = {
        "total_ns": np.full(len(UNITS), MS),
        "unit": UNITS,
        "outcome": np.array(list(outcome.values()), dtype=object),
        "lost_at": np.array(list(lost_at.values()), dtype=object),
    }
    tasks = {
        "unit": UNITS,
        "executions": list(executions.values()),
        "received_ns": [order.get(unit, MISSING) for unit in UNITS],
    }
    return taken(columns, tasks, **(more | spoiled))


def test_what_was_planted_is_found() -> None:
    found = judge_ledger(planted())
    assert found.ok, found
    assert found.planted == "4 lost, 2 delivered twice, 4 wrong, 2 failures, of 100 units"
    assert judge_order(planted()).ok


@pytest.mark.parametrize(
    "spoiled",
    [
        {"outcome": {90: "wrong"}},
        {"outcome": {51: "ok"}},
        {"outcome": {61: "timed_out"}},
        {"lost_at": {61: "finished_not_stored"}},
        {"outcome": {61: "ok", 90: "lost"}, "lost_at": {90: "never_received"}},
        {"executions": {65: 1}},
        {"executions": {65: 1, 66: 2}},
        {"executions": {65: 3}},
        {"executions": {90: 0}},
        {"duplicated": 3},
        {"outcomes": {"ok": 90, "lost": 3, "wrong": 4, "failed": 2}},
        {"confessed": ()},
        {"planted": Rearranged(frozenset(), TWICE_UNITS, MOVED)},
        {"planted": Rearranged(LOST_UNITS | {500}, TWICE_UNITS, MOVED)},
    ],
    ids=str,
)
def test_what_is_missed_or_invented_is_seen(spoiled: dict[str, Any]) -> None:
    assert not judge_ledger(planted(**spoiled)).ok


@pytest.mark.parametrize(
    "spoiled",
    [
        {"order": {70: 1000}},
        {"order": {90: 1000}},
        {"order": {60: MISSING}},
        {"planted": Rearranged(LOST_UNITS, TWICE_UNITS, tuple(sorted(MOVED)))},
    ],
    ids=["other order", "another moved", "not received", "nothing shuffled"],
)
def test_another_order_is_seen(spoiled: dict[str, Any]) -> None:
    assert not judge_order(planted(**spoiled)).ok


@given(st.lists(st.integers(0, 1000), unique=True, max_size=40))
def test_inversions_are_pairs_out_of_order(order: list[int]) -> None:
    assert inversions(order) == sum(first > second for first, second in combinations(order, 2))


@given(st.integers(0, 10_000))
def test_a_queue_is_put_back_with_one_thing_planted_on_a_unit(first: int) -> None:
    ids = [NAME(first + row, 0) for row in range(60)]
    order = arranged(ids)
    counts = Counter(order)
    missing = [row for row in range(60) if row not in counts]
    doubled = [row for row, count in counts.items() if count == 2]
    assert (len(missing), len(doubled), len(order)) == (LOST, TWICE, 60 - LOST + TWICE)
    assert all(deed_of(ids[row]) is None for row in (*missing, *doubled))
    assert inversions(order) > 0


def test_deeds_are_told_by_the_unit() -> None:
    deeds = [deed_of(NAME(unit, 0)) for unit in range(EVERY)]
    assert [deed for deed in deeds if deed] == list(DEEDS.values())
    assert deed_of("no id of ours") is None


# --- exports ------------------------------------------------------------------------------------


SAMPLES = np.arange(1, 1001) * MS
RIGHT = [(500, 500.2 * MS), (990, 990.1 * MS), (1000, 1000.0 * MS)]


@pytest.mark.parametrize(
    ("read", "ok"),
    [
        (RIGHT, True),
        ([(500, 503.0 * MS), *RIGHT[1:]], False),
        ([(500, 0.5002 * MS), *RIGHT[1:]], False),
        (RIGHT[:2], False),
        ([*RIGHT[:2], (999, 999.0 * MS)], False),
        ([*RIGHT, (1001, 1000.0 * MS)], False),
        ([], False),
    ],
    ids=["right", "off", "another unit", "cut off", "one lost", "one more", "empty"],
)
def test_exports(read: list[tuple[int, float]], ok: bool) -> None:
    block = taken({"total_ns": SAMPLES})
    assert histogram.judge(block, "hgrm", SAMPLES, read).ok is ok
