"""Pools whose processes come and go, on real workers: one run, read by all tests."""

from __future__ import annotations

import pytest

from harness.results.record.children import ChildrenRecord
from harness.results.record.run import BlockRecord
from tests.runner.running import SLEEPING, Ended, make_site


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Spawned processes that each have too much memory after their first task, and a pool that
    grows from one process to as many as three."""
    site = make_site(tmp_path_factory.mktemp("children"))
    site.configuration(
        "spawned",
        worker={"concurrency": 1},
        settings={"worker_pool_start_method": "spawn", "worker_max_memory_per_child": 1},
    )
    site.configuration("growing", worker={"concurrency": 1, "options": ["--autoscale=3,1"]})
    site.scenario(
        configurations=["spawned", "growing"],
        workloads=[SLEEPING],
        loads=[{"load": "backlog"}],
        measure={"units": 6, "warmup": 0, "timeout": "60s"},
    )
    return site.run()


def block_of(ended: Ended, configuration: str) -> tuple[BlockRecord, ChildrenRecord]:
    (block,) = (
        block
        for cell in ended.record.cells
        for block in cell.blocks
        if cell.config["name"] == configuration
    )
    assert block.status == "complete", block.error
    assert (block.outcomes.ok, block.duplicated) == (6, 0)
    assert block.children is not None
    return block, block.children


def test_a_spawned_process_records_what_it_runs(ended: Ended) -> None:
    """Each is a log of its own, and none of its worker's: all six tasks have all their stamps."""
    block, children = block_of(ended, "spawned")
    assert block.phases_s["run"].count == block.calls_s["store_call"].count == 6
    assert block.ran_with[0].settings["worker_pool_start_method"] == "spawn"
    assert (block.task_cpu_s.min or 0) > 0, "told by the clock of a process"
    assert children.start_s.count >= 5


def test_too_much_memory_ends_a_process_after_each_task(ended: Ended) -> None:
    """Nothing follows the last one for certain: it may not have been gone when all was over."""
    block, children = block_of(ended, "spawned")
    assert block.ran_with[0].settings["worker_max_memory_per_child"] == 1
    assert children.ended.keys() == {"max_memory"}
    assert children.ended["max_memory"] >= children.replaced >= 5
    assert children.tasks_each == 1
    assert (children.peak_rss_bytes or 0) > 10 << 20
    assert children.gap_s.count == children.replaced
    assert (children.gap_s.min or 0) > 0, "tasks waited all the time"
    assert 0 < children.lost_share <= 1


def test_a_pool_that_grows_has_replaced_nothing(ended: Ended) -> None:
    block, children = block_of(ended, "growing")
    (ran,) = block.ran_with
    assert (ran.least_concurrency, ran.concurrency, ran.autoscales) == (1, 3, True)
    assert 1 <= children.most <= 3
    assert (children.replaced, children.gap_s.count) == (0, 0)
    assert children.ended.keys() <= {"shrunk"}, "only after half a minute without need"
    assert "Pool processes" in ended.stdout
