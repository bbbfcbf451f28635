"""A hand-made run of schedules: beat apart and inside a worker, one it cannot keep up with."""

from __future__ import annotations

from typing import Any

from harness.results.record.periodic import Periodic
from harness.results.record.run import BlockRecord, RunRecord
from tests.report.made.records import block, cell, run, spread_around


def schedule_block(number: int, fires: int, sent_s: float, **kept: Any) -> BlockRecord:
    """Fires that are sent so late on average, and started 4 ms later."""
    phases = {"schedule": sent_s, "queue": 0.003, "dispatch": 0.001, "run": 0.0}
    periodic = Periodic(
        fires=fires,
        due_to_tick_s=spread_around(sent_s / 2, fires),
        due_to_sent_s=spread_around(sent_s, fires),
        sent_to_started_s=spread_around(0.004, fires),
        due_to_started_s=spread_around(sent_s + 0.004, fires),
        **kept,
    )
    return block(
        number,
        number,
        units=fires,
        throughput_per_s=fires / 10,
        tasks_per_s=fires / 10,
        latency_basis="finished",
        latency_s=spread_around(sent_s + 0.004, fires),
        phases_s={name: spread_around(mean, fires) for name, mean in phases.items()},
        periodic=periodic,
    )


def schedule_run() -> RunRecord:
    """Every way in which a row can look; the second one is the one to worry about."""
    drifting = {"drift_per_fire_s": 0.002, "behind_s": 0.02}  # too few intervals for an hour's
    beyond = {"behind_s": 25.0, "behind_max_s": 30.0, "beat_cpu_ms_per_fire": 1.75}
    return run(
        cell(
            "redis/periodic-1s,entries=100/schedule",
            schedule_block(
                0, 998, 0.02, entries=100, expected=1000, slipped=2, behind_max_s=0.03,
                beat_cpu_ms_per_fire=1.25, **drifting,
            ),
        ),
        cell(
            "redis/periodic-1s,entries=1000/schedule",
            schedule_block(1, 2500, 3.0, entries=1000, expected=10000, missed=7500, **beyond),
        ),
        cell(
            "redis/periodic-0.1s,through=worker/schedule",
            schedule_block(
                2, 101, 0.0002, entries=1, expected=100, doubled=1, drift_per_fire_s=-0.0001,
                drift_per_hour_s=-3.6, behind_s=0.0, behind_max_s=0.0,
            ),
        ),
        cell(
            "redis/periodic,crontab=*_*_*_*_*/schedule",
            schedule_block(3, 10, 0.001, entries=1, expected=10, beat_cpu_ms_per_fire=6.0),
        ),
    )  # fmt: skip
