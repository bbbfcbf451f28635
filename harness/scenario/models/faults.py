"""Faults of a scenario as frozen values: what is broken, when, and for how long.

Times count from the moment at which the first unit of the load is due.

A kind of fault is a model with its row (`FaultKind`), from which scenario checks, the attribution
of what came of it, promises and reports know it, and a `Breaker` in `runner/faults/` that does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from harness.scenario.files.fields import Duration, Frozen, Items, PositiveDuration
from harness.units import parse_share

Side = Literal["clients", "workers", "both"]
"""Whose connections go through the network that is disturbed."""
Role = Literal["broker", "backend", "both"]
"""The server to which disturbed connections lead."""
Means = Literal["proxy", "netem"]
"""Who makes connections slow: a TCP proxy of the harness, or Linux' netem, packet by packet."""
Place = Literal["worker", "broker", "backend", "network"]
Subject = Literal[
    "worker",
    "pool",
    "pause",
    "shutdown",
    "cold",
    "broker",
    "backend",
    "memory",
    "slowness",
    "network",
]
MOST_FAULTS = 100
_MOST_LOSS = 0.2


def _sensible_loss(share: float) -> float:
    if share > _MOST_LOSS:
        raise ValueError("at most 20%: with more, TCP stands still, see fault black_hole")
    return share


Loss = Annotated[
    float,
    BeforeValidator(parse_share, json_schema_input_type=float | str),
    AfterValidator(_sensible_loss),
]


@dataclass(frozen=True)
class FaultKind:
    """The row of one kind of fault: its words, its promise, and how what came of it is attributed.

    Example:
        >>> class CrashWorker(WorkerFault):
        ...     fault: Literal["crash_worker"] = "crash_worker"
        ...     kind = FaultKind("worker crashed", place="worker", about="worker", kills=True)
        >>> crash = CrashWorker(between=["2s", "3s"])
        >>> crash.worker, crash.earliest_s, crash.latest_s
        (1, 2.0, 3.0)
    """

    words: str
    """What happened, in a report's table: `worker killed`."""
    place: Place
    """The part that the fault breaks, and with it the units that it can be to blame for. `network`:
    on the way to what the fault's `to` says."""
    about: Subject
    """What is broken, for which the configuration promises something: see
    `results.faults.promises.SUBJECTS`."""
    kills: bool = False
    """Whether the fault cuts off what its processes are running."""
    one_process: bool = False
    """Whether the fault is about one process of a pool, not about a worker with all that it
    holds."""
    lets_finish: bool = False
    """Whether what had been begun comes to its end: only what is left then is the fault's."""
    delays: bool = False
    """Whether the fault can lose nothing by itself: any other one is blamed before it."""
    only_waits: bool = False
    """Whether all that the fault does is to make units wait."""
    disconnects: bool = False
    """Whether workers may lose their connection to the broker by the fault, and connect anew."""
    cuts_off: bool = False
    """Whether every worker that the fault is about has connected anew afterwards, for certain."""
    ways: Mapping[str, FaultKind] = field(default_factory=dict)
    """Where the fault's field `how` decides what happens: its values, and the row of each."""


class FaultBase(Frozen):
    """When it happens: at a given time, or at one drawn from the run's seed."""

    kind: ClassVar[FaultKind]
    at: Duration | None = None
    """Time after the first unit was due at which it happens; or give `between`."""
    between: Annotated[Items[Duration], Field(min_length=2, max_length=2)] | None = None
    """Two such times: it happens at a random moment between them, the same for every block of a
    run."""

    @model_validator(mode="after")
    def _one_moment(self) -> FaultBase:
        if (self.at is None) == (self.between is None):
            raise ValueError("say when: give at, or between")
        if self.between is not None and self.between[0] >= self.between[1]:
            raise ValueError("between needs an earlier and a later time")
        return self

    @property
    def earliest_s(self) -> float:
        """Seconds after the first unit was due before which the fault does not happen."""
        return self.at if self.at is not None else (self.between or (0.0,))[0]

    @property
    def latest_s(self) -> float:
        """Seconds after the first unit was due by which the fault happens."""
        return self.at if self.at is not None else (self.between or (0.0, 0.0))[1]


