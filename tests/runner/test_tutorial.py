"""The tutorial's calls give the tutorial's results on every shipped configuration."""

from __future__ import annotations

from typing import Any

from harness.errors import ExitCode
from harness.probe.workloads.drawing import Failure
from harness.probe.workloads.registry import units_of
from harness.results.record.typed_work import stored_workload
from harness.scenario.workloads.registry import spec_of
from tests.runner.outside import OwnedRabbitmq, OwnedRedis
from tests.runner.running import ROOT, Ended, Site, outcomes_of

SCENARIO = ROOT / "scenarios" / "tutorial.yaml"
OUTSIDE = ("--provider", "external", "--set", "config.worker.pool=threads")
"""On servers of the test's; and without prefork workers, which take 2 s to stop."""
PRODUCT = 608281864034267560872252163321295376887552831379210240000000000
FETCHED = "Пётр 1Первый"  # noqa: RUF001 - Russian, and meant so
GREETING = "Здравствуй, Пётр 1Первый!"  # noqa: RUF001 - Russian, and meant so
MESSAGE = "'str' object cannot be interpreted as an integer"

EXPECTED: tuple[Any, ...] = (9, [7, 5], GREETING, PRODUCT, Failure("TypeError", MESSAGE))
"""What the seed's own code gives, workload by workload."""
STORED = {("SUCCESS", value) for value in (9, 7, 5, FETCHED, GREETING, PRODUCT)} | {
    ("FAILURE", MESSAGE)
}
"""State and value of each task's result in the backend."""


def assert_tutorial(ended: Ended) -> None:
    """All five cells did what the tutorial's reader sees, and were compared with just that."""
    assert ended.code == ExitCode.PASS, ended.stderr
    assert ended.record.status == "complete"
    for cell, seeds in zip(ended.record.cells, EXPECTED, strict=True):
        expected = units_of(spec_of(stored_workload(cell.workload))).expected(0)
        assert (type(expected), expected) == (type(seeds), seeds)
        (block,) = cell.blocks
        fails = isinstance(expected, Failure)
        assert outcomes_of(block) == ({"failed": 1} if fails else {"ok": 1}), cell.name
        assert block.failed_as_meant == fails
        assert block.latency_s.count == 1


def results_of(stored: list[dict[str, Any]]) -> set[tuple[str, Any]]:
    """State and value, or the exception's message; without the probe tasks' True."""
    found = set()
    for result in stored:
        value = result["result"]
        if result["status"] == "FAILURE":
            assert value["exc_type"] == "TypeError"
            (value,) = value["exc_message"]
        if value is not True:
            found.add((result["status"], value))
    return found


def test_on_redis(site: Site, redis_server: OwnedRedis) -> None:
    site.environ["HARNESS_REDIS_URL"] = redis_server.url
    with redis_server.watched() as stored:
        ended = site.run("--config", "redis", *OUTSIDE, scenario=SCENARIO)
    assert_tutorial(ended)
    assert results_of(stored) == STORED


def test_on_rabbitmq_with_redis(
    site: Site, redis_server: OwnedRedis, rabbitmq_server: OwnedRabbitmq
) -> None:
    """Without a management URL: blocks share the vhost, and keep apart by names."""
    site.environ["HARNESS_REDIS_URL"] = redis_server.url
    site.environ["HARNESS_RABBITMQ_URL"] = rabbitmq_server.url
    before = rabbitmq_server.inventory()
    with redis_server.watched() as stored:
        ended = site.run("--config", "rabbitmq-redis", *OUTSIDE, scenario=SCENARIO)
    assert_tutorial(ended)
    assert results_of(stored) == STORED
    assert rabbitmq_server.inventory() == before


def test_on_rabbitmq(site: Site, rabbitmq_server: OwnedRabbitmq) -> None:
    """With prefork workers, as it is shipped; each block has a vhost of its own."""
    site.environ["HARNESS_RABBITMQ_URL"] = rabbitmq_server.url
    site.environ["TEST_MANAGEMENT_URL"] = rabbitmq_server.management_url
    before = rabbitmq_server.inventory()
    ended = site.run(
        *("--config", "rabbitmq", "--provider", "external"),
        *("--set", "config.broker.management_url=${TEST_MANAGEMENT_URL}"),
        scenario=SCENARIO,
    )
    assert_tutorial(ended)
    assert rabbitmq_server.inventory() == before
    assert not any(cell.emulated for cell in ended.record.cells)
    assert "emulator" not in ended.stdout
    assert list(site.temporary.iterdir()) == []


def test_on_an_emulator_of_sqs(site: Site) -> None:
    """On servers of the harness' own, with prefork workers, as it is shipped."""
    ended = site.run("--config", "sqs-redis", scenario=SCENARIO)
    assert_tutorial(ended)
    assert all(cell.emulated for cell in ended.record.cells)
    assert "emulator" in ended.stdout
    assert list(site.temporary.iterdir()) == []
