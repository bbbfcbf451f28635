"""The schema of `run.json`: what one run of a scenario left behind.

Durations are seconds (`_s`), rates per second (`_per_s`), unless the name says otherwise.
Within one schema version fields are only added, so readers ignore what they do not know.
"""

from __future__ import annotations

from typing import Literal

from harness.results.block.unfinished import Unfinished
from harness.results.events.ran_with import RanWith
from harness.results.record.by_task import PartRecord
from harness.results.record.children import ChildrenRecord
from harness.results.record.comparison import (
    ComparisonReport,
    DesignRecord,
    EqualRateRecord,
    GateResult,
    TargetRecord,
)
from harness.results.record.distributions import Distribution, HowUnitsEnded, LossReasons, Outcomes
from harness.results.record.environment import Environment, Server
from harness.results.record.faults import FaultLevel, FaultRecord, PromiseRecord, Trouble
from harness.results.record.loads import LoadPhaseRecord, Saturation
from harness.results.record.periodic import Periodic
from harness.results.record.queues_and_groups import GroupRecord, QueueRecord
from harness.results.record.stored import Plain, Stored

SCHEMA_VERSION = 1

RunStatus = Literal["running", "complete", "partial", "failed"]
"""`partial`: stopped by the user or a kill; `failed`: a block could not be run."""
BlockStatus = Literal["complete", "partial", "failed"]


class RecordedWarning(Stored):
    """Something a reader of the numbers has to know. Worded by the reports."""

    code: str
    data: Plain = {}


_ENDED_WITH_TWIN = "twins_ended"
_ENDED_BY_ITSELF = ("gave_up", "out_of_numbers", _ENDED_WITH_TWIN)


