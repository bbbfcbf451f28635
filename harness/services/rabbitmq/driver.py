"""RabbitMQ as broker and, through `rpc`, as carrier of results."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import amqp  # type: ignore[import-untyped]  # it has no types

from harness.errors import ServiceError
from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.rabbitmq import RabbitmqBroker
from harness.scenario.vendors.without_server import RpcBackend
from harness.services.base import (
    CeleryEnd,
    ComposePart,
    Counters,
    Driver,
    Launch,
    Namespace,
    Service,
    Surroundings,
    Target,
    TaskQueue,
    Undo,
)
from harness.services.finding import Finding
from harness.services.hosting.external import given_url, readable
from harness.services.hosting.local import LocalLaunch, LocalServer, who_answers
from harness.services.hosting.one_server import BreakableServer
from harness.services.labels import identifier
from harness.services.rabbitmq.access import AmqpAccess, check_amqp_url
from harness.services.rabbitmq.counters import CounterReader
from harness.services.rabbitmq.management import Management
from harness.services.rabbitmq.node import (
    Node,
    answers_amqp,
    find_installed,
    ready_timeout_s,
    start_node,
)
from harness.services.redaction import password_of
from harness.services.settings import expand
from harness.services.tls import ca_of
from harness.workspace import Promise, Workspace

_VHOST_PROMISE = "rabbitmq-vhost"
_NAMES_PROMISE = "rabbitmq-names"
_OF_CELERY = re.compile(
    r"celeryev\..*|.*\.pidbox|celery_delayed_.*|amq\..*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
"""Events, mailboxes, delays, and by a UUID a client's queue for replies."""


class RabbitmqDriver(Driver[RabbitmqBroker]):
    """Starts a private node, or reaches any other."""

    name = "rabbitmq"

    def __init__(self) -> None:
        self.undo: Mapping[str, Undo] = {_VHOST_PROMISE: _undo_vhost, _NAMES_PROMISE: _undo_names}
        self.compose = ComposePart(
            service="rabbitmq",
            ports={
                "HARNESS_RABBITMQ_PORT": "amqp",
                "HARNESS_RABBITMQ_MANAGEMENT_PORT": "management",
            },
            url="amqp://harness:{password}@127.0.0.1:{amqp}/%2F",
            management_url="http://harness:{password}@127.0.0.1:{management}",
            password_variable="HARNESS_RABBITMQ_PASSWORD",  # noqa: S106 - a variable's name
        )

    def launch(self, endpoint: RabbitmqBroker, surroundings: Surroundings) -> Launch:
        """Start a private node: random password, the management plugin, no guest."""
        del endpoint  # one way to start it
        nodes: dict[int, Node] = {}

        def start() -> LocalServer:
            node = start_node(surroundings)
            nodes[node.server.main.pid] = node
            return node.server

        def connect(server: LocalServer) -> Service:
            if not answers_amqp(server.port):
                raise ServiceError("its AMQP port is open but does not answer a handshake")
            node = nodes[server.main.pid]
            target = Target("local", node.url, node.management_url)
            counters = CounterReader(node.metrics_port)
            return RabbitmqService(target, surroundings.workspace, server, counters)

        return LocalLaunch(start, connect, timeout_s=ready_timeout_s())

    def target(self, endpoint: RabbitmqBroker, environ: Mapping[str, str]) -> Target:
        """The URLs of an external endpoint, with every `${ENV}` expanded. ServiceError for a
        missing or malformed one."""
        url = given_url(endpoint.url, environ, self.name, "amqp://user:${PASSWORD}@host:5672/")
        check_amqp_url(url)
        management = endpoint.management_url
        if management is not None:
            management = expand(management, environ, where="management_url")
            readable(management, "a management URL")
        return Target("external", url, management, ca=ca_of(endpoint, url, "amqps"))

    def reach(self, target: Target, surroundings: Surroundings) -> Service:
        """Connect by AMQP and, if there is one, to the management API."""
        return RabbitmqService(target, surroundings.workspace, None)

    def findings(self, environ: Mapping[str, str]) -> Iterable[Finding]:
        """The RabbitMQ server of this machine, with its Erlang."""
        return (find_installed(environ),)


