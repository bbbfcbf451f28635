"""Redis and servers that speak its protocol, as broker and as result backend."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import redis

from harness.errors import ServiceError
from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.scenario.vendors.registry import BROKERS
from harness.services.base import (
    CeleryEnd,
    ComposePart,
    Counters,
    Driver,
    Launch,
    Namespace,
    ServerInfo,
    Service,
    StoredResults,
    Surroundings,
    Target,
    TaskQueue,
    Undo,
)
from harness.services.finding import Finding
from harness.services.hosting.external import given_url, malformed
from harness.services.hosting.local import LocalLaunch, LocalServer, who_answers
from harness.services.hosting.one_server import BreakableServer
from harness.services.labels import identifier
from harness.services.redaction import address_of, password_of, strip_credentials
from harness.services.redis.counters import CounterReader, OwnTraffic
from harness.services.redis.queues import Lists
from harness.services.redis.server import (
    DATABASES,
    find_binary,
    find_embedded,
    find_installed,
    start_server,
)
from harness.services.results_only import TASK_KEY
from harness.services.tls import HINT, ca_of, redis_url
from harness.workspace import Promise, Workspace

_PORT = 6379
_READY_S = 20.0
_CONNECT_S = 3.0
_COMMAND_S = 10.0
_KEYS_PROMISE = "redis-keys"


RedisEnd = RedisBroker | RedisBackend


class RedisDriver(Driver[RedisEnd]):
    """Starts a private server, or reaches any other."""

    name = "redis"

    def __init__(self) -> None:
        self.undo: Mapping[str, Undo] = {_KEYS_PROMISE: _undo_keys}
        self.compose = ComposePart(
            service="redis",
            ports={"HARNESS_REDIS_PORT": "redis"},
            url="redis://:{password}@127.0.0.1:{redis}/0",
            password_variable="HARNESS_REDIS_PASSWORD",  # noqa: S106 - a variable's name
        )

    def launch(self, endpoint: RedisEnd, surroundings: Surroundings) -> Launch:
        """Start a private server on loopback: random password, persistence as the endpoint says."""
        binary = find_binary(endpoint.server, surroundings.environ)
        password = secrets.token_urlsafe(24)
        embedded = endpoint.server == "embedded"

        def start() -> LocalServer:
            return start_server(binary, password, surroundings, endpoint.persistence)

        def connect(server: LocalServer) -> Service:
            url = f"redis://:{password}@127.0.0.1:{server.port}/0"
            kept = "no persistence" if endpoint.persistence == "none" else "append-only file"
            detail = f"{'embedded' if embedded else binary.name}, {kept}"
            return RedisService(Target("local", url), surroundings.workspace, server, detail)

        return LocalLaunch(start, connect, timeout_s=_READY_S)

    def target(self, endpoint: RedisEnd, environ: Mapping[str, str]) -> Target:
        """The URL of an external endpoint, with every `${ENV}` expanded. ServiceError for a missing
        or malformed one."""
        url = given_url(endpoint.url, environ, self.name, "redis://${REDIS_HOST}:6379/0")
        if urlsplit(url).scheme not in BROKERS[self.name].schemes or not urlsplit(url).hostname:
            form = "redis://user:password@host:port/database (rediss:// for TLS)"
            raise malformed(url, self.name, form)
        return Target("external", redis_url(url, ca_of(endpoint, url, "rediss")))

    def reach(self, target: Target, surroundings: Surroundings) -> Service:
        """Connect to a running server, and ask who answers. ServiceError if nobody does."""
        return RedisService(target, surroundings.workspace, None, "")

    def findings(self, environ: Mapping[str, str]) -> Iterable[Finding]:
        """The embedded server, and one that the system has installed."""
        return find_embedded(environ), find_installed(environ)


class RedisService(BreakableServer):
    """One server. A private one gives every block a database, a shared one a key prefix."""

    def __init__(
        self, target: Target, workspace: Workspace, server: LocalServer | None, detail: str
    ) -> None:
        super().__init__(target, workspace, server)
        self._free = list(range(DATABASES - 1, -1, -1))
        self.secrets = password_of(target.url)
        client = _client(target.url)
        try:
            facts: dict[str, Any] = client.info("server")
        except (redis.RedisError, OSError, ValueError) as error:
            raise _unreachable(target.url, error) from error
        finally:
            client.close()
        self.info = _server_info(target, facts, detail)
        self.own_traffic = OwnTraffic()
        """What namespaces ask, to be taken out of the server's counters."""
        self._counters = CounterReader(target.url, self.own_traffic, timeout_s=_COMMAND_S)

    def answers(self) -> bool:
        """Whether the server serves at this moment; raises nothing."""
        with contextlib.closing(_client(self.target.url)) as client:
            try:
                return bool(client.ping())
            except (redis.RedisError, OSError):
                return False

    def counters(self) -> Counters | None:
        """Commands by name and bytes, from INFO; the harness' own looks are taken out."""
        with _translated(self.target.url):
            return self._counters.read()

    def check(self, configuration: Configuration) -> None:
        """ServiceError where this configuration's blocks would have no database that is known to be
        theirs."""
        for end in (configuration.broker, configuration.backend):
            wanted = isinstance(end, RedisBroker | RedisBackend) and end.isolation
            if wanted == "database" and self._server is None:
                raise ServiceError(
                    f"configuration {configuration.name}: isolation: database empties databases, "
                    "which is for servers of the harness' own: use isolation: prefix, or "
                    "provider local"
                )

    def open_namespace(
        self, label: str, settings: Mapping[str, Any], endpoint: RedisEnd
    ) -> Namespace:
        """For one block a database of its own, or on a shared server keys with a prefix of its
        own."""
        if self._server is None or endpoint.isolation == "prefix":
            prefix = f"harness:{identifier(label)}:"
            promise = self._workspace.promise(
                _KEYS_PROMISE, {"url": self.target.url, "prefix": prefix}
            )
            return _PrefixNamespace(self, label, settings, prefix, promise)
        if not self._free:
            raise ServiceError(f"more than {DATABASES} blocks are open at once on one redis")
        return _DatabaseNamespace(self, label, settings, self._free.pop())

    def close(self) -> None:
        """Stop a private server, close our connection to any other."""
        self._counters.close()
        super().close()

    def url(self, database: int | None = None) -> str:
        """URL of the server, with credentials and with a database, or with the one that the
        endpoint says."""
        parts = urlsplit(self.target.url)
        return (
            self.target.url if database is None else urlunsplit(parts._replace(path=f"/{database}"))
        )

    def give_back(self, database: int) -> None:
        """Let another block have the database of that number."""
        self._free.append(database)

    def fulfil(self, promise: Promise) -> None:
        """Note in the workspace's journal that a promise was kept."""
        self._workspace.fulfil(promise)


