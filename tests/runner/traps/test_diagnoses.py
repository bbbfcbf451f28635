"""Named diagnoses: provoked for real, and not seen where they are not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from harness.results.diagnoses import Evidence
from harness.results.diagnoses.polling import CHORD_GET_ASKS_PARENTS
from harness.results.record.distributions import Distribution
from harness.scenario.plan.loader import load_plan
from tests.runner.outside import OwnedRabbitmq
from tests.runner.running import LONG_PATIENCE_S, Ended, Site

SOON = {"unacked_restore_interval": 1, "unacked_restore_throttle": 1}
"""kombu looks for unacknowledged messages every 10 s, and at each tenth look really does."""


def codes(ended: Ended) -> dict[str, set[str]]:
    """Cell by the part of its name that differs -> what it was warned of."""
    assert ended.code in (0, 1), ended.stderr
    return {
        cell.name: {warning.code for block in cell.blocks for warning in block.warnings}
        for cell in ended.record.cells
    }


def assert_told_of_the_first_only(ended: Ended, code: str) -> None:
    """Of two cells, of which the second has what the diagnosis advises."""
    first, second = codes(ended).values()
    assert code in first
    assert code not in second


def assert_pool(ended: Ended, size: int, name: str) -> None:
    """What ran the first cell, by the worker's own word."""
    (block,) = ended.record.cells[0].blocks
    assert f"concurrency: {size} ({name})" in ended.workers_said(block)


def test_the_floor_of_group_get(site: Site) -> None:
    """Members run 150 ms after they were published, so the last is not ready at the first look."""
    site.configuration(worker={"pool": "solo", "concurrency": 1})
    delayed = {"workload": "group", "size": 5, "options": {"countdown": 0.15}}
    site.scenario(
        workloads=[{**delayed, "collect": collect} for collect in ("get", "join")],
        loads=[{"load": "closed", "in_flight": 1}],
        measure={"units": 6, "warmup": 1},
    )
    ended = site.run()
    assert ended.code == 0, ended.stderr
    assert_told_of_the_first_only(ended, "group_get_floor")
    _, _, warnings = ended.words.partition(" Warnings ")
    assert warnings.count("group.get() waits half a second") == 1


def test_rpc_through_redis_has_no_such_floor(site: Site) -> None:
    """Its results are messages, though the Redis server beside them could keep them, too."""
    site.configuration(backend={"service": "rpc"})
    site.scenario(
        workloads=[{"workload": "group", "size": 1}],
        loads=[{"load": "closed", "in_flight": 1}],
        measure={"units": 6, "warmup": 1},
    )
    ended = site.run()
    assert ended.code == 0, ended.stderr
    assert ended.block.outcomes.ok == 6
    join = ended.block.canvas_s["join"].p50
    assert join is not None
    assert join < 0.4


def test_the_polling_of_sqs(site: Site) -> None:
    """Also without it, messages wait: for the emulator, and for each other. At a low rate no window
    fills, and the worker sleeps because a poll came back empty."""
    options = {"wait_time_seconds": 0}
    site.configuration(broker={"service": "sqs"}, settings={"broker_transport_options": options})
    site.scenario(
        matrix={"settings.broker_transport_options.polling_interval": [1, 0]},
        loads=[
            {"load": "closed", "in_flight": 16},
            {"load": "rate", "rate": "2/s", "measure": {"units": 6}},
        ],
        measure={"units": 40, "warmup": 0},
    )
    ended = site.run()
    assert ended.code == 0, ended.stderr
    slept, low, awake, low_awake = (
        {warning.code for warning in cell.blocks[0].warnings} for cell in ended.record.cells
    )
    assert "sqs_polling" in slept
    assert "sqs_empty_poll" in low
    assert not (awake | low_awake) & {"sqs_polling", "sqs_empty_poll"}
    assert "window 8, polling_interval 1.00 s" in ended.words
    assert "wait_time_seconds 0.00 s, polling_interval 1.00 s" in ended.words
    slow, fast = (cell.blocks[0].throughput_per_s or 0.0 for cell in ended.record.cells[::2])
    # Receives that bring nothing are no task's requests, and are paid for all the same.
    polled = ended.record.cells[-1].blocks[0]
    assert 0 < polled.idle_traffic["sqs.requests"] < polled.traffic["sqs.requests"]
    assert polled.traffic["sqs.billed_requests"] >= polled.traffic["sqs.requests"]
    assert 0 < slow < 16, "two windows a second at the very most"
    assert fast > slow


def test_a_worker_that_hoards_long_tasks(site: Site) -> None:
    """SQS hands out up to ten messages at once: nearly all go to one worker, the other idles.
    It is chance, so one run of three has to show it; the other cell never does."""
    options = {"polling_interval": 0, "wait_time_seconds": 1}
    site.configuration(
        broker={"service": "sqs"},
        worker={"pool": "prefork", "concurrency": 1, "count": 2},
        settings={"task_acks_late": True, "broker_transport_options": options},
    )
    site.scenario(
        matrix={"settings.worker_prefetch_multiplier": [10, 1]},
        workloads=[{"workload": "heavy_task", "n": 12, "sleep": "30ms"}],
        loads=["backlog"],
        measure={"units": 8, "warmup": 0},
    )
    assert any(hoards(site, f"try-{number}") for number in range(3))