class WorkerFault(FaultBase):
    """About one worker of those that the configuration starts."""

    worker: Annotated[int, Field(ge=1, le=64)] = 1
    """Which one, from 1 on: within the group, or over all groups in their order."""
    group: str | None = None
    """Name of a group of the configuration's `workers`."""


class KillWorker(WorkerFault):
    """SIGKILL to a worker's main process and its pool at once, as when a container is killed."""

    fault: Literal["kill_worker"]
    kind = FaultKind("worker killed", place="worker", about="worker", kills=True)
    restart: PositiveDuration | None = None
    """So long afterwards it is started again, as systemd or Kubernetes would; without: never."""


class KillPoolChild(WorkerFault):
    """SIGKILL to one process of a prefork pool, as the kernel's OOM killer does; to one that is
    running a task, if there is one."""

    fault: Literal["kill_pool_child"]
    kind = FaultKind(
        "pool process killed", place="worker", about="pool", kills=True, one_process=True
    )


class StopWorker(WorkerFault):
    """SIGSTOP to a worker and its pool, and SIGCONT after `duration`: a machine that hangs."""

    fault: Literal["stop_worker"]
    kind = FaultKind(
        "worker stopped",
        place="worker",
        about="pause",
        delays=True,
        only_waits=True,
        disconnects=True,
    )
    duration: PositiveDuration


How = Literal["warm", "soft", "cold", "grace"]
"""How workers are stopped. `warm`: SIGTERM, until every task is over; `soft`: SIGQUIT, with
`worker_soft_shutdown_timeout` for tasks to end; `cold`: SIGQUIT, tasks are cancelled; `grace`:
SIGTERM, and SIGKILL to what is left after a while, as Kubernetes, systemd and Docker do."""
_STOPS: Mapping[str, FaultKind] = {
    "warm": FaultKind("warm shutdown", place="worker", about="shutdown", lets_finish=True),
    "soft": FaultKind("soft shutdown", place="worker", about="cold", kills=True),
    "cold": FaultKind("cold shutdown", place="worker", about="cold", kills=True),
    "grace": FaultKind("shutdown, then kill", place="worker", about="cold", kills=True),
}


class Stop(FaultBase):
    """How a fault stops workers."""

    how: How = "warm"
    """Which kind of shutdown, see `How`."""
    grace: PositiveDuration | None = None
    """With `how: grace`: so long after SIGTERM what is left is killed."""

    @model_validator(mode="after")
    def _grace_of_its_own(self) -> Stop:
        if self.how == "grace" and self.grace is None:
            raise ValueError("how long may it take before it is killed? give grace, such as 10s")
        if self.how != "grace" and self.grace is not None:
            raise ValueError(f"how: {self.how} kills nobody: leave grace out, or say how: grace")
        return self


class ShutdownWorker(WorkerFault, Stop):
    """A worker is told to end: SIGTERM, Celery's warm shutdown, or as `how` says."""

    fault: Literal["shutdown_worker"]
    kind = replace(_STOPS["warm"], ways=_STOPS)
    restart: PositiveDuration | None = None
    """So long after it has ended it is started again; without: never."""


class RollingRestart(Stop):
    """A deployment: each worker is told to end and started again, one after the other. The next one
    has its turn when the one before it consumes again."""

    fault: Literal["rolling_restart"]
    kind = FaultKind(
        "rolling restart",
        place="worker",
        about="shutdown",
        lets_finish=True,
        ways={
            how: replace(
                row, words=f"rolling restart, {how}" if how != "warm" else "rolling restart"
            )
            for how, row in _STOPS.items()
        },
    )
    group: str | None = None
    """Only the workers of this group of the configuration's `workers`."""
    pause: Duration = 0.0
    """Between a worker's being back and the next one's turn."""


class ServerFault(FaultBase):
    """About a server that the harness started: on the same port, with the same data."""

    down: Duration = 1.0
    """From its end to its start; how long it then boots is measured."""


class RestartBroker(ServerFault):
    """The broker is stopped in order (SIGTERM) and started again."""

    fault: Literal["restart_broker"]
    kind = FaultKind(
        "broker restarted", place="broker", about="broker", disconnects=True, cuts_off=True
    )