class _RedisNamespace:
    """What databases and prefixes have in common: where a queue's messages are."""

    isolation = ""
    exact_depth = True

    def __init__(
        self, service: RedisService, label: str, settings: Mapping[str, Any], url: str, prefix: str
    ) -> None:
        self._service = service
        self._url = url
        self._prefix = prefix
        self._client = _client(url)
        # One look at a time: a second connection would be made for a second one, in the
        # middle of a measurement.
        self._looking = threading.Lock()
        self._closed = False
        self.queue = f"harness-{identifier(label)}"
        options = settings.get("broker_transport_options", {})
        self._lists = Lists(prefix, options)
        self._queues = {self.queue: self._lists.of(self.queue)}
        """What each task queue is called -> its lists."""
        self._unacked = f"{prefix}{options.get('unacked_key', 'unacked')}"

    def broker(self) -> CeleryEnd:
        """As broker: the task queue and, on a shared server, the key prefix."""
        prefixed = {"broker_transport_options": {"global_keyprefix": self._prefix}}
        settings = {"task_default_queue": self.queue, **(prefixed if self._prefix else {})}
        return CeleryEnd(self._url, settings)

    def backend(self) -> CeleryEnd:
        """As result backend: the block's database, or on a shared server its key prefix."""
        prefixed = {"result_backend_transport_options": {"global_keyprefix": self._prefix}}
        return CeleryEnd(self._url, prefixed if self._prefix else {})

    def declare(self, queues: Sequence[TaskQueue]) -> None:
        """Know the queues: a list is there as long as something is in it."""
        self._queues = {queue.called: self._lists.of(queue.name) for queue in queues}

    def depth(self) -> int | None:
        """LLEN of the queues' lists, one per priority, in one round trip."""
        return sum(self.depths().values())

    def depths(self) -> Mapping[str, int]:
        """The same for each queue, still in one round trip."""
        return self._lengths(self._queues)

    def strays(self) -> Mapping[str, int]:
        """SCAN for lists that belong to no queue that is known."""
        known = {key.encode() for lists in self._queues.values() for key in lists}
        pattern = f"{escaped(self._prefix)}*"
        with self._looking, _translated(self._url):
            keys = {*self._client.scan_iter(match=pattern, count=1000, _type="LIST")}
        strays = sorted(self._lists.queues_in(keys - known))
        return self._lengths({name: self._lists.of(name) for name in strays})

    def _lengths(self, queues: Mapping[str, Sequence[str]]) -> dict[str, int]:
        keys = [key for lists in queues.values() for key in lists]
        with (
            self._looking,
            _translated(self._url),
            self._client.pipeline(transaction=False) as pipe,
        ):
            for key in keys:
                pipe.llen(key)
            lengths: list[int] = pipe.execute()
        for key, length in zip(keys, lengths, strict=True):
            self._service.own_traffic.note_number(("LLEN", key), length)
        each = iter(lengths)
        return {name: sum(next(each) for _ in lists) for name, lists in queues.items()}

    def unacknowledged(self) -> int | None:
        """HLEN of kombu's hash of delivered messages."""
        with self._looking, _translated(self._url):
            found = int(self._client.hlen(self._unacked))
        self._service.own_traffic.note_number(("HLEN", self._unacked), found)
        return found

    def stored(self) -> StoredResults | None:
        """Keys of tasks' results, by what each takes in memory with the server's own overhead."""
        keys = memory = 0
        pattern = f"{escaped(self._prefix + TASK_KEY)}*"
        with self._looking, _translated(self._url):
            for batch in _batches(self._client.scan_iter(match=pattern, count=1000)):
                with self._client.pipeline(transaction=False) as pipe:
                    for key in batch:
                        pipe.memory_usage(key, samples=0)
                    # None: it has expired meanwhile.
                    found = [held for held in pipe.execute() if held is not None]
                keys, memory = keys + len(found), memory + sum(found)
        return StoredResults(keys, memory)

    def close(self) -> None:
        """Remove what the block left. Idempotent."""
        if not self._closed:
            with _translated(self._url):
                self._remove()
            self._closed = True
            self._client.close()

    def _remove(self) -> None:
        raise NotImplementedError


