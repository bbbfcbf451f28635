"""Phases of a load, on arrivals and ends that are made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.probe.recording.events import Kind
from harness.results.block.ledger import BlockEnd
from harness.results.block.load_phases import (
    PlannedPhase,
    as_one,
    behind,
    read_plan,
    stretches,
    time_of_stretches,
    under_way,
    write_plan,
)
from harness.results.block.summary import digest
from harness.results.events.merge import merge
from harness.results.events.merged import MISSING
from tests.results.faults.made_blocks import CLIENT, SHAPE, MadeBlock, ns

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("per_s", "capacity", "before", "after"), [(100, 200, 0, 0), (100, 80, 30, 90)]
)
def test_units_under_way_in_a_queue(per_s: int, capacity: int, before: float, after: float) -> None:
    """A server of constant capacity: what it cannot serve piles up, evenly."""
    begin, seconds = 7 * SECOND, 5
    published = begin + np.arange(per_s * seconds) * SECOND // per_s
    done = begin + (np.arange(per_s * seconds) + 1) * SECOND // min(per_s, capacity)
    phase = PlannedPhase("search", begin, float(seconds), per_s, per_s)
    found = under_way(published, np.maximum(published, done), phase)
    assert found == pytest.approx((before, after), abs=2)


def test_what_never_ends_stays_under_way() -> None:
    published = np.arange(100) * (SECOND // 20)
    phase = PlannedPhase("search", 0, 5.0, 20, 20)
    before, after = under_way(published, np.full(100, MISSING), phase)
    assert (before, after) == pytest.approx((30, 90), abs=1)


@pytest.mark.parametrize(
    ("planned", "sent", "late"),
    [(1000, 990, False), (1000, 989, True), (10, 9, False), (10, 8, True), (0, 0, False)],
)
def test_behind_by_more_than_a_hundredth(planned: int, sent: int, late: bool) -> None:
    assert behind(planned, sent) is late


@pytest.mark.parametrize(("late_s", "limited"), [(0.005, False), (0.015, False), (0.04, True)])
@pytest.mark.parametrize("slices", [1, 4])
def test_a_client_that_is_always_as_late_is_as_late_in_slices(
    tmp_path: Path, late_s: float, limited: bool, slices: int
) -> None:
    """100/s for 2 s: each of four slices has an end beyond which a unit or two are sent."""
    made, begins = MadeBlock(), [2 * number for number in range(slices)]
    for number in range(200):
        turn, within = divmod(number, 200 // slices)
        due_s = begins[turn] + within / 100
        made.stamp(CLIENT, Kind.DUE, number, due_s)
        made.stamp(CLIENT, Kind.PUBLISH, number, due_s + late_s)
    made.write(tmp_path)
    plan = [PlannedPhase("steady", ns(begin), 2 / slices, 100, 100) for begin in begins]
    sent = (as_one(plan),) if slices > 1 else tuple(plan)
    found = digest(merge(tmp_path, 1, grouped=False), SHAPE, BlockEnd(), sent)
    assert found.fields["client_limited"] is limited


def test_a_plan_is_kept(tmp_path: Path) -> None:
    plan = (
        PlannedPhase("warmup", 5, 0.5, 10.0, 10.0),
        PlannedPhase("ramp", 6, 1.5, 10.0, 30.0, unsent=3),
    )
    write_plan(tmp_path, plan)
    assert read_plan(tmp_path) == plan
    (tmp_path / "load-phases.json").write_text('[{"name": "st', encoding="utf-8")
    assert read_plan(tmp_path) == ()
    assert read_plan(tmp_path / "nowhere") == ()


def test_what_lies_between_the_tries_of_a_rate_is_not_their_time() -> None:
    """A search: 100/s, 200/s that broke, 100/s again, each step of 2 s, a second apart; the last
    unit of a step takes half a second."""
    steps = [("steady", 0), ("search", 3), ("steady", 6)]
    plan = [PlannedPhase(name, at * SECOND, 2.0, 100, 100) for name, at in steps]
    assert stretches(plan).tolist() == [0, -1, 1]
    due = np.concatenate([at * SECOND + np.arange(200) * SECOND // 100 for _, at in steps])
    ended = due + SECOND // 1000
    ended[[199, 399, 599]] = due[[199, 399, 599]] + SECOND // 2
    owner = np.repeat(stretches(plan), 200)
    found = time_of_stretches(owner, due, ended, np.ones(600, dtype=bool))
    assert found == 2 * (1.99 + 0.5) * SECOND


def test_phases_that_follow_at_once_are_one_stretch_and_no_moment_counts_twice() -> None:
    names = ["warmup", "steady", "burst", "steady", "drain"]
    plan = [PlannedPhase(name, at * SECOND + at, 1.0, 9, 9) for at, name in enumerate(names)]
    assert stretches(plan).tolist() == [-1, 0, 0, 0, -1]
    assert stretches([]).tolist() == []
    due = np.array([0, 1, 5, 6]) * SECOND
    ended = np.array([1, 7, 6, MISSING]) * np.array([SECOND, SECOND, SECOND, 1])
    owner = np.array([0, 0, 1, 1])
    assert time_of_stretches(owner, due, ended, ended != MISSING) == 7 * SECOND
