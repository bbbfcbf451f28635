"""Chords with a planted loss or a planted duplicate: the ledger has to find exactly these."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import ExitCode
from harness.probe.recording.events import Kind
from tests.runner.outside import OwnedRedis
from tests.runner.running import Ended, Site, outcomes_of, wait_for

UNITS = 40
SIZE = 5


@pytest.fixture
def crowded(site: Site, redis_server: OwnedRedis) -> Site:
    """One thread and forty messages: each of them waits in the queue for a while."""
    redis_server.configure(
        site,
        worker={"pool": "threads", "concurrency": 1},
        settings={"worker_prefetch_multiplier": 1},
    )
    site.scenario(
        workloads=[{"workload": "chord", "size": SIZE}],
        loads=[{"load": "closed", "in_flight": 8}],
        measure={"units": UNITS, "warmup": 0, "timeout": "4s"},
    )
    return site


def tasks_of(ended: Ended, unit: int) -> dict[int, dict[str, Any]]:
    rows = ended.rows(ended.block, "tasks")
    return {row["position"]: row for row in rows if row["unit"] == unit}


@pytest.mark.parametrize("task", ["buy_milk", "put_together"])
def test_a_removed_message_is_one_lost_chord(
    crowded: Site, redis_server: OwnedRedis, task: str
) -> None:
    """A header task, and its body never comes; or the body, and its header is done."""
    with crowded.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.MEASURE_BEGIN)
        wait_for(lambda: redis_server.remove_message(task), f"a waiting {task}")
        ended = running.ended()
    assert outcomes_of(ended.block) == {"ok": UNITS - 1, "lost": 1}
    assert ended.block.loss.never_received == 1
    assert ended.code == ExitCode.REGRESSION
    (lost,) = [row for row in ended.rows(ended.block, "units") if row["outcome"] != "ok"]
    absent = {
        position
        for position, row in tasks_of(ended, lost["unit"]).items()
        if row["received_ns"] is None
    }
    assert SIZE in absent
    assert len(absent) == (2 if task == "buy_milk" else 1)
    assert ended.block.canvas_s["join_delay"].count == UNITS - 1


def test_a_header_message_pushed_twice_is_one_duplicate(
    crowded: Site, redis_server: OwnedRedis
) -> None:
    """Celery counts a header task once, however often it returns; the ledger counts it twice."""
    with crowded.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.MEASURE_BEGIN)
        wait_for(lambda: redis_server.copy_message("buy_bread"), "a waiting buy_bread")
        ended = running.ended()
    assert outcomes_of(ended.block) == {"ok": UNITS, "duplicated": 1}
    executions = sorted(row["executions"] for row in ended.rows(ended.block, "tasks"))
    assert executions == [1] * (UNITS * (SIZE + 1) - 1) + [2]
