"""A project that defends its own broker: all of it runs, and that broker is never touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis

from harness.errors import ExitCode
from harness.probe.workloads.drawing import table
from tests.probe.live import free_port, valkey
from tests.runner.outside import OwnedRabbitmq
from tests.runner.running import Ended, Site, outcomes_of

PROJECT = Path(__file__).parent / "project"
PARTS: list[dict[str, Any]] = [
    {
        "task": "trap.tasks.routed",
        "args": [{"text": 20}],
        "expect": {"list": [{"argument": 0}, 20]},
    },
    {"task": "trap.tasks.elsewhere", "args": [{"unit": True}], "expect": {"argument": 0}},
    {"task": "trap.tasks.stubborn", "args": [2], "expect": 2},
    {"task": "trap.tasks.again", "expect": "second"},
    {"task": "trap.tasks.divided", "expect": 5.0},
    {
        "task": "trap.tasks.by_class",
        "kwargs": {"name": {"choice": ["a", "b"]}},
        "expect": {"mapping": {"name": {"argument": "name"}, "truth": True, "nothing": None}},
    },
    {"task": "trap.tasks.replaced", "args": [21], "expect": 42},
    {"task": "trap.tasks.regrouped", "args": [21], "expect": [42, 44]},
    {
        "task": "trap.tasks.parent",
        "args": [{"range": [1, 9]}],
        "expect": {"sum": [{"argument": 0}]},
    },
    {"task": "trap.included.double", "args": [4], "expect": {"product": [{"argument": 0}, 2]}},
    {"task": "trap.tasks.cwd", "expect": [str(PROJECT), "sweet"]},
    {
        "task": "trap.tasks.failing",
        "args": [7],
        "expect": {"raises": "ValueError", "message": "code 7"},
    },
]
ROUNDS = 4
UNITS = ROUNDS * len(PARTS)
RETRIES = {"stubborn": 2, "again": 1, "divided": 1}
"""Of each unit."""


def trapped(site: Site, load: dict[str, Any], real: str, **configuration: Any) -> Ended:
    site.configuration(**configuration)
    workload = {"app": "trap.celery:app", "project": str(PROJECT), "mix": PARTS}
    measure = {"units": UNITS, "warmup": 0, "timeout": "20s"}
    site.scenario(workloads=[{"workload": workload}], loads=[load], measure=measure)
    site.environ["TRAP_REAL_URL"] = real
    # What a developer's shell may hold.
    shell = dict.fromkeys(("BROKER_URL", "CELERY_BROKER_URL", "RESULT_BACKEND"), real)
    site.environ.update(shell)
    site.environ.update(CELERY_FLAVOUR="sweet", CELERY_WORKER_QUEUES="real", LOADER="nowhere")
    return site.run()


def expected_by_task() -> dict[str, tuple[int, int, int]]:
    """Units, units that ended as meant, retries: of each task."""
    names = [part["task"] for part in PARTS]
    return {
        name: (ROUNDS, ROUNDS, ROUNDS * RETRIES.get(name.rpartition(".")[2], 0)) for name in names
    }


def assert_all_as_meant(ended: Ended, *, unwatched: bool = False) -> None:
    assert ended.code == ExitCode.PASS, ended.stderr + ended.stdout
    block = ended.block
    assert outcomes_of(block) == {"ok": UNITS - ROUNDS, "failed": ROUNDS}
    assert (block.failed_as_meant, block.duplicated) == (ROUNDS, 0)
    found = {
        one.task: (one.units, one.outcomes.ok + one.failed_as_meant, one.retried)
        for one in block.by_task
    }
    assert found == expected_by_task()
    codes = {warning.code: warning.data for warning in block.warnings}
    assert codes["side_tasks"] == {"tasks": 4 * ROUNDS}
    assert "values_unchecked" not in codes
    assert not codes.keys() & {"left_in_queue", "left_unacknowledged", "publish_errors"}
    assert "untimed_units" not in codes


def test_its_broker_stays_untouched(site: Site, tmp_path: Path) -> None:
    with valkey(tmp_path) as real:
        client = redis.Redis.from_url(real)
        before = client.info("stats")["total_connections_received"]
        ended = trapped(site, {"load": "closed", "in_flight": 4}, real)
        assert client.info("stats")["total_connections_received"] == before
        assert client.dbsize() == 0
    assert_all_as_meant(ended)
    rows = ended.rows(ended.block, "units")
    slots = table([1] * len(PARTS), ended.record.seed)
    names = [PARTS[slots[row["unit"] % len(slots)]]["task"] for row in rows]
    assert [row["task"] for row in rows] == names
    retries = sum(row["retries"] for row in ended.rows(ended.block, "tasks"))
    retried = ROUNDS * sum(RETRIES.values())
    assert (ended.block.retried, ended.block.replaced) == (retried, 2 * ROUNDS)
    assert retries == ended.block.retried + ended.block.replaced


def test_what_was_overruled_is_said(site: Site) -> None:
    ended = trapped(
        site,
        {"load": "backlog"},
        f"redis://127.0.0.1:{free_port()}/0",
        settings={"worker_prefetch_multiplier": 8},
    )
    assert_all_as_meant(ended)
    (warning,) = (one for one in ended.record.warnings if one.code == "app_overruled")
    assert set(warning.data["overruled"]) >= {
        *("broker_url", "broker_read_url", "broker_write_url", "broker_transport_options"),
        *("result_backend", "task_always_eager", "task_ignore_result", "task_default_queue"),
        *("task_queues", "task_routes", "worker_direct", "task_default_exchange_type"),
        "beat_schedule",
        *("queue of trap.tasks.routed", "exchange of trap.tasks.routed"),
        *("backend of trap.tasks.elsewhere", "ignore_result of trap.tasks.elsewhere"),
    }
    assert warning.data["kept"] == {
        "include": "...",
        "task_annotations": "...",
        "task_track_started": True,
        "serializer of trap.tasks.elsewhere": "...",
    }
    assert "overruled beat_schedule, broker_read_url" in ended.words
    # As the worker said: the configuration had the last word on one, the app on the other.
    (held,) = ended.block.ran_with
    assert held.setting("worker_prefetch_multiplier", 4) == 8
    assert held.setting("task_track_started", default=False) is True
    assert held.reported
    assert held.prefetch_count == 8 * held.concurrency


def test_an_open_loop_leaves_nothing_on_somebody_elses_rabbitmq(
    site: Site, rabbitmq_server: OwnedRabbitmq
) -> None:
    """Without a vhost of its own a block is kept apart by names only: each queue would be seen."""
    before = rabbitmq_server.inventory()
    site.environ["TEST_RABBITMQ_URL"] = rabbitmq_server.url
    ended = trapped(
        site,
        {"load": "rate", "rate": "30/s"},
        f"redis://127.0.0.1:{free_port()}/0",
        broker={"service": "rabbitmq", "provider": "external", "url": "${TEST_RABBITMQ_URL}"},
        backend={"service": "redis"},
    )
    assert_all_as_meant(ended)
    assert rabbitmq_server.inventory() == before
    assert ended.block.isolation["broker"] == "queue names"
