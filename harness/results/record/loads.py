"""What a record says of an open-loop load: its phases, and what a search for saturation found."""

from __future__ import annotations

from harness.results.record.distributions import Distribution, Outcomes
from harness.results.record.stored import Stored


class GroupLoad(Stored):
    """Units of one phase in queues that one group of workers alone consumes: nobody else may take
    them, whoever is idle."""

    group: str
    slots: int
    """Tasks that the group can run at once, at most."""
    planned: int
    """Units that were due in the phase, and published."""
    completed_per_s: float
    """As in `LoadPhaseRecord`, of these units, as is the next one."""
    could_complete: int
    run_s: float | None = None
    """For how long one of their tasks holds a slot, in the mean."""


class LoadPhaseRecord(Stored):
    """One phase of an open-loop load, or one step of a search for saturation.

    A unit belongs to the phase in which it was due.
    """

    phase: str
    """`warmup`, `steady`, `burst`, `ramp`, `drain`; `search` and `sustained` of a search."""
    counted: bool
    """Whether its units are in the block's figures. All units are in its ledger."""
    begin_s: float
    """Seconds from the begin of the first phase to that of this one."""
    duration_s: float
    rate_per_s: float
    to_per_s: float
    """Rate at the end of the phase, if it changes."""
    planned: int
    sent: int
    sent_in_time: int
    """Units that were sent before the end of the phase."""
    unsent: int = 0
    """Units that were due, and never sent."""
    client_limited: bool = False
    """More than 1 % of the units were not sent in time: the client is too slow for this rate."""
    completed: int = 0
    completed_per_s: float = 0.0
    """Units, of whatever phase, that were completed during this one, per second."""
    could_complete: int | None = None
    """Units, of whatever phase, that would have been completed during this one if none had waited
    for a worker: due, and then as long as they were asked to wait and as their tasks ran. Of a
    phase in slices those that would have been so by nine tenths of their slice, as each of its many
    ends would part units that hardly waited. None in records of older versions."""
    in_flight_at_end: int = 0
    """Units that were published and not over when the phase ended; of a phase in slices, when that
    slice ended at which it were most."""
    latency_s: Distribution = Distribution(count=0)
    phases_s: dict[str, Distribution] = {}
    outcomes: Outcomes = Outcomes()
    of_groups: tuple[GroupLoad, ...] = ()
    """What single groups of workers were asked for, where there are several."""


class SaturationStep(Stored):
    """One rate that was tried; its figures are in the load phase of the same index."""

    rate_per_s: float
    kept: bool
    broken: tuple[str, ...] = ()
    """The limits that it broke, as written, or `client`, `loss`, `growth`."""
    growth: float = 0.0
    """Units by which the number under way grew while it was tried."""
    cores: dict[str, float] = {}
    """Cores in use by `workers`, `client`, `broker`, `backend` and the whole `machine`."""
    busiest: dict[str, float] = {}
    """Cores that the busiest single process of each of these used: 1 is all that it can."""
    cpu_s: float | None = None
    """CPU time of one task, of all these processes."""
    run_s: float | None = None
    """How long a task held its slot."""
    slots_busy: float | None = None
    """Share of the workers' slots that were running task functions; of several groups of workers
    that of the busiest one."""
    short_group: dict[str, float | str] = {}
    """The group of several that lacked slots, as in `Saturation.capacity`."""


class Saturation(Stored):
    """What a search for the highest rate that keeps the limits found."""

    rate_per_s: float | None = None
    """The highest rate that kept the limits, tried again to confirm it; None if none did."""
    broken_at_per_s: float | None = None
    """The lowest rate that did not keep the limits."""
    limits: tuple[str, ...] = ()
    stopped_by: str
    """`client`, `broker`, `backend`, `workers`, `slots`, `machine`, `limit`, `loss`; `most` and
    `time` where nothing broke before the search ended, `numbers` where a client had none left for
    further units, `interrupt` where it was broken off, `gave_up` where no worker was left."""
    capacity: dict[str, float | str] = {}
    """What was lacking where cores or slots stopped the search: `short_of` which of them,
    `rate_per_s` of tasks x `each_s` = `needed`, and what was `there`, perhaps to one `group` of
    workers; at the lowest rate that broke a limit."""
    confirmed: bool = False
    """Whether the highest rate kept the limits a second time."""
    out_of_time: bool = False
    """The search ended before it was as precise as asked for."""
    steps: tuple[SaturationStep, ...] = ()