class BlockRecord(HowUnitsEnded, Stored):
    """One measured repetition of one cell."""

    number: int
    """Place in the run's order, from 0."""
    cell: int
    repetition: int
    status: BlockStatus
    error: str = ""
    """What went wrong, when the status is `failed`."""
    failing: tuple[str, ...] = ()
    """Names of the user's own tasks that failed at each call before the measuring; nothing was
    measured then, nor is in the cells that call them in the same way."""
    started_at: str
    """UTC, ISO 8601."""
    isolation: dict[str, str] = {}
    """How broker and backend kept the block apart: `database`, `vhost`, `key prefix` ..."""
    bound_s: float | None = None
    """Seconds that the block might take at most, from ready workers to the last look for results;
    None in records of older versions."""
    unfinished: dict[str, Unfinished] = {}
    """Tasks that were still under way when nobody waited any more; see `Unfinished`."""
    slices: int = 0
    """In how many slices the load was put on, in turn with that of its twin; 0: of a block that has
    none."""
    slice_s: float | None = None
    """Seconds for which units were started in each of these, or as many as take about so long: five
    times what a unit took in the warm-up, within bounds. Longer ones followed where units took
    longer still. None where there are no slices, and in records of older versions."""
    window_s: float | None = None
    """Closed: first publish to last result seen. Backlog: release to last task finished. Open
    loop: first unit due to last result seen, of the counted phases. Of your own tasks at least to
    the end of the last one that they had published without an ETA. Of one of twins: its slices,
    put together."""
    units: int = 0
    """Measured units that were published, or were tried to be."""
    tasks: int = 0
    """Tasks they consist of, as published."""
    throughput_per_s: float | None = None
    """Completed units (ok, or failed as meant) per second of the window."""
    tasks_per_s: float | None = None
    publish_rate_per_s: float | None = None
    """Backlog only: units published per second while the workers were held."""
    planned_per_s: float | None = None
    """Open loop only: units that were due per second of the counted phases."""
    sent_per_s: float | None = None
    """Open loop only: units that were sent in time, per second of the counted phases."""
    unsent: int = 0
    """Units that were due and never sent, of all phases."""
    client_limited: bool = False
    """The client fell behind its target by more than 1 % in a counted phase: figures say what the
    client can do, not what the configuration can."""
    load_phases: tuple[LoadPhaseRecord, ...] = ()
    saturation: Saturation | None = None
    observer: dict[str, float] = {}
    """`cpu_us_per_result` of the process that watched for results, and `resolution_s`: by how much
    it may have seen a result too late (0 where results are pushed to it)."""
    latency_basis: Literal["seen", "finished"] = "seen"
    """Total latency ends when the client has the result, or (backlog) when the last task
    finished: then it is mostly the time in the queue."""
    latency_s: Distribution = Distribution(count=0)
    phases_s: dict[str, Distribution] = {}
    """Per completed unit, along the path that decided when it ended: see `figures.PHASES`."""
    calls_s: dict[str, Distribution] = {}
    """`publish_call` per unit and `store_call` per task: shown beside the phases, not summed."""
    canvas_s: dict[str, Distribution] = {}
    """Group: `member_spread` (first to last member's end), `join` (last member's end to result
    seen). Chain: `hop` (one link's end to the next one's start). Chord: `member_spread` of its
    header, `join_delay` (last header task stored to body started). A group in a chain: these, and
    `fan_out` (end of the link before to each member's start)."""
    calls_per_task: float = 1.0
    """Function calls that a task carries, in the mean: above 1 for map, starmap and chunks."""
    tracking_s: dict[str, Distribution] = {}
    """Workload `tracking`: `learned_late` (worker begins to store the result, to caller has it),
    `started_late` (worker begins to store STARTED, to caller sees it)."""
    looks_per_unit: float | None = None
    """How often a caller asked for the state; None where it did not, but waited in `get()`."""
    started_seen: int | None = None
    """Units of which a caller that asked for the state saw STARTED; None where nobody asked, or
    workers did not store it."""
    unlock_looks_per_unit: float | None = None
    """How often Celery's `chord_unlock` looked whether a chord's header was done, where the result
    backend does not count it."""
    priorities_s: dict[str, Distribution] = {}
    """Total latency of the units of each priority, where the workload has several."""
    lateness_s: Distribution = Distribution(count=0)
    """With a countdown: start of a task less its ETA. What the wait that was asked for leaves of
    a latency. The ETA is taken as the beginning of the publish call plus the countdown."""
    outcomes: Outcomes = Outcomes()
    failed_as_meant: int = 0
    """Units that were meant to fail, and did so in just the expected way; they are among
    `failed`."""
    failures: dict[str, int] = {}
    """Units that failed though they were not meant to, by the type of the exception that their
    result held. Those whose publishing raised are in the warning `publish_errors`."""
    mismatches: tuple[str, ...] = ()
    """What was expected and what came instead, for the first wrong result of each task that had
    one. Shortened, as the logs of clients and observer have it."""
    duplicated: int = 0
    """Executions of a task beyond its first, but for those that it asked for itself."""
    retried: int = 0
    """Executions that ended in Celery's Retry (or Ignore, Reject): the task was to be run again."""
    replaced: int = 0
    """Executions that ended in `self.replace`: another task ran under the same id. Older records
    count them in `retried`."""
    expired: int = 0
    """Units of which a task was thrown away because it had expired: by a worker, which stores that,
    or by RabbitMQ, which stores nothing. They are `failed`. This count and the next three stand
    beside the outcomes; records of older versions have none of them."""
    revoked: int = 0
    """Units of which a task was revoked before its end, and therefore thrown away or ended."""
    time_limited: int = 0
    """Units of which a task ran into a soft or hard time limit."""
    process_lost: int = 0
    """Executions whose pool process ended under them (WorkerLostError)."""
    loss: LossReasons = LossReasons()
    negative_phases: dict[str, int] = {}
    task_cpu_s: Distribution = Distribution(count=0)
    """CPU time of the call of each task's function, of completed units: of the execution that gave
    the result. Empty where the pool does not let it be told (greenlets), and in records of older
    versions."""
    by_task: tuple[PartRecord, ...] = ()
    """The figures of each part of a mix; a task of the user's own is a mix of one."""
    by_queue: tuple[QueueRecord, ...] = ()
    """The figures of each queue, where there are several."""
    by_group: tuple[GroupRecord, ...] = ()
    """The figures of each group of workers, where there are several."""
    worker_cpu_ms_per_task: float | None = None
    client_cpu_ms_per_task: float | None = None
    worker_peak_rss_bytes: int | None = None
    """Sum over worker processes of each one's peak; shared pages count in each."""
    client_peak_rss_bytes: int | None = None
    broker_cpu_ms_per_task: float | None = None
    """CPU time of the broker's processes, where the harness started them."""
    broker_peak_rss_bytes: int | None = None
    backend_cpu_ms_per_task: float | None = None
    """CPU time of the result backend's processes, where that is another server than the broker and
    the harness started it."""
    backend_peak_rss_bytes: int | None = None
    connections: int | None = None
    """TCP connections that clients and workers held open at once, at most, of all looks; whoever is
    at the other end."""
    traffic: dict[str, float] = {}
    """Commands, messages, requests and bytes per execution, e.g. `redis.commands`,
    `redis.command.lpush`, `rabbitmq.acks`, `sqs.requests.SendMessage`; `bytes_in` and `bytes_out`
    as the server sees them."""
    idle_traffic: dict[str, float] = {}
    """The part of `traffic` that went by while nothing happened to any task, by polls and
    heartbeats, also per execution. Of Redis and RabbitMQ only where enough of the block was quiet
    to see it; of SQS the receives that brought no message. Empty in records of older versions."""
    dollars_per_million_tasks: float | None = None
    """What SQS' billed requests would cost at the prices of `prices_date`."""
    prices_date: str = ""
    """The day of the table of prices."""
    prices_source: str = ""
    """Who says what the requests cost, as the table of prices has it."""
    periodic: Periodic | None = None
    """How beat kept to the schedule; None of any other load."""
    depth_exact: bool = True
    """Whether the depths in `files["depth"]` are counts; False: the broker's estimates."""
    results_stored: int | None = None
    """Results of tasks that the backend held when the block was over, those of the warm-up and of
    the probe tasks among them; None where `measure.results_left` does not ask."""
    result_bytes: int | None = None
    """Bytes that the stored results took in the backend, with keys and indexes, as the store itself
    accounts for it."""
    results_after_expiry: int | None = None
    """Stored results that were still there when all had expired."""
    results_after_cleanup: int | None = None
    """Stored results that Celery's `backend_cleanup` left after that, where the backend needs
    it."""
    faults: tuple[FaultRecord, ...] = ()
    """What was broken on purpose, and what came of it; see docs/faults.md."""
    fault_level: FaultLevel | None = None
    """What was usual before the first fault."""
    unattributed: Trouble | None = None
    """Trouble of the block that no fault is to blame for; None without faults."""
    children: ChildrenRecord | None = None
    """What became of the processes of prefork pools; None of other pools, and in records of older
    versions."""
    silent_workers: int = 0
    """Workers, in a block with faults, that lived and received nothing any more when nothing was
    broken any more, although messages waited."""
    fallen_workers: int = 0
    """Workers that ended by themselves, not by a fault's own doing. Older records count those of
    blocks with faults only; the others were `failed`."""
    beat_fell: bool = False
    """Beat ended by itself, once it had read its schedule."""
    promises: tuple[PromiseRecord, ...] = ()
    network: dict[str, float] = {}
    """Round trips of the broker's protocol through the network that the configuration asks for:
    `rtt_s` (median, measured), `asked_rtt_s`, and `direct_rtt_s` past it. Of one by netem also
    `asked_loss`, and of the whole block the `packets` that were sent and `lost_packets` of them."""
    warnings: tuple[RecordedWarning, ...] = ()
    versions: dict[str, str] = {}
    """What clients and workers said they ran under, where it is not the cell's `packages`."""
    ran_with: tuple[RanWith, ...] = ()
    """What the block's workers said that they ran with, those of a kind together. Empty in records
    of older versions."""
    files: dict[str, str] = {}
    """`units`, `tasks`, `timeline`, `tracking`, `depth` (Parquet), `logs` (folder): paths
    relative to the run's folder."""

    @property
    def ended_by_itself(self) -> bool:
        """A `partial` block whose load ended before its plan, not its user: measuring it again
        would not give more."""
        return any(one.code in _ENDED_BY_ITSELF for one in self.warnings)

    @property
    def ended_with_twin(self) -> bool:
        """Its load was ended because that of its twin was."""
        return any(one.code == _ENDED_WITH_TWIN for one in self.warnings)

    @property
    def completed(self) -> int:
        """Units that ended as they were meant to."""
        return self.ended_as_meant

    @property
    def as_expected(self) -> bool:
        """`sound`, at rest in the end, and nobody had ended by himself; where something was broken
        on purpose, whether nothing went wrong that no fault is to blame for, every promise was
        kept, and every worker that was not ended on purpose consumed again."""
        if self.silent_workers or self.fallen_workers or self.beat_fell:
            return False
        if self.unattributed is None:
            return self.sound and not self.unfinished
        kept = all(promise.kept != "broken" for promise in self.promises)
        return self.unattributed.unsound == 0 and kept


