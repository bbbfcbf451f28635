"""Tasks that retry, expire and run into limits, on each broker: one run, read by many tests."""

from __future__ import annotations

import pytest

from harness.errors import ExitCode
from harness.figures.of_units import PHASES
from harness.results.record.run import BlockRecord
from tests.runner.running import LONG_PATIENCE_S, make_site, outcomes_of

AWAKE = {"broker_transport_options": {"polling_interval": 0, "wait_time_seconds": 0}}
QUORUM = {"task_default_queue_type": "quorum", "task_default_exchange_type": "topic"}
"""RabbitMQ delays what has an ETA, in queues of its own."""
UNITS = 6
RETRIES = {"workload": "retry", "failures": 2, "countdown": "1s"}
TOO_FEW = {"workload": "retry", "failures": 2, "max_retries": 1}
SOFT = {"workload": "time_limit", "soft_time_limit": "200ms", "every": 2}
HARD = {"workload": "time_limit", "time_limit": "200ms", "every": 2}
EXPIRES = {
    "workload": "heavy_task",
    "n": 3,
    "sleep": "2s",
    "options": {"expires": "1s"},
    "loads": ["backlog"],
}
"""Two of them run at a time, and all others have expired when these are done."""


@pytest.fixture(scope="module")
def by_broker(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[BlockRecord]]:
    """Broker -> blocks of RETRIES, EXPIRES and, on Redis, TOO_FEW, SOFT and HARD: what else depends
    on the worker alone."""
    found = {}
    for broker, settings in (("redis", {}), ("rabbitmq", QUORUM), ("sqs", AWAKE)):
        site = make_site(tmp_path_factory.mktemp(broker))
        site.configuration(
            broker={"service": broker},
            worker={"pool": "prefork", "concurrency": 2},
            settings={"worker_prefetch_multiplier": 1, **settings},
        )
        further = [TOO_FEW, SOFT, HARD] if broker == "redis" else []
        measure = {"units": UNITS, "warmup": 0}
        site.scenario(workloads=[RETRIES, EXPIRES, *further], measure=measure)
        ended = site.run(patience_s=LONG_PATIENCE_S)
        assert ended.code == ExitCode.REGRESSION, ended.stderr  # for what has expired
        found[broker] = [cell.blocks[0] for cell in ended.record.cells]
    return found


@pytest.mark.parametrize("broker", ["redis", "rabbitmq", "sqs"])
def test_retries_wait_apart_from_the_run(
    by_broker: dict[str, list[BlockRecord]], broker: str
) -> None:
    """Each result says by itself how often its task was retried."""
    block = by_broker[broker][0]
    assert outcomes_of(block) == {"ok": UNITS}
    assert block.retried == 2 * UNITS
    retry_s, run_s = (block.phases_s[name].min for name in ("retry", "run"))
    assert retry_s is not None
    assert run_s is not None
    assert retry_s > 1.9  # two countdowns, which Celery takes from its clock
    assert run_s < 1
    means = [block.phases_s[name].mean or 0.0 for name in PHASES]
    assert sum(means) == pytest.approx(block.latency_s.mean)


@pytest.mark.parametrize("broker", ["redis", "rabbitmq", "sqs"])
def test_expired_units_are_told_by_name(
    by_broker: dict[str, list[BlockRecord]], broker: str
) -> None:
    """Workers throw them away and say so. RabbitMQ drops them itself, and nobody says anything."""
    block = by_broker[broker][1]
    assert block.expired >= UNITS - 3  # SQS hands out more than there are slots
    assert outcomes_of(block) == {"ok": UNITS - block.expired, "failed": block.expired}
    assert "expired_tasks" in {one.code for one in block.warnings}


def test_more_failures_than_retries(by_broker: dict[str, list[BlockRecord]]) -> None:
    """Each fails with its last exception, and not before."""
    block = by_broker["redis"][2]
    assert outcomes_of(block) == {"failed": UNITS}
    assert (block.failed_as_meant, block.retried) == (UNITS, UNITS)


@pytest.mark.parametrize("place", [3, 4], ids=["soft", "hard"])
def test_limits_end_what_runs_into_them(
    by_broker: dict[str, list[BlockRecord]], place: int
) -> None:
    block = by_broker["redis"][place]
    over = UNITS // 2
    assert outcomes_of(block) == {"ok": UNITS - over, "failed": over}
    assert (block.failed_as_meant, block.time_limited) == (over, over)
    assert block.duplicated == block.process_lost == 0
