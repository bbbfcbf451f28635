"""What a record says of the processes of prefork pools."""

from __future__ import annotations

from harness.results.record.distributions import Distribution
from harness.results.record.stored import Stored


class ChildrenRecord(Stored):
    """The pool processes of a block, from the first unit's publication to the last that happened to
    one. What ended before that or began after it is not counted."""

    lived: int
    """Processes that lived then, though perhaps not all the time."""
    most: int
    """Most of them at a time, one that is still being started among them."""
    replaced: int
    """Processes in whose place another one was started."""
    replaced_by_group: dict[str, int] = {}
    """Group of workers -> these, where a block has several groups."""
    ended: dict[str, int] = {}
    """Why processes ended -> how many: `max_tasks` (worker_max_tasks_per_child), `max_memory`
    (worker_max_memory_per_child), `time_limit` (the hard one), `terminated` (their task was
    revoked, or cancelled by a cold shutdown), `exited` (their task ended the process), `shrunk`
    (`--autoscale`), `fault` (a fault killed this one process), `killed` (a signal did, from
    whomever), `worker` (their worker ended)."""
    gap_s: Distribution = Distribution(count=0)
    """Of each replaced process: how long its slot ran nothing although tasks waited, from the end
    of its last task to the first task of its successor."""
    lost_share: float = 0.0
    """Share of the time of all slots that these gaps took."""
    start_s: Distribution = Distribution(count=0)
    """From the moment when a worker begins to start a process to its being initialised, of all that
    were started after the block's first processes."""
    tasks_each: float | None = None
    """Tasks that a replaced process had run: the median."""
    peak_rss_bytes: int | None = None
    """The most memory that a process had had which ended in good order: the median."""
