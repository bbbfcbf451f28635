"""The kinds of server that the contract suite runs over, and how to look at all they hold."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import amqp  # type: ignore[import-untyped]  # it has no types
import boto3
import redis

from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.rabbitmq import RabbitmqBroker
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.scenario.vendors.sqs import SqsBroker
from harness.scenario.vendors.without_server import NoBackend, RpcBackend
from harness.services.base import Target
from harness.services.provide import Services

REDIS = Configuration(
    name="redis-embedded",
    broker=RedisBroker(service="redis"),
    backend=RedisBackend(service="redis"),
)
REDIS_SERVER = Configuration(
    name="redis-server",
    broker=RedisBroker(service="redis", server="redis-server"),
    backend=RedisBackend(service="redis", server="redis-server"),
)
RABBITMQ = Configuration(
    name="rabbitmq", broker=RabbitmqBroker(service="rabbitmq"), backend=RpcBackend(service="rpc")
)
SQS = Configuration(
    name="sqs",
    broker=SqsBroker(service="sqs"),
    backend=RedisBackend(service="redis"),
    settings={"broker_transport_options": {"wait_time_seconds": 0, "polling_interval": 0}},
)
REDIS_PREFIX = REDIS.model_copy(
    update={
        "name": "redis-prefix",
        "broker": RedisBroker(service="redis", isolation="prefix"),
    }
)
SQS_FIFO = SQS.model_copy(
    update={"name": "sqs-fifo", "broker": SqsBroker(service="sqs", fifo=True)}
)
LOCAL = (REDIS, REDIS_SERVER, RABBITMQ, SQS)
SAME_SERVERS = (REDIS_PREFIX, SQS_FIFO)
"""Other ways of using servers of LOCAL."""
NO_BACKEND = NoBackend(service="none")


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of the contract suite."""

    name: str
    services: Services
    configuration: Configuration
    server: Target
    """The server as its owner knows it, with every right."""

    def inventory(self) -> set[str]:
        """Everything on the broker's server that outlives a connection."""
        return inventory(self.configuration.broker.service, self.server)


def target_of(services: Services, configuration: Configuration) -> Target:
    """Where the broker is, with credentials: nothing but a test may ask."""
    return services.of(configuration)[0].target


def external(configuration: Configuration, target: Target, **more: Any) -> Configuration:
    """The same server as somebody else's: only a URL is known."""
    broker = configuration.broker.model_copy(
        update={"provider": "external", "url": target.url, **more}
    )
    backend: Any = configuration.backend
    if isinstance(backend, RedisBackend) and isinstance(broker, RedisBroker):
        backend = backend.model_copy(update={"provider": "external", "url": target.url})
    elif not isinstance(broker, RabbitmqBroker) or broker.management_url is None:
        backend = NO_BACKEND
    return configuration.model_copy(update={"broker": broker, "backend": backend})


def inventory(service: str, target: Target) -> set[str]:
    """Keys of all databases; vhosts, queues and exchanges; queues."""
    if service == "redis":
        return _redis_keys(target.url)
    if service == "rabbitmq":
        assert target.management_url is not None
        return _rabbitmq_names(target.management_url)
    return set(sqs_client(target).list_queues().get("QueueUrls", []))


def management_get(url: str, path: str) -> Any:
    """One answer of RabbitMQ's management API."""
    parts = urlsplit(url)
    login = b64encode(f"{parts.username}:{unquote(parts.password or '')}".encode()).decode()
    request = urllib.request.Request(
        f"http://{parts.hostname}:{parts.port}{path}", headers={"Authorization": f"Basic {login}"}
    )
    with urllib.request.build_opener().open(request, timeout=10) as answer:
        return json.load(answer)


def sqs_client(target: Target) -> Any:
    """A client for everything there is."""
    parts = urlsplit(target.url)
    return boto3.client(
        "sqs",
        endpoint_url=f"http://{parts.hostname}:{parts.port}",
        region_name=target.region,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


@contextlib.contextmanager
def foreign(case: Case) -> Iterator[None]:
    """Something of somebody else, as near to our own names as it can be."""
    target = case.server
    service = case.configuration.broker.service
    if service == "redis":
        # On a private server the first database is a block's own.
        private = case.services.of(case.configuration)[0].info.provider == "local"
        elsewhere = urlsplit(target.url)._replace(path="/500" if private else "/0").geturl()
        with contextlib.closing(redis.Redis.from_url(elsewhere)) as client:
            client.set("harness:foreign", "1")
            client.set("unacked-foreign", "1")
            yield
            assert client.delete("harness:foreign", "unacked-foreign") == 2
    elif service == "rabbitmq":
        parts = urlsplit(target.url)
        with amqp.Connection(
            f"{parts.hostname}:{parts.port}", parts.username, parts.password
        ) as connection:
            channel = connection.channel()
            channel.queue_declare("harness-foreign", durable=True, auto_delete=False)
            yield
            channel.queue_declare("harness-foreign", passive=True)
            channel.queue_delete("harness-foreign")
    else:
        client = sqs_client(target)
        url = client.create_queue(QueueName="harness-foreign-tasks")["QueueUrl"]
        yield
        assert url in client.list_queues().get("QueueUrls", [])
        client.delete_queue(QueueUrl=url)


def _redis_keys(url: str) -> set[str]:
    keys = set()
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        databases = [int(name[2:]) for name in client.info("keyspace")]
    for database in databases:
        own = urlsplit(url)._replace(path=f"/{database}").geturl()
        with contextlib.closing(redis.Redis.from_url(own)) as client:
            keys |= {f"{database}/{key!r}" for key in client.scan_iter()}
    return keys


def _rabbitmq_names(url: str) -> set[str]:
    names = set()
    for kind in ("vhosts", "queues", "exchanges"):
        for item in management_get(url, f"/api/{kind}"):
            names.add(f"{kind} {item.get('vhost', '')}/{item['name']}")
    return names
