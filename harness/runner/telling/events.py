"""What a run tells whoever listens: frozen values, in the order in which things happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from harness.results.events.activity import Activity
from harness.results.outlook.outlook import Outlook
from harness.results.record.comparison import PartedTwins, TargetRecord
from harness.results.record.run import BlockRecord, RunRecord
from harness.scenario.models.scenario import Cell
from harness.scenario.plan.bounds import AtMost

Stage = Literal[
    "starting",
    "warming up",
    "publishing",
    "consuming",
    "measuring",
    "draining",
    "checking",
    "stopping",
    "recording",
]
"""Stages of a block. A backlog is published and consumed, every other load is measured and drained;
a search for saturation measures and drains once per rate."""


@dataclass(frozen=True)
class Swept:
    """What earlier, killed runs had left was removed."""

    sentences: Sequence[str]


@dataclass(frozen=True)
class EnvironmentBuilds:
    """A Python environment for clients and workers is missing, and is being built."""

    title: str


@dataclass(frozen=True)
class CopyPrepares:
    """A command of the user's begins that prepares a revision's copy of the project."""

    title: str
    """Which revision."""
    command: str


@dataclass(frozen=True)
class RunPlanned:
    """The run has a folder; its servers are next. Told again when blocks are added, because a
    comparison is inconclusive."""

    record: RunRecord
    folder: Path
    at_most: AtMost | None = None
    """How long its blocks may take."""
    outlook: Outlook | None = None
    """What it will take and can tell; None when blocks are added."""


@dataclass(frozen=True)
class TargetTold:
    """The first look is over: whether the slowdown that the scenario names can be found in time."""

    target: TargetRecord


@dataclass(frozen=True)
class TwinsParted:
    """Two cells cannot be up at once: their blocks are measured one after the other from now on."""

    twins: PartedTwins


@dataclass(frozen=True)
class ServersReady:
    """The servers answer; the first block is next."""

    record: RunRecord
    """The run's, with the servers and without a block."""


@dataclass(frozen=True)
class BlockStarts:
    """Block `number` (from 0) of `total` is next."""

    number: int
    total: int
    cell: Cell
    expected_s: float | None = None
    """Seconds that the block will take: see `Forecast`."""
    remaining_s: float | None = None
    """Seconds that all blocks that are left will take, this one included. An estimate."""


@dataclass(frozen=True)
class Goal:
    """When a stage is over: after a time, or with a number of units."""

    seconds: float | None = None
    units: int | None = None
    """As many as are to be completed, or published while the workers are held."""


@dataclass(frozen=True)
class StageBegins:
    """The block under way has come to its next stage."""

    number: int
    stage: Stage
    goal: Goal = Goal()
    detail: str = ""
    """What is special about it: the rate that is tried."""


@dataclass(frozen=True)
class Tick:
    """How far the run is, told every now and then."""

    number: int | None
    """Number of the block under way; None before the first one and after the last."""
    stage: Stage | Literal["preparing", "between blocks"]
    """`preparing`: environments are built, servers start. `between blocks`: what was measured is
    compared, or judged after the last one."""
    stage_s: float
    """Seconds since the stage began."""
    block_s: float
    goal: Goal = Goal()
    detail: str = ""
    share: float | None = None
    """How much of the stage's goal is reached, from 0 to 1; None where it has none."""
    stage_remaining_s: float | None = None
    """Seconds until the stage's goal is reached, at the rate of the last seconds."""
    remaining_s: float | None = None
    """Seconds until the run is over. An estimate, see `BlockStarts`."""
    activity: Activity = field(default_factory=Activity)
    depth: int | None = None
    """Messages that waited in the task queue when it was last looked at."""


@dataclass(frozen=True)
class BlockEnded:
    """The block under way is recorded."""

    block: BlockRecord
    """As it stands in `run.json`."""
    cell: Cell


@dataclass(frozen=True)
class RunEnded:
    """The run is over: no more will be told. `record` is None where it broke off before it was
    planned."""

    record: RunRecord | None = None
    folder: Path | None = None


Event = (
    Swept
    | EnvironmentBuilds
    | CopyPrepares
    | RunPlanned
    | TargetTold
    | TwinsParted
    | ServersReady
    | BlockStarts
    | StageBegins
    | Tick
    | BlockEnded
    | RunEnded
)


class Listener(Protocol):
    """Who is told how a run gets on. It is called by one thread, which is not the measuring one:
    a terminal that blocks holds up nothing but itself."""

    @property
    def tick_s(self) -> float | None:
        """How often it wants a `Tick`; None for never, and then nothing is looked at for it."""
        ...

    def hear(self, event: Event, at_ns: int) -> None:
        """Something happened at that monotonic time."""
        ...