class CellRecord(Stored):
    """One point of the scenario's matrix with its blocks."""

    name: str
    config: Plain
    axes: Plain
    axis_words: dict[str, str] = {}
    """How the name calls the values of the axes. Cells are told apart and found again by the
    values themselves; see `identity`."""
    workload: Plain
    load: Plain
    measure: Plain
    servers: dict[str, Server] = {}
    """`broker` and `backend`: what really ran."""
    packages: dict[str, str] = {}
    """Versions of Python and the packages under which its clients and workers ran."""
    project_commit: str | None = None
    """Commit of the user's project as clients and workers ran it, where that is a revision, or a
    folder of its own. Empty: it lies in no repository. None: that of the folder the harness was
    started in (`environment.git_commit`)."""
    project_dirty: bool | None = None
    """Whether the user's project had uncommitted changes; a revision has none."""
    equal_rate: EqualRateRecord | None = None
    """Of cells of `harness ab`: which of two loads speed and costs are told of."""
    blocks: tuple[BlockRecord, ...] = ()

    @property
    def at_equal_rate(self) -> bool:
        """Whether `harness ab` added it, at a rate that both sides hold."""
        return self.equal_rate is not None and self.equal_rate.at_rate == self.name

    @property
    def project_known(self) -> bool:
        """Whether its record says what it ran of the project, be it None: those of the version
        before have no such field."""
        return "project_commit" in self.model_fields_set

    @property
    def emulated(self) -> bool:
        """Whether any of its servers is an emulator."""
        return any(
            server.emulator or "emulator" in server.product.lower()
            for server in self.servers.values()
        )


