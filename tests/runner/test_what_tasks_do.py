"""Tasks that retry, run into limits, are revoked, expire, kill their process or have errbacks, on
each broker: three blocks at most, read by all tests."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import ExitCode
from harness.results.record.by_task import PartRecord
from harness.results.record.run import BlockRecord
from tests.runner.running import LONG_PATIENCE_S, make_site, outcomes_of

BROKERS = ("redis", "rabbitmq", "sqs")
QUORUM = {"task_default_queue_type": "quorum", "task_default_exchange_type": "topic"}
"""RabbitMQ delays what has an ETA, in queues of its own."""
AWAKE = {"broker_transport_options": {"polling_interval": 0, "wait_time_seconds": 0}}
SETTINGS: dict[str, dict[str, Any]] = {"rabbitmq": QUORUM, "sqs": AWAKE}
RUN_AGAIN = {"task_acks_late": True, "task_reject_on_worker_lost": True}
ROUNDS = 2
PARTS: list[dict[str, Any]] = [
    {"workload": "add"},
    {"workload": "retry", "failures": 2, "countdown": "1s"},
    {"workload": "retry", "name": "too-few", "failures": 2, "max_retries": 1},
    {"workload": "time_limit", "name": "soft", "soft_time_limit": "200ms"},
    {"workload": "time_limit", "name": "hard", "time_limit": "200ms"},
    {"workload": "kill_child", "every": 1},
]
REVOKED: dict[str, Any] = {
    "workload": "revoke",
    "every": 1,
    "after": "100ms",
    "terminate": True,
    "sleep": "60s",
}
LINKED: dict[str, Any] = {"workload": "link_error", "every": 2, "measure": {"units": 2 * ROUNDS}}
EXPIRES: dict[str, Any] = {
    "workload": "heavy_task",
    "n": 3,
    "sleep": "2s",
    "options": {"expires": "1s"},
    "loads": ["backlog"],
    "measure": {"units": 6},
}
"""Two of them run at a time, and all others have expired when these are done."""
Blocks = dict[str, list[BlockRecord]]


@pytest.fixture(scope="module")
def by_broker(tmp_path_factory: pytest.TempPathFactory) -> Blocks:
    """Broker -> blocks of a mix of PARTS and REVOKED, of LINKED, and of EXPIRES; SQS can have no
    revocation, and what has expired it leaves to workers, as Redis does."""
    found: Blocks = {}
    for broker in BROKERS:
        site = make_site(tmp_path_factory.mktemp(broker))
        site.configuration(
            broker={"service": broker},
            worker={"pool": "prefork", "concurrency": 2},
            settings={"worker_prefetch_multiplier": 1, **RUN_AGAIN, **SETTINGS.get(broker, {})},
        )
        sqs = broker == "sqs"
        mix = {"workload": "mix", "parts": PARTS if sqs else [*PARTS, REVOKED]}
        units = ROUNDS * len(mix["parts"])
        site.scenario(
            workloads=[mix, LINKED] if sqs else [mix, LINKED, EXPIRES],
            measure={"units": units, "warmup": 0, "timeout": "45s"},
        )
        ended = site.run(patience_s=LONG_PATIENCE_S)
        expected = ExitCode.PASS if sqs else ExitCode.REGRESSION  # for what has expired
        assert ended.code == expected, ended.stderr + ended.stdout
        found[broker] = [cell.blocks[0] for cell in ended.record.cells]
    return found


def part(block: BlockRecord, name: str) -> PartRecord:
    """What the block says of one part of the mix."""
    return next(one for one in block.by_task if one.task == name)


@pytest.mark.parametrize("broker", BROKERS)
def test_every_unit_ends_as_it_is_meant_to(by_broker: Blocks, broker: str) -> None:
    block = by_broker[broker][0]
    assert block.sound, outcomes_of(block)
    assert block.completed == block.units == ROUNDS * len(block.by_task)
    assert not block.unfinished
    plain = part(block, "add")
    assert plain.outcomes.ok == ROUNDS
    assert plain.retried == plain.time_limited == plain.process_lost == plain.revoked == 0


@pytest.mark.parametrize("broker", BROKERS)
def test_retries_wait_apart_from_the_run(by_broker: Blocks, broker: str) -> None:
    """Each result says by itself how often its task was retried. More failures than retries fail
    with the last exception, and not before."""
    block = by_broker[broker][0]
    again, too_few = part(block, "retry"), part(block, "too-few")
    assert (again.outcomes.ok, again.retried) == (ROUNDS, 2 * ROUNDS)
    assert (too_few.failed_as_meant, too_few.retried) == (ROUNDS, ROUNDS)
    assert block.retried == 3 * ROUNDS
    # Two countdowns, which Celery takes from its own clock; of these the run phase holds nothing.
    assert again.latency_s.min is not None
    assert again.latency_s.min > 1.9
    assert again.run_s.min is not None
    assert again.run_s.min < 1, "a stall may make one longer"


@pytest.mark.parametrize("broker", BROKERS)
def test_limits_end_what_runs_into_them(by_broker: Blocks, broker: str) -> None:
    block = by_broker[broker][0]
    for name in ("soft", "hard"):
        limited = part(block, name)
        assert (limited.failed_as_meant, limited.time_limited) == (ROUNDS, ROUNDS)
        assert limited.process_lost == 0
    assert block.time_limited == 2 * ROUNDS


@pytest.mark.parametrize("broker", BROKERS)
def test_what_lost_its_process_is_run_again(by_broker: Blocks, broker: str) -> None:
    """By `task_reject_on_worker_lost`: a second execution that was asked for, no duplicate."""
    block = by_broker[broker][0]
    killed = part(block, "kill_child")
    assert (killed.outcomes.ok, killed.process_lost, killed.duplicated) == (ROUNDS, ROUNDS, 0)
    assert block.process_lost == ROUNDS


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_what_is_revoked_ends(by_broker: Blocks, broker: str) -> None:
    """They would sleep for longer than they are waited for."""
    revoked = part(by_broker[broker][0], "revoke")
    assert (revoked.failed_as_meant, revoked.revoked, revoked.process_lost) == (ROUNDS, ROUNDS, 0)


@pytest.mark.parametrize("broker", BROKERS)
def test_every_failure_has_its_errback(by_broker: Blocks, broker: str) -> None:
    """Half of the units fail. Each errback tells the failure of its own task; that of a task which
    did not fail would be a second run of its callback's id."""
    block = by_broker[broker][1]
    assert block.sound, outcomes_of(block)
    assert outcomes_of(block) == {"ok": 2 * ROUNDS}
    assert (block.units, block.tasks, block.duplicated) == (2 * ROUNDS, 4 * ROUNDS, 0)
    # All stamps are there, of errbacks, too: the second task began when the first one had ended.
    assert block.latency_s.count == block.canvas_s["hop"].count == 2 * ROUNDS
    assert not block.negative_phases
    assert block.failed_as_meant == 0  # of the unit: its errback did what it had to


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_expired_units_are_told_by_name(by_broker: Blocks, broker: str) -> None:
    """Workers throw them away and say so. RabbitMQ drops them itself, and nobody says anything."""
    block = by_broker[broker][2]
    assert block.expired >= 3
    assert (block.outcomes.ok, block.outcomes.failed) == (6 - block.expired, block.expired)
    assert block.outcomes.total == 6
    assert "expired_tasks" in {one.code for one in block.warnings}
