"""What `--json-lines` prints: a model per kind of line. schemas/progress.schema.json is made of it.

Fields are only ever added. Times are seconds, `t_s` since the first line.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from harness.results.record.comparison import PartedTwins, TargetRecord
from harness.results.record.distributions import Outcomes
from harness.results.record.run import BlockStatus, RunStatus


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    t_s: float
    """Seconds since the first line."""


class SweptLine(_Line):
    """What earlier, killed runs had left was removed."""

    event: Literal["swept"] = "swept"
    removed: tuple[str, ...]
    """A sentence each."""


class EnvironmentLine(_Line):
    """A Python environment for clients and workers is being built."""

    event: Literal["environment_builds"] = "environment_builds"
    title: str


class PreparingLine(_Line):
    """A command that prepares a revision's copy of the project begins."""

    event: Literal["copy_prepares"] = "copy_prepares"
    title: str
    command: str


class AskedOfLine(BaseModel):
    """Rate x cost of one task, against what there is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: str
    what: Literal["cores", "slots"]
    rate_per_s: float
    each_s: float
    needed: float
    there: int
    short: bool
    """Whether that is too few: the load cannot be kept up with."""
    source: str
    """Where the cost is from."""


class SeesLine(BaseModel):
    """What so many pairs can tell apart of one figure of one work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    work: str
    """Workload and load, as names of cells end."""
    metric: str
    pairs: int
    spread: float | None
    """Standard deviation of the log ratios of pairs in the last runs; null: not known yet."""
    effect: float | None
    """The smallest relative change that is seen with power 80 %."""
    regression: float | None
    """The smallest slowdown that is called a regression."""


class PlannedLine(_Line):
    """The run has a folder. Written again when blocks are added."""

    event: Literal["run_planned"] = "run_planned"
    run_id: str
    folder: str
    scenario: str
    blocks: int
    """Planned so far."""
    cells: tuple[str, ...]
    block_at_most_s: float | None
    """The longest that a block may take, from ready workers to the last look for results."""
    at_most_s: float | None
    """All blocks together."""
    expected_s: float | None = None
    """How long the run will probably take until its first look, as these and the following go by
    this machine's last runs, or by assumptions where there are none. null when blocks are added."""
    expected_most_s: float | None = None
    """The same until the last look."""
    asked: tuple[AskedOfLine, ...] = ()
    """What loads ask for, of cells that ask for a rate."""
    memory_bytes: float | None = None
    """Of all that runs at once."""
    memory_free_bytes: int | None = None
    sees: tuple[SeesLine, ...] = ()
    """What pairs of blocks can tell apart; empty where nothing is compared, or too few pairs."""


class ServerOfLine(BaseModel):
    """One server of the run, as `servers_ready` tells it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str
    product: str
    version: str
    provider: str
    """`local`, `compose` or `external`."""
    emulator: bool
    """Whether it calls itself an emulator."""


class TargetLine(_Line):
    """The first look is over: whether the slowdown that the scenario names can be found in time."""

    event: Literal["target"] = "target"
    target: TargetRecord


class TwinsPartedLine(_Line):
    """Two cells cannot be up at once, and are measured one after the other from now on."""

    event: Literal["twins_parted"] = "twins_parted"
    twins: PartedTwins


class ServersLine(_Line):
    """All servers answer; the first block is next."""

    event: Literal["servers_ready"] = "servers_ready"
    servers: tuple[ServerOfLine, ...]


class BlockLine(_Line):
    """A block begins: its number and its cell."""

    event: Literal["block_starts"] = "block_starts"
    block: int
    """From 0."""
    blocks: int
    """Blocks of the plan as it is now."""
    cell: str
    emulator: bool
    """Whether it runs on one: such figures are nobody's but the emulator's."""
    expected_s: float | None
    """Going by the cell's blocks before it, else by what was expected of it beforehand."""
    remaining_s: float | None
    """Seconds that the whole run will take, this block included. An estimate."""


class StageLine(_Line):
    """The block comes to its next stage."""

    event: Literal["stage_begins"] = "stage_begins"
    block: int
    stage: str
    detail: str
    goal_s: float | None
    """How long it lasts, where that is planned ..."""
    goal_units: int | None
    """... or with how many units it is over."""


class TickLine(_Line):
    """How far it is, every second."""

    event: Literal["tick"] = "tick"
    block: int | None
    """null while no block is under way."""
    stage: str
    stage_s: float
    block_s: float
    share: float | None
    """How much of the stage's goal is reached, 0 to 1."""
    remaining_s: float | None
    """Seconds until the whole run is over. An estimate."""
    published: int
    """Measured units so far."""
    refused: int
    """Units, among `published`, whose publish call raised."""
    started: int
    """Executions of their tasks."""
    finished: int
    completed: int
    """Units whose result somebody has; where nobody watches, units whose tasks have finished."""
    outcomes: dict[str, int]
    """Outcome -> how many of the known results have it: `ok`, `failed as meant`, `failed`, `wrong`,
    `timed out`."""
    published_per_s: float | None
    """Over the last five seconds, as the following ones."""
    completed_per_s: float | None
    p50_s: float | None
    p99_s: float | None
    depth: int | None
    """Messages waiting in the queue."""
    behind: bool
    """More was written than one look reads: counts lag."""


class BlockEndedLine(_Line):
    """A block is recorded: what counts, computed from all samples."""

    event: Literal["block_ended"] = "block_ended"
    block: int
    cell: str
    emulator: bool
    """Whether it ran on one."""
    status: BlockStatus
    error: str
    throughput_per_s: float | None
    p50_s: float | None
    p99_s: float | None
    outcomes: Outcomes
    failed_as_meant: int
    duplicated: int
    warnings: tuple[str, ...]
    """Codes of the block's warnings."""


class RunEndedLine(_Line):
    """The last line. Without a run where it broke off before it had a folder; the reason is on
    standard error."""

    event: Literal["run_ended"] = "run_ended"
    run_id: str | None
    folder: str | None
    status: RunStatus | None


Line = (
    SweptLine
    | EnvironmentLine
    | PreparingLine
    | PlannedLine
    | TargetLine
    | TwinsPartedLine
    | ServersLine
    | BlockLine
    | StageLine
    | TickLine
    | BlockEndedLine
    | RunEndedLine
)


class ProgressLine(RootModel[Annotated[Line, Field(discriminator="event")]]):
    """Any line of `harness run --json-lines`."""