class RabbitmqService(BreakableServer):
    """One broker. Blocks get vhosts where a management API is at hand, else names of their own."""

    def __init__(
        self,
        target: Target,
        workspace: Workspace,
        server: LocalServer | None,
        counters: CounterReader | None = None,
    ) -> None:
        super().__init__(target, workspace, server)
        self._counters = counters
        self._management = (
            Management(target.management_url, target.url, target.ca)
            if target.management_url
            else None
        )
        own = self._management.secrets if self._management else ()
        self.secrets = tuple(dict.fromkeys(password_of(target.url) + own))
        self._access = AmqpAccess(target.url, target.ca)
        with self._access.connection() as connection:
            facts = connection.server_properties
        if self._management is not None:
            self._management.check()
        self.info = who_answers(
            target,
            "rabbitmq",
            5672,
            product=str(facts.get("product", "AMQP broker")),
            version=str(facts.get("version", "unknown")),
            detail=str(facts.get("platform", "")),
        )

    def answers(self) -> bool:
        """Whether the node serves at this moment; raises nothing."""
        return self._server is not None and answers_amqp(self._server.port)

    def counters(self) -> Counters | None:
        """Messages published, delivered and acknowledged, and bytes, as a private node counts them;
        None of others."""
        return self._counters.read() if self._counters else None

    def check(self, configuration: Configuration) -> None:
        """On a shared vhost, refuse what makes queues that nobody can tell from other people's."""
        if self._management is not None:
            return
        reason = None
        if isinstance(configuration.backend, RpcBackend):
            reason = "rpc results make reply queues named by nothing but a random number"
        elif configuration.settings.get("task_default_queue_type") == "quorum":
            reason = "with quorum queues Celery makes 28 delay queues that all applications share"
        if reason is not None:
            raise ServiceError(
                f"configuration {configuration.name}: {reason}, which could not be removed: say "
                "`broker.management_url`, so that every block gets a vhost of its own"
            )

    def open_namespace(
        self, label: str, settings: Mapping[str, Any], endpoint: RabbitmqBroker
    ) -> Namespace:
        """A vhost for one block, or on a shared vhost names of its own."""
        del settings, endpoint  # none of them says where messages are
        name = f"harness-{identifier(label)}"
        if self._management is None:
            promise = self._workspace.promise(
                _NAMES_PROMISE, {"url": self.target.url, "ca": self.target.ca, "name": name}
            )
            return _NamesNamespace(self._access, name, self._workspace, promise)
        lasting = self.target.provider == "external"
        promised = (
            self._workspace.promise(
                _VHOST_PROMISE,
                {
                    "url": self.target.url,
                    "management_url": self.target.management_url,
                    "ca": self.target.ca,
                    "vhost": name,
                },
            )
            if lasting
            else None
        )
        return _VhostNamespace(self._management, self._access, name, self._workspace, promised)


