"""Phases of a load, on arrivals and ends that are made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.results.block.load_phases import PlannedPhase, behind, read_plan, under_way, write_plan
from harness.results.events.merged import MISSING

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
