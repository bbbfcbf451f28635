"""Two groups of workers on Redis, a healthy crew and one of which a group falls: one run, of which
nothing depends on how fast the machine is.
"""

from __future__ import annotations

from typing import Any

import pytest

from harness.results.record.queues_and_groups import GroupRecord
from harness.results.record.run import BlockRecord
from tests.runner.running import Ended, make_site, outcomes_of

GROUPS: dict[str, Any] = {
    "fast": {"queues": ["celery"], "pool": "threads", "concurrency": 2},
    "slow": {"queues": ["reports"], "concurrency": 1, "options": ["--without-gossip"]},
}
PARTS = [
    {"workload": "add", "weight": 3},
    {"workload": "heavy_task", "n": 4, "queue": "reports"},
]
UNITS, OF_FAST, OF_SLOW = 24, 18, 6
FALL = """
import os, signal
from celery.signals import task_prerun

begun = []

@task_prerun.connect(weak=False)
def fall(sender=None, **_):
    begun.extend(["heavy"] * (sender.name.rpartition(".")[2] == "heavy_task"))
    if len(begun) == 3:
        os.kill(os.getppid(), signal.SIGKILL)
"""
"""A worker of group slow dies by the third task of a unit that it was to run."""


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    site = make_site(tmp_path_factory.mktemp("grouped"))
    site.module("fall", FALL)
    site.configuration(workers=GROUPS)
    site.configuration("falls", workers=GROUPS, settings={"imports": ["fall"]})
    site.scenario(
        configurations=["c", "falls"],
        workloads=[{"workload": "mix", "parts": PARTS}],
        measure={"units": UNITS, "warmup": 0, "timeout": "3s"},
    )
    return site.run()


def block_of(ended: Ended, name: str) -> BlockRecord:
    (block,) = (
        block for cell in ended.record.cells for block in cell.blocks if cell.config["name"] == name
    )
    return block


def groups_in(block: BlockRecord) -> tuple[GroupRecord, GroupRecord]:
    fast, slow = block.by_group
    assert (fast.name, slow.name) == ("fast", "slow")
    assert (fast.queues, slow.queues) == (("celery",), ("reports",))
    assert (fast.slots, slow.slots) == (2, 1)
    return fast, slow


def test_each_group_runs_what_is_in_its_queues(grouped: Ended) -> None:
    block = block_of(grouped, "c")
    assert outcomes_of(block) == {"ok": UNITS}
    fast, slow = groups_in(block)
    assert (fast.tasks, slow.tasks) == (OF_FAST, OF_SLOW)
    assert {queue.name: queue.received for queue in block.by_queue} == {
        "celery": OF_FAST,
        "reports": OF_SLOW,
    }
    ran_in = {row["queue"] for row in grouped.rows(block, "units") if row["task"] == "heavy_task"}
    assert ran_in == {"reports"}


def test_workers_say_their_group_and_what_they_ran_with(grouped: Ended) -> None:
    for name in ("c", "falls"):
        block = block_of(grouped, name)
        said = {one.group: one for one in block.ran_with}
        assert {group: (one.pool, one.concurrency) for group, one in said.items()} == {
            "fast": ("threads", 2),
            "slow": ("prefork", 1),
        }
        assert (said["fast"].gossip, said["slow"].gossip) == (True, False)
        logs = grouped.folder / block.files["logs"]
        told = {path.stem: path.read_text(encoding="utf-8") for path in logs.glob("worker*.log")}
        assert "-fast-worker1@" in told["worker1"]
        assert "-slow-worker2@" in told["worker2"]


def test_what_the_groups_used_is_what_all_workers_used(grouped: Ended) -> None:
    block = block_of(grouped, "c")
    fast, slow = groups_in(block)
    each_ms = [fast.cpu_ms_per_task or 0, slow.cpu_ms_per_task or 0]
    assert all(each_ms)
    own_ms = each_ms[0] * fast.tasks + each_ms[1] * slow.tasks
    assert own_ms == pytest.approx((block.worker_cpu_ms_per_task or 0) * UNITS, rel=1e-6)
    peaks = [fast.peak_rss_bytes or 0, slow.peak_rss_bytes or 0]
    assert all(peak > 10_000_000 for peak in peaks)
    assert sum(peaks) == block.worker_peak_rss_bytes


def test_a_group_that_falls_leaves_the_figures_of_the_other(grouped: Ended) -> None:
    """On a machine that stands still its units may be seen too late; none of them is lost."""
    block = block_of(grouped, "falls")
    fast, slow = groups_in(block)
    assert (fast.tasks, fast.fallen, slow.fallen, block.fallen_workers) == (OF_FAST, 0, 1, 1)
    assert None not in (fast.cpu_ms_per_task, fast.peak_rss_bytes)
    assert (slow.cpu_ms_per_task, slow.peak_rss_bytes) == (None, None)
    assert block.worker_cpu_ms_per_task is None  # nobody knows what the dead one had used
    parts = {part.task: part for part in block.by_task}
    assert parts["add"].outcomes.lost == 0
    assert parts["add"].ended_as_meant + parts["add"].outcomes.timed_out == OF_FAST
    assert parts["heavy_task"].units == OF_SLOW
    # One was run before each part's first was measured, and the last may not have been begun.
    assert parts["heavy_task"].ended_as_meant <= slow.tasks <= 2


def test_the_block_ends_and_says_what_nobody_consumed(grouped: Ended) -> None:
    block = block_of(grouped, "falls")
    assert grouped.code == 1, grouped.stderr
    assert block.outcomes.total == block.units == UNITS
    told = {one.code: one.data for one in block.warnings}
    assert told["group_fell"] == {"group": "slow", "queues": ["reports"]}
    said = "worker2 of group slow ended with exit code -9 (SIGKILL)"
    assert told["worker_fell"]["text"].startswith(said)
    (line,) = (one for one in grouped.stderr.splitlines() if one.startswith("WORKER ENDED: "))
    assert said in line
    assert "group slow, queues reports" in grouped.words
    assert "group_fell" not in {one.code for one in block_of(grouped, "c").warnings}
