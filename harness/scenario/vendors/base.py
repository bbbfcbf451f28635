"""What a vendor's room tells: the models of its endpoints, and one row of what is known of it.

A room is one module of this folder. It says all that can be said of a service without a server:
what a configuration may write (`Endpoint` and the models below it), what it can do as broker and as
result backend (`AsBroker`, `AsBackend`), and which packages clients need. How the server is run and
read stands in `harness.services`; `registry` joins the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.scenario.files.fields import Frozen
from harness.scenario.loads.base import Publish

MIB = 1024**2
Provider = Literal["local", "compose", "external"]
Persistence = Literal["none", "aof"]
"""What a private Redis keeps on disk: nothing, or every write (append-only file)."""
Expiry = Literal["server", "rabbitmq", "cleanup", "ttl", "never", ""]
"""Who removes a result that is older than `result_expires`: the `server` by itself; the broker, if
it is `rabbitmq` (a reply queue on Redis is a list without a TTL); Celery's `backend_cleanup`, which
`celery beat` sends once a day; the server by a `ttl` of its own, whatever `result_expires` says;
or nobody."""


Options = Mapping[str, Any]
"""Celery settings, or `broker_transport_options`."""


# --- what a configuration writes ----------------------------------------------------------------


class End(Frozen):
    """What every broker and every result backend of a configuration is.

    Each model says its `service` as a literal of its own, where its schema is to show it.
    """

    if TYPE_CHECKING:
        service: str

    read_by: ClassVar[Mapping[str, Provider]] = {}
    """Field -> the only provider that reads it."""
    place: ClassVar[tuple[str, ...]] = ()
    """Fields that tell one server, or one use of it, from another, whoever runs it."""

    def expires_s(self) -> float | None:
        """Seconds after which the server removes a result by a rule of its own; None where Celery's
        `result_expires` decides."""
        return None


class Endpoint(End):
    """A broker or backend with a server: what all of them may say of where it runs."""

    provider: Provider | None = None
    """Who runs the server; the command line's `--provider` wins, `local` is the default."""
    url: str | None = None
    """URL of an external server. Secrets come in through `${ENV}` only."""

    def lacking(self) -> str:
        """What an external server of it needs beside a URL, and is not said; empty if nothing."""
        return ""

    read_by: ClassVar[Mapping[str, Provider]] = {"url": "external", "server": "local"}


class TlsEndpoint(Endpoint):
    """What may be reached by TLS: `rediss://`, `amqps://`."""

    ca: str | None = None
    """File with the certificates of the authorities that an external server is trusted by, in
    PEM; without it those of the system."""

    read_by: ClassVar[Mapping[str, Provider]] = {**Endpoint.read_by, "ca": "external"}


class AwsEndpoint(Endpoint):
    """One of Amazon's services, or an emulator. Credentials come from the usual boto3 chain."""

    server: Literal["ministack", "moto"] = "ministack"
    """Which emulator the local provider starts."""
    region: str = "us-east-1"

    place: ClassVar[tuple[str, ...]] = ("region",)


class FolderBackend(End):
    """A backend without a server: files that clients and workers open themselves."""

    folder: str | None = None
    """Folder in which each block has files of its own; without it in the run's private folder."""

    place: ClassVar[tuple[str, ...]] = ("folder",)


Declared = dict[str, str | int | float | bool]
"""Arguments of a queue's declaration, or settings that lead to them, by name."""


class QueueOptions(Frozen):
    """What a configuration may say of one queue; a broker whose queues are all alike adds nothing
    to it."""

    def declared_with(self) -> Declared:
        """What kombu declares the queue with (`queue_arguments`)."""
        return {}

    def as_settings(self) -> Declared:
        """Settings by which Celery would make its default queue the same."""
        return {}

    def problems(self, name: str, settings: Options) -> Iterator[tuple[str, str]]:
        """What a queue of this name cannot have: a field, and the reason. `settings`: by which
        Celery would make it, were nothing said of it, by their names for its default queue."""
        del name, settings
        yield from ()


# --- what is known of it ------------------------------------------------------------------------


