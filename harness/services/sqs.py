"""Amazon SQS, or what speaks its protocol: one code path, an endpoint is all the difference."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.environments import ensure_environment
from harness.errors import ServiceError
from harness.scenario.configuration import Configuration
from harness.scenario.endpoints import SqsBroker
from harness.services.base import (
    AnyEndpoint,
    CeleryEnd,
    ComposePart,
    Counters,
    Launch,
    Namespace,
    ServerInfo,
    Service,
    Surroundings,
    Target,
    Undo,
)
from harness.services.labels import identifier
from harness.services.local import (
    LocalLaunch,
    LocalServer,
    NotReadyError,
    is_this_host,
)
from harness.services.redaction import password_of, strip_credentials
from harness.services.settings import expand
from harness.services.sqs_emulators import (
    EMULATOR_PINS,
    FAKE_KEY,
    ask_emulator,
    start_emulator,
)
from harness.workspace import Promise, Workspace

_READY_S = 60.0
_QUEUE = "tasks"
_FIFO_QUEUE = "tasks.fifo"
"""The ending is SQS' own rule; kombu goes by it, too: attributes, group and deduplication id."""
_QUEUES_PROMISE = "sqs-queues"
_MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
_HIGHEST_PREFIX = 30


@dataclass(frozen=True)
class _Access:
    """How a boto3 client is made: without endpoint and keys, as for any AWS program."""

    endpoint_url: str | None
    region: str
    key: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, region: str) -> _Access:
        """From `sqs://` (AWS), `http(s)://[key:secret@]host:port` or `sqs://[...]host:port`."""
        parts = urlsplit(url)
        endpoint = None
        if parts.hostname:
            scheme = "http" if parts.scheme in {"http", "sqs"} else "https"
            endpoint = f"{scheme}://{parts.netloc.rpartition('@')[2]}"
        key = unquote(parts.username) if parts.username else None
        secret = unquote(parts.password) if parts.password else None
        return cls(endpoint, region, key, secret)

    def client(self) -> BaseClient:
        """Bounded in time and retries."""
        session = boto3.Session(
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name=self.region,
        )
        bounds = Config(
            connect_timeout=5,
            read_timeout=15,
            retries={"total_max_attempts": 2, "mode": "standard"},
        )
        return session.client("sqs", endpoint_url=self.endpoint_url, config=bounds)

    def celery_url(self) -> str:
        """What kombu reads: the same access in its own form."""
        login = ""
        if self.key is not None:
            login = f"{quote(self.key, safe='')}:{quote(self.secret or '', safe='')}@"
        host = urlsplit(self.endpoint_url).netloc if self.endpoint_url else ""
        return f"sqs://{login}{host}"

    @property
    def place(self) -> str:
        """For messages."""
        return self.endpoint_url or f"AWS region {self.region}"


class SqsDriver:
    """Starts an emulator in an environment of its own, or reaches SQS itself."""

    name = "sqs"

    def __init__(self) -> None:
        self.undo: Mapping[str, Undo] = {_QUEUES_PROMISE: _undo_queues}
        self.compose = ComposePart(
            service="sqs",
            ports={"HARNESS_SQS_PORT": "sqs"},
            password_variable=None,
            target=_compose_target,
        )

    def launch(self, endpoint: AnyEndpoint, surroundings: Surroundings) -> Launch:
        """An emulator on loopback."""
        own = _own(endpoint)
        python = str(ensure_environment(EMULATOR_PINS[own.server], environ=surroundings.environ))

        def start() -> LocalServer:
            return start_emulator(own.server, python, surroundings)

        def connect(server: LocalServer) -> Service:
            url = f"http://{FAKE_KEY}:{FAKE_KEY}@127.0.0.1:{server.port}"
            target = Target("local", url, None, own.region, own.queue_name_prefix)
            try:
                return SqsService(target, surroundings.workspace, server)
            except ServiceError as error:
                raise NotReadyError(str(error)) from error

        return LocalLaunch(start, connect, timeout_s=_READY_S)

    def target(self, endpoint: AnyEndpoint, environ: Mapping[str, str]) -> Target:
        """AWS itself without a URL or with `sqs://`, else an endpoint."""
        own = _own(endpoint)
        url = expand(own.url or "sqs://", environ, where="the sqs URL")
        if urlsplit(url).scheme not in {"sqs", "http", "https"}:
            raise ServiceError(
                f"not an SQS URL: {strip_credentials(url)}. It is sqs:// for Amazon's own, or "
                "the endpoint, http://host:port or https://host"
            )
        region = expand(own.region, environ, where="the sqs region")
        prefix = expand(own.queue_name_prefix, environ, where="queue_name_prefix")
        return Target("external", url, None, region, prefix)

    def reach(self, target: Target, surroundings: Surroundings) -> Service:
        """List the queues with our prefix: proves endpoint, region and credentials."""
        return SqsService(target, surroundings.workspace, None)


