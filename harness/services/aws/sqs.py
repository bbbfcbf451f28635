"""Amazon SQS, or what speaks its protocol: one code path, an endpoint is all the difference."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from harness.errors import ServiceError
from harness.scenario.vendors.sqs import SQS, SqsBroker, SqsQueue
from harness.services.aws.access import Access, code_of, external_url, secrets_in, server_info
from harness.services.aws.driver import AwsDriver
from harness.services.aws.emulators import find_emulators
from harness.services.base import CeleryEnd, Counters, Namespace, Service, Target, TaskQueue
from harness.services.finding import Finding
from harness.services.hosting.local import LocalServer
from harness.services.hosting.one_server import OneServer
from harness.services.labels import identifier
from harness.services.settings import expand
from harness.workspace import Promise, Workspace

_QUEUE = "tasks"
_FIFO_QUEUE = "tasks.fifo"
"""The ending is SQS' own rule; kombu goes by it, too: attributes, group and deduplication id."""
_QUEUES_PROMISE = "sqs-queues"
_MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
_HIGHEST_PREFIX = 30


class SqsDriver(AwsDriver[SqsBroker]):
    """Starts an emulator in an environment of its own, or reaches SQS itself."""

    name = "sqs"

    def __init__(self) -> None:
        super().__init__({_QUEUES_PROMISE: _undo_queues}, "sqs", "HARNESS_SQS_PORT")

    def used_by(self, target: Target, endpoint: SqsBroker) -> Target:
        """The target with region and prefix of the queues."""
        return replace(target, region=endpoint.region, queue_name_prefix=endpoint.queue_name_prefix)

    def target(self, endpoint: SqsBroker, environ: Mapping[str, str]) -> Target:
        """Where an external endpoint is: AWS itself without a URL or with `sqs://`, else what the
        URL names."""
        url = external_url(endpoint.url, "sqs", "SQS", environ)
        region = expand(endpoint.region, environ, where="the sqs region")
        prefix = expand(endpoint.queue_name_prefix, environ, where="queue_name_prefix")
        return Target("external", url, None, region, prefix)

    def connect(self, target: Target, workspace: Workspace, server: LocalServer | None) -> Service:
        """List the queues with our prefix: proves endpoint, region and credentials."""
        return SqsService(target, workspace, server)

    def findings(self, environ: Mapping[str, str]) -> Iterable[Finding]:
        """The emulators that are installed here; they play DynamoDB and S3, too."""
        return find_emulators(environ)


class SqsService(OneServer):
    """One region of one account. Every block has queues under a prefix of its own."""

    def __init__(self, target: Target, workspace: Workspace, server: LocalServer | None) -> None:
        if len(target.queue_name_prefix) > _HIGHEST_PREFIX or not target.queue_name_prefix:
            raise ServiceError(
                f"`queue_name_prefix` has 1 to {_HIGHEST_PREFIX} characters: SQS allows 80 for a "
                "whole name, and without a prefix nobody knows whose the queues are"
            )
        super().__init__(target, workspace, server)
        self._access = Access.of(target.url, target.region)
        self.secrets = secrets_in(target.url)
        with self._access.translated("SQS"):
            self._client = self._access.client("sqs")
            self._client.list_queues(QueueNamePrefix=target.queue_name_prefix, MaxResults=1)
        self.info = server_info(target, self._access, "sqs", "SQS", "2012-11-05")

    def counters(self) -> Counters | None:
        """None: requests are counted where they are made, see `probe.recording.sqs_requests`."""
        return None

    def open_namespace(
        self, label: str, settings: Mapping[str, Any], endpoint: SqsBroker
    ) -> Namespace:
        """Queues for one block, under a name prefix of their own."""
        prefix = f"{self.target.queue_name_prefix}{identifier(label)}-"
        promised = self.promise(_QUEUES_PROMISE, region=self.target.region, prefix=prefix)
        queue = _FIFO_QUEUE if endpoint.fifo else _QUEUE
        options = settings.get("broker_transport_options", {})
        return _SqsNamespace(self._access, self._client, prefix, queue, promised, options)

    def close(self) -> None:
        """Stop a local emulator, close connections."""
        self._client.close()
        super().close()


