"""The parts of which a block's record is put together; each is filled in one place.

They are joined by `BlockRecord(**part)`: mypy holds every name and type of a part against the
record's, and finds what a part lacks where it is filled. The record's fields have defaults, for
records of older versions; those of a part have none, so that nothing can be forgotten. What each
field means stands at `BlockRecord`.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from harness.results.record.by_task import PartRecord
from harness.results.record.distributions import Distribution, LossReasons, Outcomes
from harness.results.record.faults import FaultLevel, FaultRecord, PromiseRecord, Trouble
from harness.results.record.loads import LoadPhaseRecord, Saturation
from harness.results.record.queues_and_groups import GroupRecord, QueueRecord
from harness.results.record.run import RecordedWarning


class RateFigures(TypedDict):
    """How much there was, and how fast it was done."""

    slices: int
    units: int
    tasks: int
    window_s: float | None
    throughput_per_s: float | None
    tasks_per_s: float | None
    publish_rate_per_s: float | None


class TimeFigures(TypedDict):
    """How long units took, and what of them."""

    latency_basis: Literal["seen", "finished"]
    latency_s: Distribution
    phases_s: dict[str, Distribution]
    negative_phases: dict[str, int]
    calls_s: dict[str, Distribution]
    task_cpu_s: Distribution
    canvas_s: dict[str, Distribution]
    priorities_s: dict[str, Distribution]
    lateness_s: Distribution


class TrackingFigures(TypedDict):
    """What callers who asked for the state learned."""

    tracking_s: dict[str, Distribution]
    looks_per_unit: float | None
    started_seen: int | None


class OpenLoopFigures(TypedDict):
    """What only loads with phases have."""

    load_phases: tuple[LoadPhaseRecord, ...]
    unsent: int
    planned_per_s: float | None
    sent_per_s: float | None
    client_limited: bool


class StopFigures(TypedDict):
    """What Celery did to units beside their outcomes."""

    expired: int
    revoked: int
    time_limited: int
    process_lost: int


class LedgerFigures(StopFigures):
    """How units ended, and how often tasks ran."""

    outcomes: Outcomes
    failed_as_meant: int
    failures: dict[str, int]
    duplicated: int
    retried: int
    replaced: int
    loss: LossReasons


class FaultFigures(TypedDict):
    """What was broken on purpose, what came of it, and who ended or fell silent by himself."""

    faults: tuple[FaultRecord, ...]
    fault_level: FaultLevel | None
    unattributed: Trouble | None
    promises: tuple[PromiseRecord, ...]
    silent_workers: int
    fallen_workers: int


NO_FAULTS: FaultFigures = {
    "faults": (),
    "fault_level": None,
    "unattributed": None,
    "promises": (),
    "silent_workers": 0,
    "fallen_workers": 0,
}
"""What is recorded of a block in which nothing was broken, and nobody ended by himself."""


class LogFigures(
    RateFigures, TimeFigures, TrackingFigures, OpenLoopFigures, LedgerFigures, FaultFigures
):
    """All that a block's event logs tell: of a whole block, and of one that was broken off."""

    calls_per_task: float
    unlock_looks_per_unit: float | None
    by_queue: tuple[QueueRecord, ...]
    by_group: tuple[GroupRecord, ...]
    by_task: tuple[PartRecord, ...]
    warnings: tuple[RecordedWarning, ...]


class ObservedFigures(TypedDict):
    """What was measured beside the event logs."""

    worker_cpu_ms_per_task: float | None
    client_cpu_ms_per_task: float | None
    worker_peak_rss_bytes: int | None
    client_peak_rss_bytes: int | None
    depth_exact: bool
    saturation: Saturation | None
    observer: dict[str, float]
    network: dict[str, float]


class ServerFigures(TypedDict):
    """What the measured tasks cost on the servers."""

    broker_cpu_ms_per_task: float | None
    broker_peak_rss_bytes: int | None
    backend_cpu_ms_per_task: float | None
    backend_peak_rss_bytes: int | None
    connections: int | None


class TrafficFigures(TypedDict):
    """What went to the servers, and what it would cost."""

    traffic: dict[str, float]
    idle_traffic: dict[str, float]
    dollars_per_million_tasks: float | None
    prices_date: str
    prices_source: str


class CostFigures(ServerFigures, TrafficFigures):
    """What the servers' own counters, their processes and the SDK tell."""


class LeftFigures(TypedDict):
    """What the result backend held when the block was over."""

    results_stored: int | None
    result_bytes: int | None
    results_after_expiry: int | None
    results_after_cleanup: int | None
