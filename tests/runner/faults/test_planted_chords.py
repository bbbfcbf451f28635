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


SLOW = """
import os, time
from harness.probe import tasks

def slow(run):
    def slept(*arguments):
        time.sleep(0.02)
        return run(*arguments)
    return slept

if os.environ["HARNESS_ROLE"] == "worker":
    from harness.probe.app import app
    for task in (tasks.buy_milk, tasks.buy_bread):
        task.run = slow(task.run)
"""


@pytest.fixture
def crowded(site: Site, redis_server: OwnedRedis) -> Site:
    """One thread, forty messages and four seconds: each of them waits in the queue for a while, and
    a test that has no core just then comes in time all the same."""
    site.module("slow", SLOW)
    redis_server.configure(
        site,
        worker={"pool": "threads", "concurrency": 1},
        settings={"worker_prefetch_multiplier": 1, "imports": ["slow"]},
    )
    site.scenario(
        workloads=[{"workload": "chord", "size": SIZE}],
        loads=[{"load": "closed", "in_flight": 8}],
        measure={"units": UNITS, "warmup": 0, "timeout": "8s"},
    )
    return site


def tasks_of(ended: Ended, unit: int) -> dict[int, dict[str, Any]]:
    rows = ended.rows(ended.block, "tasks")
    return {row["position"]: row for row in rows if row["unit"] == unit}


def positions_never_received(ended: Ended) -> set[int]:
    """Of the only unit that is not well, which is lost."""
    assert ended.block.loss.never_received == ended.block.outcomes.lost == 1
    assert ended.code == ExitCode.REGRESSION
    assert ended.block.canvas_s["join_delay"].count == UNITS - 1
    (lost,) = [row for row in ended.rows(ended.block, "units") if row["outcome"] != "ok"]
    return {
        position
        for position, row in tasks_of(ended, lost["unit"]).items()
        if row["received_ns"] is None
    }


def test_a_removed_header_message_is_one_lost_chord(
    crowded: Site, redis_server: OwnedRedis
) -> None:
    """Its body never comes."""
    with crowded.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.MEASURE_BEGIN)
        wait_for(lambda: redis_server.remove_message("buy_milk"), "a waiting buy_milk")
        ended = running.ended()
    assert outcomes_of(ended.block) == {"ok": UNITS - 1, "lost": 1}
    absent = positions_never_received(ended)
    assert SIZE in absent
    assert len(absent) == 2


def test_a_header_message_pushed_twice_and_a_removed_body(
    crowded: Site, redis_server: OwnedRedis
) -> None:
    """Celery counts a header task once, however often it returns; the ledger counts it twice. And a
    chord without its body is lost, though its header is done."""
    with crowded.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.MEASURE_BEGIN)
        wait_for(lambda: redis_server.copy_message("buy_bread"), "a waiting buy_bread")
        wait_for(lambda: redis_server.remove_message("put_together"), "a waiting put_together")
        ended = running.ended()
    assert outcomes_of(ended.block) == {"ok": UNITS - 1, "lost": 1, "duplicated": 1}
    assert positions_never_received(ended) == {SIZE}
    executions = sorted(row["executions"] for row in ended.rows(ended.block, "tasks"))
    assert executions == [0] + [1] * (UNITS * (SIZE + 1) - 2) + [2]