class _SqsNamespace:
    isolation = "queue names"

    def __init__(
        self,
        access: Access,
        client: BaseClient,
        prefix: str,
        queue: str,
        promised: tuple[Workspace, Promise] | None,
        options: Mapping[str, Any],
    ) -> None:
        """`options` are the transport's, of the configuration."""
        self._options = options
        self._queues = {queue: queue}
        """What each task queue is called -> its name behind the prefix."""
        self._access = access
        self._client = client
        self._prefix = prefix
        self._promised = promised
        self._closed = False
        self.queue = queue
        self.exact_depth = not access.amazon

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
        host = urlsplit(self._access.endpoint_url or "").netloc
        return CeleryEnd(f"sqs://{self._access.login}{host}", settings)

    def backend(self) -> CeleryEnd:
        """ServiceError always: SQS keeps no results."""
        raise ServiceError("sqs cannot keep results: name another backend, e.g. `service: redis`")

    def declare(self, queues: Sequence[TaskQueue]) -> None:
        """Create those with attributes of their own, which kombu would not give them: it takes a
        queue that is there as it is."""
        self._queues = {queue.called: queue.name for queue in queues}
        for queue in queues:
            if isinstance(queue.options, SqsQueue) and (own := queue.options.attributes_told()):
                with self._access.translated("SQS"):
                    self._client.create_queue(
                        QueueName=self._prefix + queue.name,
                        Attributes={**self._kombus_attributes(queue.name), **own},
                    )

    def _kombus_attributes(self, name: str) -> dict[str, str]:
        """What kombu creates a queue with: SQS.Channel._create_queue."""
        options = SQS.broker.with_defaults(self._options) if SQS.broker else self._options
        more = self._options.get("sqs-creation-attributes") or {}
        fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        return {"VisibilityTimeout": str(options["visibility_timeout"]), **fifo, **more}

    def depth(self) -> int | None:
        """Messages waiting. Exact on the emulators; on AWS approximate and up to a minute late."""
        return sum(self.depths().values())

    def depths(self) -> Mapping[str, int]:
        """The same for each queue: a request or two for each."""
        counted = "ApproximateNumberOfMessages"
        return {called: self._count(counted, name) for called, name in self._queues.items()}

    def strays(self) -> Mapping[str, int]:
        """What else is under the block's prefix; a listing may lag behind."""
        known = set(self._queues.values())
        with self._access.translated("SQS"):
            urls = _listed(self._client, self._prefix)
        names = {url.rpartition("/")[2].removeprefix(self._prefix) for url in urls} - known
        others = sorted(name for name in names if not name.endswith("-pidbox"))
        return {name: self._count("ApproximateNumberOfMessages", name) for name in others}

    def unacknowledged(self) -> int | None:
        """Messages in flight; approximate on AWS."""
        in_flight = "ApproximateNumberOfMessagesNotVisible"
        return sum(self._count(in_flight, name) for name in self._queues.values())

    def stored(self) -> None:
        """None: SQS keeps no results."""

    def close(self) -> None:
        """Delete the block's queues. Idempotent."""
        if self._closed:
            return
        with self._access.translated("SQS"):
            _delete_queues(self._client, self._prefix, self._queues.values())
        if self._promised is not None:
            workspace, promise = self._promised
            workspace.fulfil(promise)
        self._closed = True

    def _count(self, attribute: str, name: str) -> int:
        with self._access.translated("SQS"):
            url = _queue_url(self._client, self._prefix + name)
            if url is None:
                return 0
            answer = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])
        return int(answer["Attributes"][attribute])


def _queue_url(client: BaseClient, name: str) -> str | None:
    try:
        return str(client.get_queue_url(QueueName=name)["QueueUrl"])
    except ClientError as error:
        if code_of(error) in _MISSING:
            return None
        raise


def _listed(client: BaseClient, prefix: str) -> set[str]:
    """URLs of the queues under a prefix."""
    pages = client.get_paginator("list_queues").paginate(QueueNamePrefix=prefix)
    return {url for page in pages for url in page.get("QueueUrls", [])}


def _delete_queues(client: BaseClient, prefix: str, names: Iterable[str] = ()) -> None:
    """All queues under a prefix. Task queues by name as well: a listing may lag behind."""
    urls = _listed(client, prefix)
    by_name = (_queue_url(client, prefix + name) for name in {_QUEUE, _FIFO_QUEUE, *names})
    for url in sorted(urls | set(filter(None, by_name))):
        try:
            client.delete_queue(QueueUrl=url)
        except ClientError as error:
            if code_of(error) not in _MISSING:
                raise


def _undo_queues(payload: Mapping[str, Any]) -> None:
    access = Access.of(str(payload["url"]), str(payload["region"]))
    prefix = str(payload["prefix"])
    if len(prefix) < len("a-b-"):
        raise ServiceError(f"refusing to remove queues with the prefix {prefix!r}")
    with access.translated("SQS"), contextlib.closing(access.client("sqs")) as client:
        _delete_queues(client, prefix)