class _DatabaseNamespace(_RedisNamespace):
    isolation = "database"

    def __init__(
        self, service: RedisService, label: str, settings: Mapping[str, Any], database: int
    ) -> None:
        super().__init__(service, label, settings, service.url(database), "")
        self._database = database

    def _remove(self) -> None:
        self._client.flushdb()
        self._service.give_back(self._database)


class _PrefixNamespace(_RedisNamespace):
    isolation = "key prefix"

    def __init__(
        self,
        service: RedisService,
        label: str,
        settings: Mapping[str, Any],
        prefix: str,
        promise: Promise,
    ) -> None:
        super().__init__(service, label, settings, service.url(), prefix)
        self._promise = promise

    def _remove(self) -> None:
        _unlink(self._client, self._prefix)
        self._service.fulfil(self._promise)


def _server_info(target: Target, facts: Mapping[str, Any], detail: str) -> ServerInfo:
    product, version = "Redis", str(facts.get("redis_version", "unknown"))
    if facts.get("server_name") == "valkey" or "valkey_version" in facts:
        product, version = "Valkey", str(facts.get("valkey_version", version))
    elif "dragonfly_version" in facts:
        product, version = "Dragonfly", str(facts["dragonfly_version"])
    return who_answers(target, "redis", _PORT, product, version, detail)


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_connect_timeout=_CONNECT_S, socket_timeout=_COMMAND_S, decode_responses=False
    )


def _unreachable(url: str, error: Exception) -> ServiceError:
    return ServiceError(
        f"cannot use redis at {address_of(url, _PORT)}: {strip_credentials(str(error))}. "
        "Check that it runs, its port, and user and password in the URL"
        + (f"; {HINT}" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "")
    )


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise _unreachable(url, error) from error


def _unlink(client: redis.Redis, prefix: str) -> None:
    """Remove all keys with a prefix, and nothing else, without blocking the server."""
    for batch in _batches(client.scan_iter(match=f"{escaped(prefix)}*", count=1000)):
        client.unlink(*batch)


def escaped(text: str) -> str:
    """`text` as a pattern of Redis' (glob style) that matches just this text."""
    return "".join(f"\\{c}" if c in "*?[]\\^" else c for c in text)


def _batches(keys: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(itertools.islice(keys, 500)):
        yield batch


def _undo_keys(payload: Mapping[str, Any]) -> None:
    url, prefix = str(payload["url"]), str(payload["prefix"])
    if not prefix.startswith("harness:") or len(prefix) <= len("harness:"):
        raise ServiceError(f"refusing to remove keys with the prefix {prefix!r}")
    with _translated(url), contextlib.closing(_client(url)) as client:
        _unlink(client, prefix)
