"""Records of the workloads beyond the tutorial, written by hand."""

from __future__ import annotations

from typing import Any

from harness.results.record.distributions import Outcomes
from harness.results.record.run import RunRecord
from tests.report.made.records import block, cell, run, spread_around, warning


def canvas_run() -> RunRecord:
    """A group, a chord on a backend that counts and on one that is asked, a group in a chain,
    and a message of a hundred calls."""
    group = {"member_spread": spread_around(0.2, 50), "join": spread_around(0.006, 50)}
    chord = {"member_spread": spread_around(0.21, 50), "join_delay": spread_around(0.012, 50)}
    asked = {"member_spread": spread_around(0.2, 50), "join_delay": spread_around(0.85, 50)}
    nested = chord | {"fan_out": spread_around(0.031, 5000)}
    trap = warning("chord_get_asks_parents", result_p50_s=0.071, size=100)
    rates: dict[str, Any] = {"units": 50, "throughput_per_s": 3.0}
    traffic = {"redis.commands": 20.0, "redis.bytes_in": 3000.0, "redis.bytes_out": 2000.0}
    return run(
        cell(
            "redis/group-100,collect=join/closed-2",
            block(0, 0, tasks=5000, tasks_per_s=300.0, canvas_s=group, traffic=traffic, **rates),
        ),
        cell(
            "redis/chord-100/closed-2",
            block(1, 1, tasks=5050, tasks_per_s=303.0, canvas_s=chord, warnings=(trap,), **rates),
        ),
        cell(
            "files/chord-100/closed-2",
            block(
                2,
                2,
                tasks=5050,
                tasks_per_s=303.0,
                canvas_s=asked,
                unlock_looks_per_unit=2.5,
                **rates,
            ),
        ),
        cell(
            "redis/nested-100/closed-2",
            block(3, 3, tasks=5100, tasks_per_s=306.0, canvas_s=nested, **rates),
        ),
        cell(
            "redis/starmap-100/closed-2",
            block(
                4,
                4,
                throughput_per_s=120.0,
                tasks_per_s=120.0,
                calls_per_task=100.0,
                traffic=traffic,
            ),
        ),
    )


def tracking_run() -> RunRecord:
    """Callers that ask, seldom and often, and one that waits in `get()`."""
    late = {"learned_late": spread_around(0.0031, 1000)}
    seldom = {"learned_late": spread_around(0.055, 1000)}
    started = {"started_late": spread_around(0.0021, 900)}
    return run(
        cell(
            "redis[task_track_started=true]/tracking-busy/closed-2",
            block(
                0,
                0,
                tracking_s=late | started,
                looks_per_unit=87.5,
                started_seen=1000,
                traffic={"redis.commands": 112.0},
            ),
        ),
        cell(
            "redis[task_track_started=true]/tracking-interval/closed-2",
            block(
                1,
                1,
                tracking_s=seldom | started,
                looks_per_unit=1.5,
                started_seen=180,
                traffic={"redis.commands": 24.0},
            ),
        ),
        cell(
            "redis[task_track_started=true]/tracking-get/closed-2",
            block(2, 2, tracking_s=late, traffic={"redis.commands": 23.0}),
        ),
        cell(
            "redis[task_track_started=true]/tracking-busy-text/closed-2",
            block(
                3,
                3,
                outcomes=Outcomes(failed=1000),
                failed_as_meant=1000,
                tracking_s=late,
                looks_per_unit=12.0,
                started_seen=0,
                traffic={"redis.commands": 40.0},
            ),
        ),
    )