class _QueueNamespace:
    """One task queue, asked for its length over a connection that is kept."""

    isolation = ""
    exact_depth = True

    def __init__(self, access: AmqpAccess, name: str) -> None:
        self._access = access
        self._looking = threading.Lock()
        self._connection: amqp.Connection | None = None
        self._closed = False
        self.queue = name
        self._queues = {name: name}
        """What each task queue is called -> its name."""

    def broker(self) -> CeleryEnd:
        """The task queue as broker; what else there is to say, subclasses add."""
        settings = {"task_default_queue": self.queue, **self._access.settings()}
        return CeleryEnd(self._access.url, settings)

    def backend(self) -> CeleryEnd:
        """The result backend `rpc`: results as messages through the same broker."""
        return CeleryEnd("rpc://")

    def declare(self, queues: Sequence[TaskQueue]) -> None:
        """Know the queues: clients and workers declare them, each with all that is said of it."""
        self._queues = {queue.called: queue.name for queue in queues}

    def depth(self) -> int | None:
        """Ready messages, by passive declarations; a queue that does not exist has none.

        Messages published without confirms appear a few ms after the call returned.
        """
        return sum(self.depths().values())

    def depths(self) -> Mapping[str, int]:
        """The same for each queue."""
        return {called: self._ready(name) for called, name in self._queues.items()}

    def strays(self) -> Mapping[str, int]:
        """None: on a vhost with others nobody can tell whose another queue is."""
        return {}

    def _ready(self, name: str) -> int:
        state = self._state(name)
        return state[0] if state else 0

    def stored(self) -> None:
        """None: results of rpc are messages on their way to one client."""

    def unacknowledged(self) -> int | None:
        """0 where nobody consumes, for the broker puts messages back; else unknown over AMQP."""
        states = [self._state(name) for name in self._queues.values()]
        return None if any(state and state[1] for state in states) else 0

    def close(self) -> None:
        """Remove what the block left. Idempotent."""
        if self._closed:
            return
        self._disconnect()
        self._remove()
        self._closed = True

    def _remove(self) -> None:
        raise NotImplementedError

    def _state(self, queue: str) -> tuple[int, int] | None:
        """Messages and consumers, or None without such a queue."""
        with self._looking:  # a connection of py-amqp is for one thread at a time
            return self._ask(queue)

    def _ask(self, queue: str) -> tuple[int, int] | None:
        for attempt in (1, 2):
            try:
                if self._connection is None:
                    self._connection = self._access.connect()
                channel = self._connection.channel()
                answer = channel.queue_declare(queue, passive=True)
                channel.close()
                return int(answer.message_count), int(answer.consumer_count)
            except amqp.exceptions.NotFound:
                return None  # the broker closed the channel, the connection is fine
            except (OSError, amqp.exceptions.AMQPError) as error:
                self._disconnect()  # the broker may have restarted since the last question
                if attempt == 2:
                    raise self._access.unreachable(error) from error
        raise AssertionError("unreachable")

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError, amqp.exceptions.AMQPError):
                connection.close()


class _VhostNamespace(_QueueNamespace):
    isolation = "vhost"

    def __init__(
        self,
        management: Management,
        access: AmqpAccess,
        name: str,
        workspace: Workspace,
        promise: Promise | None,
    ) -> None:
        super().__init__(access.at(name), name)
        self._management = management
        self._workspace = workspace
        self._promise = promise
        management.create_vhost(name)

    def strays(self) -> Mapping[str, int]:
        """What else is in the vhost, but for queues of Celery's own."""
        known = set(self._queues.values())
        names = self._management.queues(self.queue)
        return {
            name: self._ready(name)
            for name in sorted(names)
            if name not in known and _OF_CELERY.fullmatch(name) is None
        }

    def _remove(self) -> None:
        self._management.delete_vhost(self.queue)
        if self._promise is not None:
            self._workspace.fulfil(self._promise)


class _NamesNamespace(_QueueNamespace):
    isolation = "queue names"

    def __init__(
        self, access: AmqpAccess, name: str, workspace: Workspace, promise: Promise
    ) -> None:
        super().__init__(access, name)
        self._workspace = workspace
        self._promise = promise

    def broker(self) -> CeleryEnd:
        """Every queue and exchange that outlives its user carries the block's name.

        The others, mailboxes and replies, are exclusive: the broker removes them itself.
        """
        names = {
            **self._access.settings(),
            "task_default_queue": self.queue,
            "control_exchange": self.queue,
            "event_exchange": f"{self.queue}.events",
            "event_queue_prefix": f"{self.queue}.events",
        }
        return CeleryEnd(self._access.url, names)

    def _remove(self) -> None:
        _delete_names(self._access, self.queue)
        self._workspace.fulfil(self._promise)


def _delete_names(access: AmqpAccess, name: str) -> None:
    exchanges = (name, f"{name}.pidbox", f"reply.{name}.pidbox", f"{name}.events")
    with access.connection() as connection:
        channel = connection.channel()
        channel.queue_delete(name)  # like the next: no error if it does not exist
        for exchange in exchanges:
            channel.exchange_delete(exchange)


def _undo_names(payload: Mapping[str, Any]) -> None:
    name = str(payload["name"])
    if not name.startswith("harness-"):
        raise ServiceError(f"refusing to remove the queue {name!r}")
    _delete_names(AmqpAccess(str(payload["url"]), payload.get("ca")), name)


def _undo_vhost(payload: Mapping[str, Any]) -> None:
    vhost = str(payload["vhost"])
    if not vhost.startswith("harness-"):
        raise ServiceError(f"refusing to remove the vhost {vhost!r}")
    management = Management(str(payload["management_url"]), str(payload["url"]), payload.get("ca"))
    management.delete_vhost(vhost)
