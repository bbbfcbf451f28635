"""What a record says of each queue, and of each group of workers, where a block has several."""

from __future__ import annotations

from harness.results.record.distributions import Distribution, EndedUnits
from harness.results.record.stored import Stored


class QueueRecord(EndedUnits):
    """One queue in a block: the units that went there, and how they fared.

    A unit belongs to the queue that a worker received it from; one that nobody received to that
    which its workload or part names, else to the default queue.
    """

    name: str
    """As the scenario calls it."""
    groups: tuple[str, ...] = ()
    """Worker groups that consume it; empty: nobody does."""
    published: int = 0
    """Measured units that were published to it, or were tried to be."""
    received: int = 0
    """Units of these of which a worker received a message."""
    completed: int = 0
    """Units that ended as they were meant to, of those that are in the block's figures."""
    throughput_per_s: float | None = None
    """Completed units per second of the block's window."""
    latency_s: Distribution = Distribution(count=0)
    queue_s: Distribution = Distribution(count=0)
    """The phase `queue`: publish call to received by a worker."""
    dispatch_s: Distribution = Distribution(count=0)
    run_s: Distribution = Distribution(count=0)
    most_depth: int | None = None
    """Messages that waited in it at once, at most, of all looks at it; None where nobody looked."""
    mean_depth: float | None = None
    """The same in the mean of all looks."""
    grew_per_s: float | None = None
    """By how many messages a second it grew as long as units were sent, where it grew all that
    time; None where it did not, or that is not known."""
    left: int | None = None
    """Messages that waited in it when nobody waited for results any more; None where that is not
    known."""


class GroupRecord(Stored):
    """One group of workers in a block."""

    name: str
    workers: int = 0
    """Worker processes that were planned."""
    slots: int = 0
    """Tasks that all of them can run at once, at most."""
    queues: tuple[str, ...] = ()
    """What they consume, as the scenario calls it."""
    tasks: int = 0
    """Executions of measured tasks that they began, repeated ones too."""
    tasks_per_s: float | None = None
    """Executions that ended in them, per second of the block's window."""
    run_s: Distribution = Distribution(count=0)
    """How long these executions ran."""
    dispatch_s: Distribution = Distribution(count=0)
    """Received by their worker to the call of the function, of each execution."""
    busy_share: float | None = None
    """Of all their slots' time in the block's window the share in which measured tasks ran; those
    that were cut short count nothing."""
    cpu_ms_per_task: float | None = None
    """CPU time of the group's workers per execution."""
    peak_rss_bytes: int | None = None
    """Sum over its processes of each one's peak."""
    fallen: int = 0
    """Workers of it that ended by themselves."""