class Resumption(Stored):
    """A time at which a run that had been broken off was taken up again."""

    at: str
    """UTC, ISO 8601."""
    after: Literal["killed", "interrupted", "failed"]
    """How the run had ended before."""
    first_block: int
    """Number of the first block that was measured afterwards."""
    measured_s: float = 0.0
    """How long the run had measured until then."""


class RunRecord(Stored):
    """One execution of a scenario: the whole of `run.json`."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    status: RunStatus
    started_at: str
    ended_at: str | None = None
    seed: int
    source: str
    """The scenario file as it was given."""
    scenario: Plain
    """The scenario as resolved, `${ENV}` unexpanded."""
    environment: Environment
    order: tuple[int, ...]
    """The plan: the cell of block 0, 1, 2 ... Neighbouring rounds are mirrored (AB BA)."""
    cells: tuple[CellRecord, ...]
    provider: str | None = None
    """Who was to run all servers, as `--provider` said; None where it said nothing."""
    resumptions: tuple[Resumption, ...] = ()
    broken_off: tuple[BlockRecord, ...] = ()
    """Blocks that were broken off or failed, and measured again when the run was resumed: in no
    figure. What they left is in the folder `broken-off`."""
    warnings: tuple[RecordedWarning, ...] = ()
    target: TargetRecord | None = None
    """What the first look said of the slowdown that is to be found in time, where the scenario
    names one."""
    design: DesignRecord | None = None
    """Which sides of pairs are measured as twins; None where none are."""
    gates: tuple[GateResult, ...] = ()
    """The scenario's gates, evaluated when the run ended."""
    comparison: ComparisonReport | None = None
    """Comparison of the run's own configurations or revisions, where the scenario asks for one."""

    @property
    def blocks(self) -> tuple[BlockRecord, ...]:
        """All finished blocks in the order in which they ran."""
        return tuple(
            sorted((b for cell in self.cells for b in cell.blocks), key=lambda b: b.number)
        )
