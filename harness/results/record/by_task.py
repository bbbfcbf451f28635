"""What a record says of each part of a mix."""

from __future__ import annotations

from harness.results.record.distributions import Distribution, EndedUnits


class PartRecord(EndedUnits):
    """One part of a mix in a block: the units that were of it. A single task of the user's own is a
    mix of one."""

    task: str
    """How reports call it: the name that the scenario gives it, or else that of the user's task, or
    of the harness' workload."""
    units: int
    completed: int = 0
    """Units that ended as they were meant to, of those that are in the block's figures."""
    throughput_per_s: float | None = None
    """Completed units of the part per second of the block's window."""
    latency_s: Distribution = Distribution(count=0)
    run_s: Distribution = Distribution(count=0)
    """The phase `run`: the function's call that gave the result. Records of older versions have the
    time from its first call to its last return."""
    dispatch_s: Distribution = Distribution(count=0)
    """The phase `dispatch`: received by a worker to the first call of the function. Records of
    older versions have none."""
    cpu_s: Distribution = Distribution(count=0)
    """CPU time of the call that gave the result. Empty where the pool does not let it be told, and
    in records of older versions."""
    lateness_s: Distribution = Distribution(count=0)
    """Start less ETA, where it was asked to run later."""
    retried: int = 0
    replaced: int = 0
    expired: int = 0
    revoked: int = 0
    time_limited: int = 0
    process_lost: int = 0
    """These four as in `BlockRecord`; records of older versions have none."""
    unchecked: bool = False
    """Whether nothing was expected of the result but that it came."""
