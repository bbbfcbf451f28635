"""Records of runs whose work is divided: 90 % fast tasks and 10 % slow ones, in one pool or two
groups of workers."""

from __future__ import annotations

from typing import Any

from harness.results.record.by_task import PartRecord
from harness.results.record.distributions import Distribution, Outcomes
from harness.results.record.queues_and_groups import GroupRecord, QueueRecord
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from tests.report.made.records import block, cell, run, spread_around

ONE = {"worker": {"concurrency": 8}}
TWO = {
    "workers": {
        "fast": {"queues": ["urgent"], "concurrency": 6},
        "slow": {"queues": ["reports"], "concurrency": 2},
    }
}


def up_to(p50_s: float, p99_s: float, count: int) -> Distribution:
    """Of which the hundredth takes so long."""
    return spread_around(p50_s, count).model_copy(update={"p99": p99_s, "max": p99_s * 1.1})


def part(name: str, units: int, run_s: float, p99_s: float, **changes: Any) -> PartRecord:
    """A part all of whose units went well."""
    fields: dict[str, Any] = {
        "units": units, "completed": units, "throughput_per_s": units / 10,
        "latency_s": up_to(run_s * 1.2, p99_s, units), "run_s": spread_around(run_s, units),
        "dispatch_s": spread_around(0.001, units), "outcomes": Outcomes(ok=units),
    }  # fmt: skip
    return PartRecord.model_validate({"task": name, **fields, **changes})


def queue(name: str, units: int, run_s: float, wait_s: float, **changes: Any) -> QueueRecord:
    """A queue all of whose units went well; 1 % waited for so long."""
    fields: dict[str, Any] = {
        "groups": ("fast",), "published": units, "received": units, "completed": units,
        "throughput_per_s": units / 10, "latency_s": up_to(run_s * 1.2, wait_s + run_s, units),
        "queue_s": up_to(wait_s / 4, wait_s, units), "dispatch_s": spread_around(0.001, units),
        "run_s": spread_around(run_s, units), "outcomes": Outcomes(ok=units),
        "most_depth": 12, "mean_depth": 1.5, "left": 0,
    }  # fmt: skip
    return QueueRecord.model_validate({"name": name, **fields, **changes})


def group(name: str, busy: float, queues: tuple[str, ...], **changes: Any) -> GroupRecord:
    """A group of one worker."""
    fields: dict[str, Any] = {
        "workers": 1, "slots": 4, "queues": queues, "tasks": 900, "tasks_per_s": 90.0,
        "run_s": spread_around(0.02, 900), "dispatch_s": spread_around(0.001, 900),
        "busy_share": busy, "cpu_ms_per_task": 1.25, "peak_rss_bytes": 1 << 27,
    }  # fmt: skip
    return GroupRecord.model_validate({"name": name, **fields, **changes})


def pool_block(number: int, index: int, fast_p99_s: float = 1.9) -> BlockRecord:
    """All in one pool."""
    parts = (part("fast", 900, 0.02, fast_p99_s), part("slow", 100, 2.0, 4.1))
    return block(number, index, by_task=parts)


def group_block(number: int, index: int, slow_p99_s: float = 5.2, **changes: Any) -> BlockRecord:
    """In two groups."""
    fields: dict[str, Any] = {
        "by_task": (part("fast", 900, 0.02, 0.045), part("slow", 100, 2.0, slow_p99_s)),
        "by_queue": (
            queue("urgent", 900, 0.02, 0.004),
            queue("reports", 100, 2.0, 3.0, groups=("slow",), most_depth=31, mean_depth=9.25),
        ),
        "by_group": (group("fast", 0.1, ("urgent",)), group("slow", 0.9, ("reports",))),
    }
    return block(number, index, **{**fields, **changes})


def pool_cell(*blocks: BlockRecord, name: str = "one-pool/mix/rate-100") -> CellRecord:
    return cell(name, *blocks, config={"name": "one-pool", **ONE})


def group_cell(*blocks: BlockRecord, name: str = "two-groups/mix/rate-100") -> CellRecord:
    return cell(name, *blocks, config={"name": "two-groups", **TWO})


def divided_run() -> RunRecord:
    """Both, one block of each."""
    return run(pool_cell(pool_block(0, 0)), group_cell(group_block(1, 1)))
