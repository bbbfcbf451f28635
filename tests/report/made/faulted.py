"""A run with faults and a slow network, made by hand."""

from __future__ import annotations

from typing import Any

from harness.results.record.distributions import LossReasons, Outcomes
from harness.results.record.faults import FaultLevel, FaultRecord, PromiseRecord, Trouble
from harness.results.record.run import BlockRecord, RunRecord
from tests.report.made.records import block, cell, run

LEVEL = FaultLevel(units=75, p99_s=0.118, back_limit_s=0.177, late_limit_s=0.036)
KILLED = FaultRecord(
    number=0,
    fault="kill_worker",
    target="worker1",
    parameters={"at": 3.0, "worker": 1, "restart": 0.5},
    planned_at_s=3.0,
    begin_at_s=3.0003,
    struck_at_s=3.03,
    mending_at_s=3.53,
    mended_at_s=3.58,
    trouble=Trouble(lost=2, late=12),
    disturbed=True,
    first_back_s=0.131,
    p99_back_s=2.1,
    watched_s=5.0,
    workers=1,
    back_restarted=1,
    back_known=True,
)
BROKER = FaultRecord(
    number=1,
    fault="kill_broker",
    target="broker",
    planned_at_s=8.0,
    begin_at_s=8.0,
    struck_at_s=8.01,
    mending_at_s=8.5,
    mended_at_s=14.2,
    facts={"stop_s": 0.01, "boot_s": 5.7},
    trouble=Trouble(lost=31, failed=140, refused=140, late=60),
    errors={"OperationalError": 140},
    disturbed=True,
    first_back_s=7.2,
    watched_s=9.0,
    workers=2,
    back_by_itself=2,
    back_known=True,
)
SLOW = FaultRecord(
    number=2,
    fault="slow_network",
    target="workers to broker",
    parameters={
        "rtt": 0.02,
        "duration": 1.0,
        "side": "workers",
        "to": "broker",
        "by": "netem",
        "loss": 0.0,
    },
    planned_at_s=16.0,
    begin_at_s=16.0,
    struck_at_s=16.1,
    mending_at_s=17.1,
    mended_at_s=17.1,
    facts={"rtt_s": 0.0212},
    disturbed=False,
    first_back_s=0.15,
    p99_back_s=0.0,
    watched_s=1.0,
    workers=2,
    back_by_itself=2,
    back_known=True,
)
NEVER = FaultRecord(
    number=3, fault="shutdown_worker", planned_at_s=16.5, not_done="worker 1 does not run"
)
EARLY = PromiseRecord(
    promise="at_most_once",
    about="worker",
    because={"task_acks_late": False},
    kept="kept",
    touched=5,
    allowed={"lost": 2},
)
CONFIRMED = PromiseRecord(
    promise="keeps_queue",
    about="broker",
    because={"delivery_mode": "persistent", "confirm_publish": True},
    kept="broken",
    touched=200,
    broken_by={"lost": 31},
    allowed={"failed": 140},
)


def faulty_block(number: int, cell_index: int, **changes: Any) -> BlockRecord:
    """Everything of the above, and one loss that is nobody's."""
    fields: dict[str, Any] = {
        "units": 500,
        "faults": (KILLED, BROKER, SLOW, NEVER),
        "fault_level": LEVEL,
        "unattributed": Trouble(lost=1),
        "promises": (EARLY, CONFIRMED),
        "outcomes": Outcomes(ok=326, failed=140, lost=34),
        "loss": LossReasons(never_received=32, started_not_finished=2),
    }
    return block(number, cell_index, **(fields | changes))


def faulty_run() -> RunRecord:
    """One cell with faults, two with networks by a proxy, two by netem that differ in loss."""
    near = {"asked_rtt_s": 0.0, "rtt_s": 0.0003, "direct_rtt_s": 0.0001}
    far = {"asked_rtt_s": 0.02, "rtt_s": 0.0213, "direct_rtt_s": 0.0001}
    sent = {"asked_loss": 0.0, "packets": 12_000, "lost_packets": 0}
    lossy = {"asked_loss": 0.01, "packets": 12_345, "lost_packets": 131}
    config = {"name": "redis", "worker": {"pool": "prefork", "concurrency": 2, "count": 1}}
    kept = {"config": config | {"network": {"by": "netem", "rtt": 0.02, "loss": 0.0}}}
    lost = {"config": config | {"network": {"by": "netem", "rtt": 0.02, "loss": 0.01}}}
    return run(
        cell("redis/add/rate-25,faults=kill_worker+kill_broker", faulty_block(0, 0)),
        cell("redis[rtt=0ms]/add/closed-1", block(1, 1, network=near)),
        cell("redis[rtt=20ms]/add/closed-1", block(2, 2, network=far)),
        cell("redis[loss=0%]/add/closed-1", block(3, 3, network=far | sent), **kept),
        cell("redis[loss=1%]/add/closed-1", block(4, 4, network=far | lossy), **lost),
    )