class SqsService:
    """One region of one account. Every block has queues under a prefix of its own."""

    def __init__(self, target: Target, workspace: Workspace, server: LocalServer | None) -> None:
        if len(target.queue_name_prefix) > _HIGHEST_PREFIX or not target.queue_name_prefix:
            raise ServiceError(
                f"`queue_name_prefix` has 1 to {_HIGHEST_PREFIX} characters: SQS allows 80 for a "
                "whole name, and without a prefix nobody knows whose the queues are"
            )
        self.target = target
        self._workspace = workspace
        self._server = server
        self._access = _Access.of(target.url, target.region)
        fake = self._access.secret == FAKE_KEY
        self.secrets = () if fake else password_of(target.url)
        with _translated(self._access):
            self._client = self._access.client()
            self._client.list_queues(QueueNamePrefix=target.queue_name_prefix, MaxResults=1)
        self.info = _server_info(target, self._access)

    def pids(self) -> tuple[int, ...]:
        """Of a local emulator."""
        return self._server.pids() if self._server else ()

    def counters(self) -> Counters | None:
        """None: requests are counted where they are made, see `harness.probe.sqs_requests`."""
        return None

    def check(self, configuration: Configuration) -> None:
        """Every configuration can be served."""

    def open_namespace(
        self, label: str, settings: Mapping[str, Any], endpoint: AnyEndpoint
    ) -> Namespace:
        """Queues under a prefix of their own."""
        del settings  # none of them says where messages are
        prefix = f"{self.target.queue_name_prefix}{identifier(label)}-"
        promise = None
        if self.target.provider == "external":
            promise = self._workspace.promise(
                _QUEUES_PROMISE,
                {"url": self.target.url, "region": self.target.region, "prefix": prefix},
            )
        queue = _FIFO_QUEUE if _own(endpoint).fifo else _QUEUE
        return _SqsNamespace(self._access, self._client, prefix, queue, self._workspace, promise)

    def close(self) -> None:
        """Stop a local emulator, close connections."""
        self._client.close()
        if self._server is not None:
            self._server.stop()


class _SqsNamespace:
    isolation = "queue names"

    def __init__(
        self,
        access: _Access,
        client: BaseClient,
        prefix: str,
        queue: str,
        workspace: Workspace,
        promise: Promise | None,
    ) -> None:
        self._access = access
        self._client = client
        self._prefix = prefix
        self._workspace = workspace
        self._promise = promise
        self._closed = False
        self.queue = queue
        self.exact_depth = access.endpoint_url is not None and not _is_amazon(access.endpoint_url)

    def broker(self) -> CeleryEnd:
        """Region, endpoint and prefix; remote control off, for each ping makes a queue."""
        options: dict[str, Any] = {
            "region": self._access.region,
            "queue_name_prefix": self._prefix,
        }
        if self._access.endpoint_url is not None:
            options["is_secure"] = self._access.endpoint_url.startswith("https")
        settings = {
            "task_default_queue": self.queue,
            "worker_enable_remote_control": False,
            "broker_transport_options": options,
        }
        return CeleryEnd(self._access.celery_url(), settings)

    def backend(self) -> CeleryEnd:
        """SQS keeps no results."""
        raise ServiceError("sqs cannot keep results: name another backend, e.g. `service: redis`")

    def depth(self) -> int | None:
        """Messages waiting. Exact on the emulators; on AWS approximate and up to a minute late."""
        return self._count("ApproximateNumberOfMessages")

    def unacknowledged(self) -> int | None:
        """Messages in flight; approximate on AWS."""
        return self._count("ApproximateNumberOfMessagesNotVisible")

    def close(self) -> None:
        """Delete the block's queues. Idempotent."""
        if self._closed:
            return
        with _translated(self._access):
            _delete_queues(self._client, self._prefix)
        if self._promise is not None:
            self._workspace.fulfil(self._promise)
        self._closed = True

    def _count(self, attribute: str) -> int:
        with _translated(self._access):
            url = _queue_url(self._client, self._prefix + self.queue)
            if url is None:
                return 0
            answer = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])
        return int(answer["Attributes"][attribute])


