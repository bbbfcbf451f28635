"""What the rest of the harness knows of a server: four small types, no vendor's among them.

A *driver* knows one kind of service. A *service* is one server of one run, started
(`local`, `compose`) or only reached (`external`). A *namespace* is the part of it that
one block may touch: its queues, keys and results, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote

from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.base import Endpoint, FolderBackend, Provider, QueueOptions
from harness.services.finding import Finding
from harness.workspace import Workspace

AnyEndpoint = Endpoint | FolderBackend
"""What in a configuration needs a server, or a place for files."""

Undo = Callable[[Mapping[str, Any]], None]
"""Keeps a promise of one kind for a run that was killed: removes from the server what the payload
names. ServiceError if the server cannot be reached."""


@dataclass(frozen=True)
class ServerInfo:
    """Which server really ran. Everything here may be printed and stored: no credentials."""

    service: str
    """`redis`, `rabbitmq`, `sqs`: the glossary's name."""
    product: str
    """What the server calls itself: `Valkey`, `Redis`, `RabbitMQ`, `ministack (SQS emulator)`."""
    version: str
    provider: Provider
    emulator: bool
    same_host: bool | None
    """Whether the server shares the cores of the harness; None where that is unknown."""
    address: str
    """`127.0.0.1:40123`, never with user or password."""
    detail: str = ""
    """One remark for reports, e.g. `embedded, no persistence`."""

    @property
    def title(self) -> str:
        """Product, version and provider for tables: `Valkey 9.1.2, local`, `ministack (SQS
        emulator) 1.5.33, local`."""
        return f"{self.product} {self.version}, {self.provider}"


@dataclass(frozen=True)
class CeleryEnd:
    """What Celery has to be told to use a namespace as broker or as backend."""

    url: str = field(repr=False)
    """May hold credentials: goes into the cell spec (mode 0600) and nowhere else."""
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Celery settings the namespace needs (key prefix, queue name ...), nested dictionaries
    to be merged below the configuration's own."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables that clients and workers need: credentials, where settings cannot hold them."""


@dataclass(frozen=True)
class TaskQueue:
    """One of a block's task queues."""

    name: str
    """On the broker, within the block's namespace."""
    called: str
    """In the files and reports."""
    options: QueueOptions = field(default_factory=QueueOptions)
    """What the configuration says of it, as its vendor has it."""


@dataclass(frozen=True)
class Counters:
    """What a server itself has counted since it started, for everybody but the harness' own looks.

    Two readings with nothing between them are the same.
    """

    figures: Mapping[str, int]
    """Name of a counter -> its count since the server started, e.g. `commands`, `command.lpush`,
    `publishes`, `acks`, `bytes_in`."""


@dataclass(frozen=True)
class StoredResults:
    """What a backend holds of one block at this moment."""

    results: int
    """Results of tasks that can still be fetched."""
    size_bytes: int
    """Bytes that these results take up there, with keys and indexes, as the store itself accounts
    for it."""


