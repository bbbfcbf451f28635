"""What real blocks cost, by what is known of Celery: a count per task that cannot be otherwise."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import duckdb
import psutil
import pytest

from harness.errors import ExitCode
from harness.results.record.run import BlockRecord, CellRecord
from tests.runner.outside import OwnedRedis
from tests.runner.running import Ended, Site, make_site

UNITS = 60
RABBITMQ_ONLY = {"broker": {"service": "rabbitmq"}, "backend": {"service": "rpc"}}
SQS_AND_REDIS = {
    "broker": {"service": "sqs"},
    "backend": {"service": "redis"},
    "settings": {"broker_transport_options": {"polling_interval": 0.01}},
}
CORE = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def cores_of(site: Site) -> dict[str, set[str]]:
    """Role -> the cores of each of its threads, of all processes of a run that goes on."""
    found: dict[str, set[str]] = {}
    for process in site.family():
        with contextlib.suppress(psutil.Error, OSError):
            command = " ".join(process.cmdline())
            role = next((r for word, r in _ROLES.items() if word in command), "")
            for status in Path(f"/proc/{process.pid}/task").glob("*/status"):
                kept = re.findall(r"^Cpus_allowed_list:\t(.*)$", status.read_text(), re.MULTILINE)
                found.setdefault(role, set()).update(kept)
    return found


_ROLES = {
    "harness.probe.client": "client",
    "harness.probe.app": "workers",
    "valkey-server": "broker",
    "beam.smp": "broker",
    "ministack": "broker",
}


@pytest.fixture(scope="module")
def pinned(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Ended, dict[str, set[str]]]:
    """Three brokers, closed and backlog, each process kept to a core; and where they were."""
    site = make_site(tmp_path_factory.mktemp("costs"))
    site.configuration("rabbitmq", **RABBITMQ_ONLY)
    site.configuration("sqs", **SQS_AND_REDIS)
    site.scenario(
        configurations=["c", "rabbitmq", "sqs"],
        loads=[{"load": "closed", "in_flight": 4}, "backlog"],
        measure={"units": UNITS, "warmup": 7},
        prices={
            "date": "2026-11-01",
            "sqs": {"standard_dollars_per_million": 2, "fifo_dollars_per_million": 3},
        },
    )
    seen: dict[str, set[str]] = {}
    where = f"client={CORE},broker={CORE},workers={CORE}"
    with site.start("run", "scenarios/s.yaml", "--affinity", where) as running:

        def all_seen() -> bool:
            for role, cores in cores_of(site).items():
                seen.setdefault(role, set()).update(cores)
            return {"client", "workers", "broker"} <= set(seen)

        running.wait_for(all_seen, "clients and workers")
        ended = running.ended()
    assert ended.code == ExitCode.PASS, ended.stderr
    return ended, seen


def measured(ended: Ended, configuration: str) -> list[tuple[CellRecord, BlockRecord]]:
    return [
        (cell, block)
        for cell in ended.record.cells
        for block in cell.blocks
        if cell.config["name"] == configuration
    ]


def test_redis_commands_are_those_that_celery_sends(pinned: tuple[Ended, object]) -> None:
    """A message is pushed and popped once, its result stored and announced once: warm-up, the
    harness' own looks and its fetching of results afterwards would all show."""
    for cell, block in measured(pinned[0], "c"):
        each = {
            name.removeprefix("redis.command."): round(count * UNITS)
            for name, count in block.traffic.items()
        }
        for command in ("lpush", "setex", "hset"):
            assert each[command] == UNITS, (cell.name, command, block.traffic)
        assert_acknowledged(each["hdel"])
        # Now and then a worker says that it is alive.
        assert UNITS <= each["publish"] <= UNITS + 10, (cell.name, block.traffic)
        assert not {"llen", "hlen", "info", "flushdb"} & set(each)
        assert not {"hello", "auth", "select", "client|setinfo"} & set(each), "nobody connects"
        commands = [n for name, n in block.traffic.items() if name.startswith("redis.command.")]
        assert block.traffic["redis.commands"] == pytest.approx(sum(commands))
        assert 500 < block.traffic["redis.bytes_in"] < 10_000
        assert block.backend_cpu_ms_per_task is None, "it is the broker's server"


def assert_acknowledged(times: float) -> None:
    """Each message once. The last results, one per caller, may be seen before their messages are
    acknowledged, by a main process that has no core just then; so may those of the warm-up."""
    assert abs(round(times, 6) - UNITS) <= 4