@dataclass(frozen=True)
class TransportOption:
    """What kombu's transport takes for one of its options; by itself: anything."""

    kind: Literal["any", "amount", "switch"] = "any"
    """`amount`: kombu computes with it. `switch`: it only asks for its truth, so that any text
    switches it on."""
    default: Any = None
    """kombu's own value of the option; None where it has none that matters here."""
    most: int | None = None
    """Whole seconds, and no more of them: the server refuses the rest."""
    words: tuple[str, ...] = ()
    """Texts that mean something: of anything else clients and workers fail when they connect."""


ANY, AMOUNT, SWITCH = TransportOption(), TransportOption("amount"), TransportOption("switch")


def no_priorities(who: str, highest: int, settings: Options) -> Iterator[str]:
    """No problems: nothing stands against a priority."""
    del who, highest, settings
    yield from ()


def kept_apart(end: Endpoint, provider: Provider | None) -> str:
    """Nothing: any number of a block's queues can be told from those of others."""
    del end, provider
    return ""


def any_name(name: str) -> str | None:
    """No problem: a queue may have any name."""
    del name
    return None


def any_countdown(countdown_s: float, settings: Options) -> Iterator[str]:
    """No problems: a message may be asked to wait for however long."""
    del countdown_s, settings
    yield from ()


def as_it_is(options: Options) -> float:
    """1.0: a message takes its own size."""
    del options
    return 1.0


@dataclass(frozen=True)
class AsBroker:
    """What a service is as broker."""

    model: type[Endpoint]
    schemes: tuple[str, ...]
    """How the URL of an external server may begin."""
    needs_url: bool = True
    """Whether `external` has to say where; AWS finds its own servers."""
    max_message_bytes: int | None = None
    """The largest message the service itself takes."""
    takes_bytes: Callable[[str], int | None] = lambda _: None
    """The largest message that a server of some version takes by default, where that is another
    one for each version."""
    publish_paths: tuple[Publish, ...] = ("api", "prebuilt")
    """How a client can publish to it."""
    growth: Callable[[Options], float] = as_it_is
    """How many bytes go out for one byte of a payload at least, by its transport's options with
    kombu's defaults."""
    transport_options: Mapping[str, TransportOption] = field(default_factory=dict)
    """Options of its transport that are documented (kombu 5.7); it may take others, too."""
    owned_options: Mapping[str, str] = field(default_factory=dict)
    """Transport option that the harness must own -> why: no configuration may set it."""
    redelivery_s: Callable[[Options], float] | None = None
    """How long a message that a dead worker held stays with the broker before it is delivered
    again, at most, by its transport's options with kombu's defaults; None where it notices the
    death itself."""
    priority_problems: Callable[[str, int, Options], Iterator[str]] = no_priorities
    """What stands against a message's priority: told who asks for it, the highest one, and the
    settings."""
    queue: type[QueueOptions] | None = None
    """What a configuration may say of one of several queues; None where the harness can keep only
    one of a block's apart from others."""
    queue_name_problem: Callable[[str], str | None] = any_name
    """Why no queue can have a name; None where one can."""
    one_queue_only: Callable[[Endpoint, Provider | None], str] = kept_apart
    """Why a block cannot have several queues at an endpoint, with who runs it (None: it says so
    itself); empty where it can."""
    countdown_problems: Callable[[float, Options], Iterator[str]] = any_countdown
    """What stands against a message's countdown, in seconds, under the settings."""
    remote_control: bool = True
    """Workers hear what is broadcast to them: revocations, pings."""
    drops_expired: bool = False
    """The broker itself drops a message once its `expires` is over, and nobody stores that."""
    message_groups: bool = False
    """Messages may belong to groups that are delivered in order."""
    sends_twice: tuple[str, str] | None = None
    """The transport's option under which its client may send what it has sent once more, and the
    client's name."""
    kept_by: Literal["persistence", "delivery_mode"] = "delivery_mode"
    """What decides whether a queue outlives a restart of its server: the endpoint's `persistence`,
    or the messages' delivery mode."""
    confirmed_by: str = ""
    """The transport's option under which a publish waits until the broker has the message; empty
    where it always does."""
    refuses_when_full: Mapping[str, str] = field(default_factory=dict)
    """Setting of a full server -> value by which it refuses messages; empty where it makes who
    publishes wait."""
    restarts: bool = False
    """Whether the harness can stop a server of its own and start it again with its data."""
    beyond_proxy: str = ""
    """Why its connections cannot be led through a proxy; empty where they can."""

    def default(self, option: str) -> Any:
        """kombu's default of a transport option; None where the transport knows none."""
        known = self.transport_options.get(option)
        return None if known is None else known.default

    def with_defaults(self, options: Options) -> Options:
        """Transport options with kombu's defaults below them, and where they say nothing."""
        said = {name: value for name, value in options.items() if value is not None}
        return {name: self.default(name) for name in self.transport_options} | said