def hoards(site: Site, out: str) -> bool:
    """Whether the first cell of a run was told of it; the second must not be."""
    ended = replace(site.run("--out", out), results=site.folder / out)
    first, second = codes(ended).values()
    assert "prefetch_hoarding" not in second
    return "prefetch_hoarding" in first


def test_an_eta_beyond_the_visibility_timeout(site: Site) -> None:
    """It is not taken for a late acknowledgement, though there is one, nor for a long row."""
    site.configuration(
        worker={"pool": "threads", "concurrency": 2},
        settings={"task_acks_late": True, "broker_transport_options": SOON},
    )
    site.scenario(
        matrix={"settings.broker_transport_options.visibility_timeout": [2, 60]},
        workloads=[{"workload": "add", "options": {"countdown": "5s"}}],
        loads=[{"load": "closed", "in_flight": 2}],
        measure={"units": 2, "warmup": 0},
    )
    ended = site.run()
    assert_told_of_the_first_only(ended, "eta_beyond_visibility")
    twice, once = ended.record.blocks if ended.record.order[0] == 0 else ended.record.blocks[::-1]
    assert twice.duplicated > 0
    assert once.duplicated == 0
    told = set.union(*codes(ended).values())
    assert "countdown_in_latency" in told
    assert not told & {"late_ack_beyond_visibility", "reserved_beyond_visibility"}
    for block in (twice, once):
        assert block.lateness_s.p50 is not None
        assert 0 <= block.lateness_s.p50 < 5, "without the countdown"
        assert (block.latency_s.p50 or 0) >= 5


def test_a_late_acknowledgement_beyond_the_visibility_timeout(site: Site) -> None:
    site.configuration(
        worker={"pool": "threads", "concurrency": 2},
        settings={
            "task_acks_late": True,
            "broker_transport_options": {"visibility_timeout": 2, **SOON},
        },
    )
    site.scenario(
        workloads=[{"workload": "heavy_task", "n": 7, "sleep": "1s"}],
        loads=[{"load": "closed", "in_flight": 1}],
        measure={"units": 1, "warmup": 0},
    )
    (told,) = codes(site.run()).values()
    assert "late_ack_beyond_visibility" in told
    assert "reserved_beyond_visibility" not in told


def test_tasks_that_expire(site: Site) -> None:
    """One slot, six tasks of 0.5 s at once: the last ones would begin after 1.5 s, and whatever the
    machine does, the first one before. Their callers, whom Redis tells of each result, do not
    poll."""
    site.configuration(worker={"pool": "solo", "concurrency": 1})
    site.scenario(
        matrix={"workload.options.expires": ["1500ms", "60s"]},
        workloads=[{"workload": "heavy_task", "n": 12, "sleep": "50ms"}],
        loads=[{"load": "closed", "in_flight": 6}],
        measure={"units": 6, "warmup": 0},
    )
    ended = site.run()
    assert_told_of_the_first_only(ended, "expired_tasks")
    gone, whole = (cell.blocks[0] for cell in ended.record.cells)
    assert 0 < gone.outcomes.failed < 6
    assert gone.outcomes.ok + gone.outcomes.failed == 6
    assert gone.failures == {"TaskRevokedError": gone.outcomes.failed}
    assert whole.outcomes.ok == 6
    assert_pool(ended, 1, "solo")
    assert "polled_get" not in set.union(*codes(ended).values())


LAST_FIRST = """
from itertools import count
from celery.result import AsyncResult
calls = count(1)
def then(self, callback, on_error=None, weak=False):
    if next(calls) == 8200:
        self.get(timeout=60)
AsyncResult.then = then
"""
"""A client that has registered no result, and asks for the last one first."""


def test_more_results_than_an_rpc_client_buffers(site: Site) -> None:
    site.module("sitecustomize", LAST_FIRST)
    site.configuration(backend={"service": "rpc"}, worker={"pool": "solo", "concurrency": 1})
    site.scenario(
        loads=[{"load": "backlog", "publish": "batch"}],
        measure={"units": 8200, "warmup": 0, "timeout": "200s"},
    )
    ended = site.run(patience_s=LONG_PATIENCE_S)
    assert ended.code == 1, ended.stderr
    outcomes = ended.block.outcomes
    assert 1 <= outcomes.lost <= 7, "all but 8192, and the one that it asked for"
    assert outcomes.ok == 8200 - outcomes.lost
    (found,) = (one for one in ended.block.warnings if one.code == "rpc_eviction")
    assert found.data == {"units": outcomes.lost, "tasks": 8200}
    assert "thrown away by the client that waited for them" in ended.words


