"""The example project, as it ships: on Redis and on RabbitMQ, and under an old Celery."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ExitCode
from harness.results.record.run import BlockRecord, RunRecord
from tests.cli.project import ROOT, harness
from tests.runner.outside import OwnedRabbitmq, OwnedRedis
from tests.runner.running import Ended, Site, outcomes_of

SCENARIO = ROOT / "examples/shop/scenarios/shop.yaml"
PARTS = {
    "shop.tasks.resize": 12,
    "shop.tasks.checkout": 6,
    "sold-out": 2,
    "shop.tasks.send_mail": 4,
}
"""Units in two rounds."""
UNITS = sum(PARTS.values())


def assert_as_mixed(block: BlockRecord) -> None:
    """Every task as often as its weight says, and each with the result that it is meant to have."""
    assert outcomes_of(block) == {"ok": UNITS - 2, "failed": 2}
    assert (block.failed_as_meant, block.duplicated, block.retried) == (2, 0, 6)
    assert {one.task: one.units for one in block.by_task} == PARTS
    assert {one.task: one.completed for one in block.by_task} == PARTS
    assert {one.task: one.latency_s.count for one in block.by_task} == PARTS
    assert {one.task: one.run_s.count for one in block.by_task} == PARTS
    assert {one.task: one.dispatch_s.count for one in block.by_task} == PARTS
    assert {one.task: one.cpu_s.count for one in block.by_task} == PARTS
    assert block.task_cpu_s.count == UNITS
    assert [one.task for one in block.by_task if one.unchecked] == ["shop.tasks.resize"]
    total = sum(one.throughput_per_s or 0.0 for one in block.by_task)
    assert total == pytest.approx(block.throughput_per_s)
    warnings = {warning.code: warning.data for warning in block.warnings}
    assert warnings["values_unchecked"] == {"shop.tasks.resize": 12}
    # The mails of six orders, without those of the warm-up.
    assert warnings["side_tasks"] == {"tasks": 6}


def test_the_example_on_both_brokers(
    site: Site, redis_server: OwnedRedis, rabbitmq_server: OwnedRabbitmq
) -> None:
    site.environ["HARNESS_REDIS_URL"] = redis_server.url
    site.environ["HARNESS_RABBITMQ_URL"] = rabbitmq_server.url
    outside = ("--provider", "external")
    ended = site.run("--set", f"measure.units={UNITS}", *outside, scenario=SCENARIO)
    assert ended.code == ExitCode.PASS, ended.stderr + ended.stdout
    record = ended.record
    assert [cell.name for cell in record.cells] == [
        f"{name}/mix-resize+checkout+sold-out+send_mail/closed-4"
        for name in ("redis", "rabbitmq-redis")
    ]
    for block in record.blocks:
        assert_as_mixed(block)
        assert_retries_are_in_their_units(ended, block)
    assert_all_blocks_ran_the_same(ended, record)
    section = ended.stdout.partition("\nBy task\n")[2].partition("\n\n")[0]
    assert section.count("shop.tasks.checkout") == 2
    # Three of twelve units; on one line or on two, as the figures leave room.
    assert " ".join(section.split()).count(f" {UNITS * 3 // 12} ok") == 2
    assert "redis://" not in ended.stdout + ended.stderr
    assert "amqp://" not in (ended.folder / "run.json").read_text()


def assert_retries_are_in_their_units(ended: Ended, block: BlockRecord) -> None:
    """What lies before the last try of a unit that was tried again is its retry phase."""
    units = {row["unit"]: row for row in ended.rows(block, "units")}
    for task in ended.rows(block, "tasks"):
        unit = units[task["unit"]]
        again = unit["task"] == "shop.tasks.checkout"
        assert (task["executions"], task["retries"]) == ((2, 1) if again else (1, 0))
        assert unit["run_ns"] > 0
        assert (unit["retry_ns"] > 0) == again
        assert unit["retry_ns"] + unit["run_ns"] == task["finished_ns"] - task["started_ns"]
        assert task["stored_ns"] > task["finished_ns"]


def assert_all_blocks_ran_the_same(ended: Ended, record: RunRecord) -> None:
    ran: list[list[tuple[int, Any]]] = [
        [(row["unit"], row["task"]) for row in ended.rows(block, "units")]
        for block in record.blocks
    ]
    assert ran == [ran[0]] * 2
    assert len(set(ran[0])) == UNITS


def test_the_example_passes_check() -> None:
    done = harness("check", "examples/shop/scenarios")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 file, no problems\n2 cells, 2 blocks, about ")


def test_under_an_old_celery_from_elsewhere(tmp_path: Path, site: Site) -> None:
    """Its folder is named, so the run may be started anywhere; nothing there gets in the way."""
    (site.folder / "shop.py").write_text("raise RuntimeError('the wrong shop')\n")
    ended = site.run(
        *("--config", os.path.relpath(ROOT / "configs/redis.yaml", site.folder)),
        *("--set", 'config.celery="5.3.1"', "--set", f"measure.units={UNITS}"),
        scenario=SCENARIO,
    )
    assert ended.code == ExitCode.PASS, ended.stderr + ended.stdout
    assert_as_mixed(ended.block)
    assert ended.record.cells[0].packages["celery"] == "5.3.1"