class Namespace(Protocol):
    """What one block may touch on one service. Closing it removes every trace of the block.

    Example: block 3 of a run gets its namespace of a backend that needs no server, SQLite.
        >>> from contextlib import closing
        >>> from harness.scenario.vendors.sql import SqliteBackend
        >>> from harness.services.files import SqliteDriver
        >>> from harness.workspace import open_workspace
        >>> endpoint = SqliteBackend(service="sqlite")
        >>> with open_workspace({}) as workspace:
        ...     surroundings = Surroundings(workspace, workspace.path, environ={})
        ...     service = SqliteDriver().launch(endpoint, surroundings).ready()
        ...     with closing(service.open_namespace("run-3", {}, endpoint)) as space:
        ...         space.isolation, space.backend().url.rpartition("/")[2], space.stored()
        ('file', 'results.sqlite', StoredResults(results=0, size_bytes=0))
    """

    isolation: str
    """How the block is kept apart from others, for the record: `database`, `key prefix`, `vhost`,
    `queue names`."""
    queue: str
    """Name of the task queue that workers consume and clients publish to, where nobody says
    anything of queues: Celery's default one."""
    exact_depth: bool
    """Whether `depth()` is a count; False where the server only estimates."""

    def broker(self) -> CeleryEnd:
        """What Celery is told to use the namespace as broker. ServiceError where the service cannot
        be one."""
        ...

    def backend(self) -> CeleryEnd:
        """What Celery is told to use the namespace as result backend. ServiceError where the
        service cannot be one."""
        ...

    def declare(self, queues: Sequence[TaskQueue]) -> None:
        """The block has these task queues instead of `queue` alone. Called once, before anybody
        publishes or consumes; what clients would not make by themselves is made now."""
        ...

    def depth(self) -> int | None:
        """Messages waiting in the task queues, by the cheapest way; None if unknowable.

        May be called by several threads at once.
        """
        ...

    def depths(self) -> Mapping[str, int] | None:
        """The same for each of the task queues, by what it is called; of `queue` alone where none
        were declared."""
        ...

    def strays(self) -> Mapping[str, int]:
        """Queues that appeared without being declared -> messages waiting in them. None of those
        that Celery makes for itself. May look through all of the namespace: not while anything is
        measured."""
        ...

    def unacknowledged(self) -> int | None:
        """Messages delivered but not acknowledged, after the workers stopped; None if unknown."""
        ...

    def stored(self) -> StoredResults | None:
        """The block's results in this backend; None where the server cannot say.

        May look at every one of them: not while anything is measured.
        """
        ...

    def close(self) -> None:
        """Remove queues, keys, vhost: all that the block created, and only that. Idempotent."""
        ...


E = TypeVar("E", bound=AnyEndpoint)
"""The models that one kind of service has in configurations."""
_E_contra = TypeVar("_E_contra", bound=AnyEndpoint, contravariant=True)


class ServiceOf(Protocol[_E_contra]):
    """One server of one run, whose endpoints in configurations are of the models `E`."""

    info: ServerInfo
    target: Target
    """How the server is reached, with credentials: for whoever owns the server."""
    secrets: tuple[str, ...]
    """Every password or key that must not appear in logs and records."""

    def pids(self) -> tuple[int, ...]:
        """Processes of the server where the harness started them itself, else empty."""
        ...

    def counters(self) -> Counters | None:
        """The server's own counters as of now; None where it keeps none that are exact.

        They are the whole server's: on a shared one, other people's traffic is among them.
        ServiceError if it cannot be asked.
        """
        ...

    def check(self, configuration: Configuration) -> None:
        """ServiceError if the server cannot keep this configuration's blocks apart, or clean up
        after them.

        Called once everything is up, before anything is measured.
        """
        ...

    def open_namespace(
        self, label: str, settings: Mapping[str, Any], endpoint: _E_contra
    ) -> Namespace:
        """A fresh namespace; `label` is unique within the machine (run id + block).

        `settings` are the configuration's own: some decide where a transport keeps messages.
        `endpoint` is the configuration's broker or backend, as it asks for this namespace.
        """
        ...

    def close(self) -> None:
        """Stop the server where the harness started it, within a bounded time. Idempotent."""
        ...


Service = ServiceOf[Any]


@dataclass(frozen=True)
class Surroundings:
    """Where drivers may put files, and what they may read of the outer world."""

    workspace: Workspace
    log_dir: Path
    environ: Mapping[str, str] = field(repr=False)
    cores: frozenset[int] | None = None
    """The only ones that local servers may run on; None: any."""
    shared: dict[str, object] = field(default_factory=dict, repr=False)
    """Local servers that play several services, by name: see `aws.emulators.launch_emulator`."""


