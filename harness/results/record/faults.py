"""What a record says of faults: what each of them did, what nobody can be blamed for, promises."""

from __future__ import annotations

from typing import Literal

from harness.results.record.stored import Plain, Stored


class Trouble(Stored):
    """Units that did not end as they were meant to, or not when. `duplicated` counts executions."""

    lost: int = 0
    """Units that have no result and never will."""
    timed_out: int = 0
    failed: int = 0
    """Failed though they were not meant to: the task raised, or publishing did."""
    refused: int = 0
    """Units, among `failed`, whose publish call raised."""
    wrong: int = 0
    """Units with a result that is not the expected one."""
    duplicated: int = 0
    late: int = 0
    """Started later than is usual; see FaultLevel."""

    @property
    def unsound(self) -> int:
        """All but the late ones."""
        return self.lost + self.timed_out + self.failed + self.wrong + self.duplicated


class FaultLevel(Stored):
    """What was usual before the first fault, and what is measured by it."""

    units: int = 0
    """Units that were due, and over, before the first fault."""
    p99_s: float | None = None
    """p99 of the total latency of the units before the first fault. None: too few of them to
    know."""
    back_limit_s: float | None = None
    """A p99 up to this counts as back."""
    late_limit_s: float | None = None
    """A unit that starts later than this after it was due counts as late."""


class FaultRecord(Stored):
    """One fault. `_at_s` count from the moment the load's first unit was due."""

    number: int
    """Place of the fault in the load's list of faults, from 0."""
    fault: str
    target: str = ""
    parameters: Plain = {}
    """The fault as the scenario has it."""
    planned_at_s: float
    begin_at_s: float | None = None
    """Right before the fault was done. None: the load ended before."""
    not_done: str = ""
    """Why it could not be done: what it was about had fallen by an earlier one."""
    struck_at_s: float | None = None
    """When the fault was done: the process was gone, the network cut."""
    mending_at_s: float | None = None
    mended_at_s: float | None = None
    """When the fault was undone: the process runs, the server answers, the network is restored."""
    facts: dict[str, float] = {}
    """What was measured of the fault itself, such as `rtt_s`."""
    trouble: Trouble = Trouble()
    """Trouble of the units that the fault is to blame for."""
    errors: dict[str, int] = {}
    """What publishing raised, or a unit's result held -> how many of the failed units have it."""
    disturbed: bool | None = None
    """Whether the p99 ever left its usual level; None where that is not known."""
    first_back_s: float | None = None
    """From its begin until a unit that was due after it was completed."""
    p99_back_s: float | None = None
    """From its begin until the p99 was back at its usual level; None: not while it was watched."""
    watched_s: float = 0.0
    """From its begin to the next fault's, or to the end of the load."""
    workers: int = 0
    """Workers that the fault concerned."""
    back_by_itself: int = 0
    """Workers among them whose process received tasks again afterwards."""
    back_restarted: int = 0
    """Workers among them whose successor, started by the harness, received tasks."""
    back_known: bool = False
    """Whether there were tasks to receive afterwards."""
    back_idle: int = 0
    """Workers among them to whose queues nothing was published afterwards: whether they are back,
    nobody can say."""
    fell: dict[str, str] = {}
    """Workers that ended by themselves from its begin until the next fault's, and that nobody
    started again -> the type of what they raised, or how their process ended."""


Kept = Literal["kept", "broken", "open", "untested"]
"""`open`: at the end units wait, for their redelivery or for a worker; `untested`: nothing that was
broken touched a unit that the promise is about."""


class PromiseRecord(Stored):
    """What the configuration's settings promise for a kind of fault, and what became of it."""

    promise: str
    """Code of the promise; see docs/faults.md."""
    about: str
    """What is broken: `worker`, `pool`, `broker`, `backend`, `network`."""
    because: Plain = {}
    """The settings that it follows from."""
    kept: Kept
    touched: int = 0
    """Units that such faults are to blame for, or that they held."""
    broken_by: dict[str, int] = {}
    """What it rules out and what happened all the same -> how often."""
    allowed: dict[str, int] = {}
    """What happened that it does not rule out -> how often."""
