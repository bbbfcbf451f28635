"""In which order workers get messages that bear priorities."""

from __future__ import annotations

from tests.runner.outside import OwnedRabbitmq
from tests.runner.running import Site


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
    assert ended.code == 0, ended.stderr
    block = ended.block
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
    ended = site.run()
    assert ended.code == 0, ended.stderr
    first, last = (one.p50 or 0.0 for one in ended.block.priorities_s.values())
    assert first < last