class KillBroker(ServerFault):
    """The broker is killed (SIGKILL) and started again."""

    fault: Literal["kill_broker"]
    kind = FaultKind(
        "broker killed", place="broker", about="broker", disconnects=True, cuts_off=True
    )


class RestartBackend(ServerFault):
    """The result backend is stopped in order (SIGTERM) and started again."""

    fault: Literal["restart_backend"]
    kind = FaultKind("backend restarted", place="backend", about="backend")


class KillBackend(ServerFault):
    """The result backend is killed (SIGKILL) and started again."""

    fault: Literal["kill_backend"]
    kind = FaultKind("backend killed", place="backend", about="backend")


class FillBroker(FaultBase):
    """The broker is at its memory limit: the limit is lowered to what it uses (Redis: maxmemory
    without eviction; RabbitMQ: the memory watermark), and put back after `duration`."""

    fault: Literal["fill_broker"]
    kind = FaultKind("broker full", place="broker", about="memory", disconnects=True)
    duration: PositiveDuration


class Slowness(Frozen):
    """How slow, and who makes it so."""

    by: Means = "proxy"
    """`proxy`: a TCP proxy of the harness, anywhere; `netem`: Linux' own packets are delayed and
    lost, which takes root and a kernel that has it."""
    rtt: Duration = 0.0
    """Added to every round trip, half each way. What it comes to is measured."""
    jitter: Duration = 0.0
    """Added to the delay of every piece of data (netem: of every packet): random, up to this. Order
    is kept."""
    bandwidth: Annotated[int, Field(ge=1024)] | None = None
    """Bytes per second and direction that one connection gets; with netem, that all connections of
    clients, or of workers, to one server share."""
    loss: Loss = 0.0
    """Share of the packets that is lost, each way: `1%` or 0.01. With netem only."""


class NetworkFault(FaultBase):
    """About connections between clients, workers and servers."""

    duration: PositiveDuration
    side: Side = "both"
    to: Role = "broker"


class SlowNetwork(NetworkFault, Slowness):
    """More round trip time, jitter, less bandwidth, lost packets; on top of the configuration's own
    `network`."""

    fault: Literal["slow_network"]
    kind = FaultKind("slow network", place="network", about="slowness", delays=True)

    @model_validator(mode="after")
    def _slower(self) -> SlowNetwork:
        if not any((self.rtt, self.jitter, self.bandwidth, self.loss)):
            raise ValueError("what is slow? give rtt, jitter, bandwidth or loss")
        return self


class ResetNetwork(NetworkFault):
    """Connections are reset (RST), and new ones too, for `duration`."""

    fault: Literal["reset_network"]
    kind = FaultKind(
        "connections reset", place="network", about="network", disconnects=True, cuts_off=True
    )


class BlackHole(NetworkFault):
    """Nothing gets through and nobody is told: packets vanish for `duration`, then go on."""

    fault: Literal["black_hole"]
    kind = FaultKind("black hole", place="network", about="network", disconnects=True)


Fault = Annotated[
    KillWorker
    | KillPoolChild
    | StopWorker
    | ShutdownWorker
    | RollingRestart
    | RestartBroker
    | KillBroker
    | RestartBackend
    | KillBackend
    | FillBroker
    | SlowNetwork
    | ResetNetwork
    | BlackHole,
    Field(discriminator="fault"),
]
FAULT_KINDS: Mapping[str, FaultKind] = {
    get_args(model.model_fields["fault"].annotation)[0]: model.kind
    for model in get_args(get_args(Fault)[0])
}
"""Name of a kind of fault in scenarios and records -> its row."""


def kind_of(fault: str, how: str | None = None) -> FaultKind:
    """The row of a fault by its name and, where it has one, its `how`. KeyError: no such fault."""
    row = FAULT_KINDS[fault]
    return row.ways.get(how or "", row)


Faults = Annotated[Items[Fault], Field(max_length=MOST_FAULTS)]


class Network(Slowness):
    """The network between clients, workers and servers, for all the time of a block."""

    side: Side = "both"
    """Whose connections go through it."""
    to: Role = "broker"
    """The server to which these connections lead."""