def test_rabbitmq_acknowledges_each_task_once(pinned: tuple[Ended, object]) -> None:
    for _, block in measured(pinned[0], "rabbitmq"):
        assert_acknowledged(block.traffic["rabbitmq.acks"] * UNITS)
        # Task and result; and now and then a worker says that it is alive.
        assert 2 * UNITS <= round(block.traffic["rabbitmq.publishes"] * UNITS) <= 2 * UNITS + 10
        assert 2 * UNITS <= round(block.traffic["rabbitmq.deliveries"] * UNITS) <= 2 * UNITS + 10
        assert 500 < block.traffic["rabbitmq.bytes_in"] < 5_000
        assert block.dollars_per_million_tasks is None


def test_sqs_is_asked_to_send_and_to_delete_once_per_task(pinned: tuple[Ended, object]) -> None:
    ended = pinned[0]
    for _, block in measured(ended, "sqs"):
        sent, deleted = (
            round(block.traffic[f"sqs.requests.{kind}"] * UNITS, 6)
            for kind in ("SendMessage", "DeleteMessage")
        )
        assert sent == UNITS
        assert_acknowledged(deleted)
        assert block.traffic["sqs.requests.ReceiveMessage"] > 0
        kinds = [n for name, n in block.traffic.items() if name.startswith("sqs.requests.")]
        assert block.traffic["sqs.requests"] == pytest.approx(sum(kinds))
        assert block.traffic["sqs.billed_requests"] == block.traffic["sqs.requests"]
        assert block.dollars_per_million_tasks == pytest.approx(2 * block.traffic["sqs.requests"])
        assert block.prices_date == "2026-11-01"
        assert block.traffic["redis.command.setex"] == pytest.approx(1.0)
        assert 0 < (block.backend_cpu_ms_per_task or 0) < 20
    assert "at prices of 2026-11-01" in ended.words


def test_every_server_of_ours_says_what_it_used(pinned: tuple[Ended, object]) -> None:
    for block in pinned[0].record.blocks:
        assert 0.01 < (block.broker_cpu_ms_per_task or 0) < 50
        assert 1e6 < (block.broker_peak_rss_bytes or 0) < 1e9
        assert not [warning for warning in block.warnings if "counter" in warning.code]


def test_the_queues_length_is_in_a_file(pinned: tuple[Ended, object]) -> None:
    """In a backlog it was looked at while the messages waited; time stamps are those of tasks."""
    ended = pinned[0]
    for block in ended.record.blocks:
        assert block.depth_exact
        path, tasks = (str(ended.folder / block.files[name]) for name in ("depth", "tasks"))
        with duckdb.connect() as database:
            query = "SELECT min(time_ns), min(depth), max(depth) FROM read_parquet($path)"
            looked_ns, least, most = database.execute(query, {"path": path}).fetchall()[0]
            query = "SELECT min(started_ns) FROM read_parquet($path)"
            ((started_ns,),) = database.execute(query, {"path": tasks}).fetchall()
        assert 0 <= least <= most <= UNITS
        assert 0 < started_ns - looked_ns < 60e9


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_everybody_keeps_to_the_cores(pinned: tuple[Ended, dict[str, set[str]]]) -> None:
    """Each thread, also of pools and of Erlang's schedulers; and the record says so."""
    ended, seen = pinned
    for role in ("client", "workers", "broker"):
        assert seen[role] == {str(CORE)}, (role, seen)
    names = ("client", "broker", "workers")
    assert ended.record.environment.affinity == dict.fromkeys(names, str(CORE))
    assert f"kept to cores: client {CORE}, broker {CORE}, workers {CORE}" in ended.words


def test_a_server_of_others_is_said_to_be_shared(site: Site, redis_server: OwnedRedis) -> None:
    """Its counters are there and flagged; its processes are nobody's business."""
    redis_server.configure(site)
    site.scenario(measure={"units": UNITS, "warmup": 3})
    ended = site.run()
    assert ended.code == ExitCode.PASS, ended.stderr
    block = ended.block
    assert block.traffic["redis.command.lpush"] >= 1
    assert (block.broker_cpu_ms_per_task, block.broker_peak_rss_bytes) == (None, None)
    assert [w.code for w in block.warnings if w.code == "shared_counters"] == ["shared_counters"]
    assert "other people's traffic" in ended.words
