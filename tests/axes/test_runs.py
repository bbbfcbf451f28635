"""What a setting or an option does to a run: order, pools, delays, prices."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from harness.results.record.run import BlockRecord
from tests.runner.outside import OwnedRabbitmq
from tests.runner.running import Ended, Site, outcomes_of


def blocks_of(ended: Ended) -> Mapping[str, BlockRecord]:
    """By the name of the cell, which has one block."""
    assert ended.code == 0, ended.stderr
    return {cell.name: cell.blocks[0] for cell in ended.record.cells}


def p50(block: BlockRecord, name: str) -> float:
    found = block.phases_s[name].p50
    assert found is not None
    return found


def test_pools_are_what_runs(site: Site) -> None:
    """By the worker's own word."""
    pools = {"threads": (3, "thread"), "gevent": (3, "gevent"), "solo": (1, "solo")}
    site.scenario(
        matrix={"worker": [{"pool": pool, "concurrency": n} for pool, (n, _) in pools.items()]}
    )
    ended = site.run()
    for (size, name), block in zip(pools.values(), blocks_of(ended).values(), strict=True):
        assert outcomes_of(block) == {"ok": 20}
        logs = (ended.folder / block.files["logs"]).glob("worker*.log")
        banner = "".join(log.read_text(encoding="utf-8") for log in logs)
        assert f"concurrency: {size} ({name})" in banner


def test_the_order_of_priorities_on_redis(site: Site) -> None:
    site.configuration(
        worker={"pool": "solo", "concurrency": 1}, settings={"worker_prefetch_multiplier": 1}
    )
    site.scenario(
        workloads=[{"workload": "add", "options": {"priority": [9, 0]}}],
        loads=["backlog"],
        measure={"units": 200, "warmup": 0},
    )
    ended = site.run()
    (block,) = blocks_of(ended).values()
    assert list(block.priorities_s) == ["9", "0"]
    assert [one.count for one in block.priorities_s.values()] == [100, 100]
    last, first = (one.p50 or 0.0 for one in block.priorities_s.values())
    assert first < last
    assert "By priority" in ended.words
    assert "priority 9" in ended.words


def test_the_order_of_priorities_on_rabbitmq(site: Site, rabbitmq_server: OwnedRabbitmq) -> None:
    rabbitmq_server.configure(
        site,
        worker={"pool": "solo", "concurrency": 1},
        settings={"worker_prefetch_multiplier": 1, "task_queue_max_priority": 9},
    )
    site.scenario(
        workloads=[{"workload": "add", "options": {"priority": [9, 0]}}],
        loads=["backlog"],
        measure={"units": 200, "warmup": 0},
    )
    (block,) = blocks_of(site.run()).values()
    first, last = (one.p50 or 0.0 for one in block.priorities_s.values())
    assert first < last


@pytest.mark.parametrize(("kind", "holds"), [("direct", "dispatch"), ("topic", "queue")])
def test_who_holds_a_countdown_on_quorum_queues(
    site: Site, rabbitmq_server: OwnedRabbitmq, kind: str, holds: str
) -> None:
    """The broker, but only through a topic exchange; else a worker that has received the task."""
    before = rabbitmq_server.inventory()
    settings = {"task_default_queue_type": "quorum", "task_default_exchange_type": kind}
    rabbitmq_server.configure(site, settings=settings)
    site.scenario(
        workloads=[{"workload": "add", "options": {"countdown": "1s"}}],
        measure={"units": 4, "warmup": 0},
    )
    (block,) = blocks_of(site.run()).values()
    assert outcomes_of(block) == {"ok": 4}
    assert p50(block, holds) > 0.8
    assert block.lateness_s.count == 4
    assert rabbitmq_server.inventory() == before, "celery_delayed_* are gone with the vhost"


def test_fifo_has_its_own_price(site: Site) -> None:
    """Each request costs a quarter more than on a standard queue. Prebuilt messages work, too."""
    options = {"polling_interval": 0, "wait_time_seconds": 1}
    site.configuration(broker={"service": "sqs"}, settings={"broker_transport_options": options})
    site.scenario(
        matrix={"broker.fifo": [False, True]},
        loads=[{"load": "backlog", "publish": "prebuilt"}],
        measure={"units": 10, "warmup": 0},
    )
    standard, fifo = blocks_of(site.run()).values()
    prices = []
    for block in (standard, fifo):
        assert outcomes_of(block) == {"ok": 10}
        assert block.dollars_per_million_tasks is not None
        prices.append(block.dollars_per_million_tasks / block.traffic["sqs.requests"])
    assert prices[1] / prices[0] == pytest.approx(0.50 / 0.40, rel=0.01)