@dataclass(frozen=True)
class Target:
    """A server to reach: what an endpoint says, with every `${ENV}` expanded."""

    provider: Provider
    url: str = field(repr=False)
    management_url: str | None = field(default=None, repr=False)
    region: str = ""
    queue_name_prefix: str = ""
    ca: str | None = None
    """File of the authorities to trust, where they are not the system's."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What else a backend's endpoint says, by names of its driver's own."""


def _by_its_url(target: Target, endpoint: AnyEndpoint) -> Target:
    del endpoint  # one server fits all
    return target


@dataclass(frozen=True)
class ComposePart(Generic[E]):
    """The service of `docker-compose.yml` that a driver can use, and how to reach it there."""

    service: str
    ports: Mapping[str, str]
    """Variable of the file that publishes a port -> the driver's name for that port."""
    url: str
    """`redis://:{password}@127.0.0.1:{redis}/0`: with the password and ports by those names."""
    password_variable: str | None = None
    management_url: str | None = None
    """URL of the management API, with gaps for password and ports like those of `url`; None without
    one."""
    used_by: Callable[[Target, E], Target] = _by_its_url
    """The target with what an endpoint says of its use."""

    def target(self, ports: Mapping[str, int], password: str, endpoint: E) -> Target:
        """How the service is reached at its published ports, given by the driver's names for
        them."""
        words = {"password": quote(password, safe=""), **ports}
        management = self.management_url and self.management_url.format(**words)
        return self.used_by(Target("compose", self.url.format(**words), management), endpoint)


class Launch(Protocol):
    """A local server that is starting. Several start at once: first all `launch`, then `ready`."""

    def ready(self) -> Service:
        """Wait, bounded, until it serves. ServiceError with the end of its log if it does not."""
        ...

    def close(self) -> None:
        """Stop the server, ready or not. Idempotent."""
        ...


class Driver(Protocol[E]):
    """The code that knows one kind of service. `E`: the models of its endpoints.

    Which vendor it is the driver of, a row of `harness.scenario.vendors.registry` says.

    Example: the driver of servers that only somebody else can run.
        >>> from harness.errors import ServiceError
        >>> from harness.services.settings import expand
        >>> class HostedDriver(Driver[Endpoint]):
        ...     name = "hosted"
        ...     undo = {}
        ...     compose = None
        ...
        ...     def launch(self, endpoint, surroundings):
        ...         raise ServiceError("hosted runs nowhere but at its vendor: provider: external")
        ...
        ...     def target(self, endpoint, environ):
        ...         return Target("external", expand(endpoint.url, environ, where="hosted"))
        ...
        ...     def reach(self, target, surroundings):
        ...         raise ServiceError(f"hosted does not answer: {target.provider}")
        >>> endpoint = Endpoint(provider="external", url="https://${KEY}@example.org")
        >>> HostedDriver().target(endpoint, {"KEY": "secret"}).url
        'https://secret@example.org'
        >>> HostedDriver().target(endpoint, {})
        Traceback (most recent call last):
        harness.errors.ServiceError: hosted needs the environment variable KEY: ...
    """

    name: str
    undo: Mapping[str, Undo]
    """Kind of promise -> how to keep it for a run that was killed."""
    compose: ComposePart[E] | None
    """The service of `docker-compose.yml` that plays this one; None where there is no server to
    run."""

    def launch(self, endpoint: E, surroundings: Surroundings) -> Launch:
        """Start a private server. Only from the main thread: see `harness.processes`."""
        ...

    def target(self, endpoint: E, environ: Mapping[str, str]) -> Target:
        """What an external endpoint names. ServiceError for a missing or malformed URL."""
        ...

    def reach(self, target: Target, surroundings: Surroundings) -> Service:
        """Connect to a running server, bounded. ServiceError says what was tried and why not."""
        ...

    def findings(self, environ: Mapping[str, str]) -> Iterable[Finding]:
        """What of its server is installed here, for `harness doctor`. Starts nothing.

        Nothing, unless a driver says so: DynamoDB's and S3's emulators are found by SQS' driver.
        """
        del environ
        return ()
