"""The judges of stalls see figures that were taken the wrong way."""

from __future__ import annotations

import numpy as np
import pytest

from harness.selftest.stall import CALLERS, judge_client, judge_closed, judge_workers
from tests.selftest.doctored import MS, S, looped, stalled

RATE = 100.0


def test_a_record_that_is_right() -> None:
    for found in (judge_workers(stalled(), RATE), judge_client(stalled(), RATE)):
        assert found.ok, found
        assert "longest latency 1.003 s; 100 of 600 units delayed" in found.measured


def test_latency_from_the_publish_call_hides_a_client_that_stood_still() -> None:
    right = stalled()
    spoiled = stalled(total_ns=right.units["total_ns"] - right.units["schedule_ns"])
    found = judge_client(spoiled, RATE)
    assert not found.ok
    assert "0 of 600 units delayed" in found.measured
    assert judge_workers(spoiled, RATE).ok


def test_latency_without_the_queue_hides_workers_that_stood_still() -> None:
    right = stalled()
    delayed_by_workers = right.units["queue_ns"] > 10 * MS
    assert delayed_by_workers.sum() == 100
    total_ns = np.where(delayed_by_workers, 3 * MS, right.units["total_ns"])
    found = judge_workers(stalled(total_ns=total_ns), RATE)
    assert not found.ok
    assert "100 not delayed" in found.measured


def test_units_that_were_not_sent_meanwhile_are_missed() -> None:
    """Coordinated omission: the plan forgets what was due while nothing moved."""
    right = stalled()
    kept = (right.units["due_ns"] < 1.1 * S) | (right.units["due_ns"] >= 1.9 * S)
    spoiled = stalled(**{n: right.units[n][kept] for n in ("due_ns", "total_ns", "schedule_ns")})
    assert not judge_workers(spoiled, RATE).ok
    assert judge_client(spoiled, RATE).ok


def test_one_result_seen_while_all_stood_still() -> None:
    total_ns = stalled().units["total_ns"].copy()
    total_ns[150] = 400 * MS  # due at 1.5 s
    found = judge_workers(stalled(total_ns=total_ns), RATE)
    assert not found.ok
    assert "1 not delayed" in found.measured


def test_latencies_far_beyond_the_stall() -> None:
    total_ns = stalled().units["total_ns"].copy()
    total_ns[350:400] += 2 * S
    assert not judge_client(stalled(total_ns=total_ns), RATE).ok
    assert judge_workers(stalled(total_ns=total_ns), RATE).ok


@pytest.mark.parametrize(("slow", "ok"), [(0, False), (1, True), (CALLERS, True), (5, False)])
def test_a_closed_loop_has_as_many_slow_units_as_callers(slow: int, ok: bool) -> None:
    found = judge_closed(looped(slow), RATE)
    assert found.ok is ok
    assert f"{slow} of 500 units" in found.measured
