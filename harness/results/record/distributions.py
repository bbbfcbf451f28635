"""What the figures of a record are made of: phases, distributions, outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.results.record.stored import Stored


class Distribution(Stored):
    """A distribution of raw samples in seconds; percentiles by nearest rank.

    All but `count` are None when there is no sample.
    """

    count: int
    mean: float | None = None
    min: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None


class Outcomes(Stored):
    """The ledger: every published unit counts exactly once."""

    ok: int = 0
    failed: int = 0
    """The task raised, or the unit could not be published."""
    wrong: int = 0
    """A result came back that is not the expected one."""
    lost: int = 0
    """Units that nothing runs, that nothing holds, and that have no result."""
    timed_out: int = 0
    """Units whose result came after the limit, or that were still on their way when the block
    ended."""

    @property
    def total(self) -> int:
        """How many units were published, or tried to be."""
        return self.ok + self.failed + self.wrong + self.lost + self.timed_out


class HowUnitsEnded:
    """What follows from the counts of units by their ends: of a whole block, or of some of it."""

    if TYPE_CHECKING:
        outcomes: Outcomes
        failed_as_meant: int
        duplicated: int

    @property
    def ended_as_meant(self) -> int:
        """Units that ended as they were meant to, whether they are in the block's figures or
        not."""
        return self.outcomes.ok + self.failed_as_meant

    @property
    def failed_unmeant(self) -> int:
        """Units that failed though they were not meant to."""
        return self.outcomes.failed - self.failed_as_meant

    @property
    def sound(self) -> bool:
        """Whether every unit ended as it was meant to, once."""
        return self.ended_as_meant == self.outcomes.total and self.duplicated == 0


class EndedUnits(HowUnitsEnded, Stored):
    """How some of a block's units ended: those of a part of a mix, or of a queue."""

    outcomes: Outcomes = Outcomes()
    failed_as_meant: int = 0
    duplicated: int = 0


class LossReasons(Stored):
    """How far the lost units got; adds up to `Outcomes.lost`."""

    never_received: int = 0
    """No worker had any of their messages."""
    refused_by_worker: int = 0
    received_not_started: int = 0
    """A worker had it, and no pool slot began it."""
    started_not_finished: int = 0
    """It was begun, and neither returned nor raised."""
    finished_not_stored: int = 0
    """It returned or raised, and no result was stored."""
    stored_not_seen: int = 0
    """Its result was stored, and nobody got it."""


def mean_of(spreads: Sequence[Distribution]) -> float | None:
    """Of all samples of several distributions together; None where there are none."""
    count = sum(one.count for one in spreads)
    return sum((one.mean or 0.0) * one.count for one in spreads) / count if count else None