def _own(endpoint: AnyEndpoint) -> SqsBroker:
    if not isinstance(endpoint, SqsBroker):
        raise TypeError(f"not an sqs endpoint: {endpoint.service}")
    return endpoint


def _server_info(target: Target, access: _Access) -> ServerInfo:
    if access.endpoint_url is None or _is_amazon(access.endpoint_url):
        product, version, emulator = "Amazon SQS", f"API 2012-11-05, {access.region}", False
        same_host: bool | None = False
    else:
        product, version = ask_emulator(access.endpoint_url)
        emulator = True
        host = urlsplit(access.endpoint_url).hostname or "localhost"
        same_host = True if target.provider in {"local", "compose"} else is_this_host(host)
    return ServerInfo(
        service="sqs",
        product=product,
        version=version,
        provider=target.provider,
        emulator=emulator,
        same_host=same_host,
        address=urlsplit(access.endpoint_url).netloc
        if access.endpoint_url
        else f"sqs.{access.region}.amazonaws.com",
        detail="an emulator's figures are not SQS figures" if emulator else "",
    )


def _is_amazon(endpoint_url: str) -> bool:
    host = urlsplit(endpoint_url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def _compose_target(ports: Mapping[str, int], password: str, endpoint: AnyEndpoint) -> Target:
    del password  # ElasticMQ has none
    own = _own(endpoint)
    url = f"http://{FAKE_KEY}:{FAKE_KEY}@127.0.0.1:{ports['sqs']}"
    return Target("compose", url, None, own.region, own.queue_name_prefix)


@contextlib.contextmanager
def _translated(access: _Access) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, ValueError) as error:
        raise ServiceError(
            f"cannot use SQS at {access.place}: {strip_credentials(str(error))}. Check endpoint "
            "and region, and the credentials: environment, ~/.aws or role, as for any AWS program"
        ) from error


def _queue_url(client: BaseClient, name: str) -> str | None:
    try:
        return str(client.get_queue_url(QueueName=name)["QueueUrl"])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _MISSING:
            return None
        raise


def _delete_queues(client: BaseClient, prefix: str) -> None:
    """All queues under a prefix. Task queues by name as well: a listing may lag behind."""
    urls: set[str] = set()
    for page in client.get_paginator("list_queues").paginate(QueueNamePrefix=prefix):
        urls.update(page.get("QueueUrls", []))
    by_name = (_queue_url(client, prefix + queue) for queue in (_QUEUE, _FIFO_QUEUE))
    for url in sorted(urls | set(filter(None, by_name))):
        try:
            client.delete_queue(QueueUrl=url)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _MISSING:
                raise


def _undo_queues(payload: Mapping[str, Any]) -> None:
    access = _Access.of(str(payload["url"]), str(payload["region"]))
    prefix = str(payload["prefix"])
    if len(prefix) < len("a-b-"):
        raise ServiceError(f"refusing to remove queues with the prefix {prefix!r}")
    with _translated(access), contextlib.closing(access.client()) as client:
        _delete_queues(client, prefix)