@dataclass(frozen=True)
class AsBackend:
    """What a service is as result backend."""

    model: type[End]
    schemes: tuple[str, ...] = ()
    """How the URL of an external server may begin; none where there is no server to reach."""
    needs_url: bool = True
    results: bool = True
    joins: bool = True
    """Whether a group's results can be collected as one."""
    chords: bool = True
    delivery: Literal["push", "poll", ""] = "poll"
    """Whether results come to who waits, or are asked for again and again."""
    max_result_bytes: int | None = None
    """The largest result that can be kept, without the record that Celery makes of it."""
    result_limit_is_set: bool = False
    """Whether whoever runs the server can set `max_result_bytes`."""
    compresses_results: bool = False
    """Celery's `result_compression` works with it."""
    brokers: tuple[str, ...] = ()
    """The only brokers it works with; none: it works with all of them."""
    expiry: Expiry = ""
    owned_options: Mapping[str, str] = field(default_factory=dict)
    """Option of `result_backend_transport_options` that the harness must own -> why."""
    kept_by: Literal["persistence", ""] = ""
    """What decides whether results outlive a restart of the server: the endpoint's `persistence`;
    empty where they always do."""
    through_proxy: bool = False
    """Whether connections to the backend can be led through a proxy."""


@dataclass(frozen=True)
class ClientPackages:
    """What clients and workers need to talk to a service."""

    packages: tuple[str, ...] = ()
    """Packages that decide how fast they do: recorded with every run."""
    requirements: tuple[str, ...] = ()
    """What an environment of another Celery needs beside it, as pip reads it."""
    extra: str = ""
    """What `pip install 'celery-config-bench[...]'` adds for it; nothing where the harness itself
    brings it."""
    modules: tuple[str, ...] = ()
    """Names for the import of the modules that clients and workers need of these packages."""
    of_the_driver: tuple[str, ...] = ()
    """Those that the harness imports itself, to run the server and read it: also where clients and
    workers have an environment of their own."""


@dataclass(frozen=True)
class OwnServer:
    """What a server that the harness runs itself takes, until a run of this machine says it."""

    memory_bytes: int = 100 * MIB
    """All its processes, while a scenario of small tasks is measured."""
    start_s: float = 3.0


@dataclass(frozen=True)
class Vendor:
    """One service in whatever role: all that is known of it without a server."""

    service: str
    """The service's name in configurations: `redis`."""
    title: str
    """The service's name in sentences: `Redis`."""
    broker: AsBroker | None = None
    backend: AsBackend | None = None
    clients: ClientPackages = ClientPackages()
    server_packages: tuple[str, ...] = ()
    """Packages that bring its server along, recorded with every run."""
    own_server: OwnServer = OwnServer()

    @property
    def models(self) -> tuple[type[End], ...]:
        """Models of the service's endpoints, in either role."""
        return tuple(role.model for role in (self.broker, self.backend) if role is not None)


@dataclass(frozen=True)
class VendorRow:
    """What joins a vendor's room with its driver, for example
    `VendorRow(REDIS, "harness.services.redis.driver:RedisDriver")`."""

    vendor: Vendor
    driver: str = ""
    """Module and class, as text: a scenario knows no services. Empty without a server or files."""
