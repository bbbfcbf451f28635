"""Planted losses, duplicates and wrong results: the ledger has to find exactly these.

The servers belong to the test. So it can reach into the queue that the harness believes to be
its own, and the workers import a module of the test's, which makes tasks misbehave.
"""

from __future__ import annotations

import pytest

from harness.errors import ExitCode
from harness.probe.recording.events import Kind
from tests.runner.outside import Owned
from tests.runner.running import Ended, Site, outcomes_of, wait_for

UNITS = 60
SLOW = {"workload": "heavy_task", "n": 8, "sleep": "10ms"}
"""60 ms or more each: with one thread and 12 callers, messages wait in the queue, for nearly four
seconds in all."""

MISDEEDS = """
import os
from harness.probe import tasks

def misbehave(app):
    add = tasks.add.run
    backend = type(app.backend)
    store = backend.store_result
    dropped = set()

    def wrong_add(x, y):
        kind = x % 40
        if kind == 1:
            return x + y + 1
        if kind == 2:
            return str(x + y)
        if kind == 3:
            raise ValueError("planted")
        if kind == 4:
            dropped.add(tasks.add.request.id)
        return add(x, y)

    def forgetful_store(self, task_id, result, state, *args, **kwargs):
        if task_id in dropped:
            return result
        return store(self, task_id, result, state, *args, **kwargs)

    tasks.add.run = wrong_add
    backend.store_result = forgetful_store

if os.environ["HARNESS_ROLE"] == "worker":
    from harness.probe.app import app
    misbehave(app)
"""


@pytest.fixture(params=["redis", "rabbitmq"])
def server(request: pytest.FixtureRequest) -> Owned:
    owned: Owned = request.getfixturevalue(f"{request.param}_server")
    return owned


@pytest.fixture
def slow(site: Site, server: Owned) -> Site:
    server.configure(
        site,
        worker={"pool": "threads", "concurrency": 1},
        settings={"worker_prefetch_multiplier": 1},
    )
    site.scenario(
        workloads=[SLOW],
        loads=[{"load": "closed", "in_flight": 12}],
        measure={"units": UNITS, "warmup": 0, "timeout": "6s"},
    )
    return site


def stages(ended: Ended) -> dict[str, int]:
    return {name: count for name, count in ended.block.loss.model_dump().items() if count}


def test_a_message_removed_and_one_pushed_twice(slow: Site, server: Owned) -> None:
    """One unit is lost, and one runs twice."""
    with slow.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.MEASURE_BEGIN)
        wait_for(lambda: server.remove_message("heavy_task"), "a waiting message")
        wait_for(lambda: server.copy_message("heavy_task"), "another one")
        ended = running.ended()
    assert outcomes_of(ended.block) == {"ok": UNITS - 1, "lost": 1, "duplicated": 1}
    assert stages(ended) == {"never_received": 1}
    assert ended.code == ExitCode.REGRESSION
    assert "1 lost (1 never received by a worker)" in ended.words
    assert "1 duplicate execution" in ended.words
    (lost,) = [row for row in ended.rows(ended.block, "units") if row["outcome"] != "ok"]
    assert (lost["outcome"], lost["lost_at"]) == ("lost", "never_received")
    assert lost["published_ns"] is not None
    assert lost["seen_ns"] is None
    assert lost["total_ns"] is None
    executions = sorted(row["executions"] for row in ended.rows(ended.block, "tasks"))
    assert executions == [0] + [1] * (UNITS - 2) + [2]


def test_every_misdeed_of_a_worker_is_found(site: Site, server: Owned) -> None:
    """Of 40 units in a row one is wrong, one of a wrong type, one raises, and the
    result of one is never stored."""
    site.module("misdeeds", MISDEEDS)
    server.configure(site, settings={"imports": ["misdeeds"]})
    site.scenario(measure={"units": 40, "warmup": 0, "timeout": "8s"})
    ended = site.run()
    assert outcomes_of(ended.block) == {"ok": 36, "wrong": 2, "failed": 1, "lost": 1}
    assert stages(ended) == {"finished_not_stored": 1}
    assert ended.block.failed_as_meant == 0
    assert ended.code == ExitCode.REGRESSION
    for words in ("2 wrong results", "1 unexpected failure", "1 lost (1 finished but result not"):
        assert words in ended.words
    rows = ended.rows(ended.block, "units")
    found = {row["unit"] % 40: (row["outcome"], row["lost_at"]) for row in rows}
    assert [found.pop(kind) for kind in (1, 2, 3, 4)] == [
        ("wrong", None),
        ("wrong", None),
        ("failed", None),
        ("lost", "finished_not_stored"),
    ]
    assert set(found.values()) == {("ok", None)}