def test_a_caller_that_asks_for_a_whole_header(site: Site) -> None:
    """That nobody is told of it who asks once: test_canvas.py."""
    site.configuration(worker={"pool": "solo", "concurrency": 1})
    site.scenario(
        workloads=[{"workload": "chord", "size": 400}],
        loads=[{"load": "closed", "in_flight": 1}],
        measure={"units": 2, "warmup": 0},
    )
    ended = site.run()
    (told,) = codes(ended).values()
    assert "chord_get_asks_parents" in told
    assert "header of 400" in ended.words


@pytest.mark.parametrize(
    ("workload", "load", "backend", "result_s", "warned"),
    [
        ({"workload": "chord"}, "closed", "redis", 0.06, True),
        ({"workload": "nested"}, "closed", "redis", 0.06, True),
        ({"workload": "chord"}, "closed", "redis", 0.04, False),
        ({"workload": "chord"}, "closed", "sqlite", 0.06, False),  # get() slept
        ({"workload": "chord"}, "closed", "sqlite", 0.7, True),
        ({"workload": "chord", "follow_parents": False}, "closed", "redis", 0.06, False),
        ({"workload": "chord"}, {"load": "rate", "rate": 5}, "redis", 0.06, False),
        ({"workload": "group"}, "closed", "redis", 0.06, False),
    ],
)
def test_callers_that_ask_for_a_whole_header(
    site: Site, workload: dict[str, Any], load: Any, backend: str, result_s: float, warned: bool
) -> None:
    """Where the line is, by figures made up: how long the asking takes is the machine's affair."""
    site.configuration(backend={"service": backend})
    site.scenario(workloads=[workload], loads=[load])
    (cell,) = load_plan(site.folder / "scenarios" / "s.yaml").cells
    result = Distribution(count=10, p50=result_s)
    measured: Any = SimpleNamespace(fields={"canvas_s": {}, "phases_s": {"result": result}})
    found = CHORD_GET_ASKS_PARENTS.find(Evidence(cell, measured, measured))
    assert found == ({"result_p50_s": result_s, "size": 10} if warned else None)


def test_a_database_as_backend(site: Site) -> None:
    """Threads make an engine for each result; prefork children keep one. Either way a result that
    is not there at the first look is half a second late, but on Redis: `test_tasks_that_expire`."""
    site.configuration(backend={"service": "sqlite"})
    site.scenario(
        matrix={"worker.pool": ["threads", "prefork"]},
        workloads=[{"workload": "heavy_task", "n": 12, "sleep": "10ms"}],
        loads=[{"load": "closed", "in_flight": 2}],
        measure={"units": 6, "warmup": 1},
    )
    ended = site.run()
    assert_told_of_the_first_only(ended, "nullpool_database")
    assert_pool(ended, 2, "thread")
    assert all("polled_get" in told for told in codes(ended).values())


def test_a_chord_whose_backend_does_not_count(site: Site) -> None:
    """Celery's chord_unlock asks again and again; its looks are counted, and no unit suffers. What
    is left in the backend is not counted, as nobody asked for it."""
    site.configuration(backend={"service": "sqlite"}, settings={"result_chord_retry_interval": 0.2})
    site.scenario(
        workloads=[{"workload": "chord", "size": 3}],
        loads=[{"load": "closed", "in_flight": 1}],
        measure={"units": 3, "warmup": 1},
    )
    ended = site.run()
    assert ended.code == 0, ended.stderr
    assert ended.block.outcomes.ok == 3
    assert (ended.block.unlock_looks_per_unit or 0) >= 1
    assert ended.block.duplicated == 0
    (told,) = codes(ended).values()
    assert not told & {"foreign_tasks", "endless_chord"}
    assert ended.block.results_stored is None
    assert "Results left" not in ended.stdout


def test_a_gevent_worker_and_heartbeats(site: Site, rabbitmq_server: OwnedRabbitmq) -> None:
    site.configuration(
        broker=rabbitmq_server.broker(site), worker={"pool": "gevent", "concurrency": 4}
    )
    site.scenario(
        matrix={"settings.broker_heartbeat": [120, 0]}, measure={"units": 16, "warmup": 0}
    )
    ended = site.run()
    assert_told_of_the_first_only(ended, "gevent_heartbeat")
    assert_pool(ended, 4, "gevent")
    slow, fast = (cell.blocks[0].throughput_per_s or 0.0 for cell in ended.record.cells)
    assert slow < fast
    assert slow <= 12


def test_a_gevent_worker_with_a_full_window(site: Site) -> None:
    """With a multiplier of 1 the tasks that run fill the window, and others wait in the queue."""
    site.configuration(
        worker={"pool": "gevent", "concurrency": 2}, settings={"worker_prefetch_multiplier": 1}
    )
    site.scenario(
        matrix={"settings.task_acks_late": [True, False]},
        workloads=[{"workload": "heavy_task", "n": 7, "sleep": "10ms"}],
        loads=[{"load": "closed", "in_flight": 8}],
        measure={"units": 10, "warmup": 0},
    )
    ended = site.run()
    assert_told_of_the_first_only(ended, "gevent_full_window")
    slow, fast = (cell.blocks[0].throughput_per_s or 0.0 for cell in ended.record.cells)
    assert slow < fast
    assert slow <= 4, "two tasks, then two seconds"
