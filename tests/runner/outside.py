"""Servers that the harness uses as somebody else's, and how their owner meddles with a run."""

from __future__ import annotations

import ast
import contextlib
import json
import re
import threading
import uuid
from collections.abc import Iterator
from typing import Any, Protocol
from urllib.parse import urlsplit

import amqp  # type: ignore[import-untyped]  # it has no types
import redis

from harness.services.base import Target
from tests.runner.running import PATIENCE_S, Site
from tests.services.cases import inventory, management_get

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


class Owned(Protocol):
    """What tests of both brokers have in common."""

    url: str

    def configure(self, site: Site, **fields: Any) -> None:
        """Make it the server of the site's configuration, by its URL."""
        ...

    def inventory(self) -> set[str]:
        """Everything on it that outlives a connection."""
        ...

    def remove_message(self, task: str) -> bool:
        """Take one waiting message of a task out of the queue; False if none waits."""
        ...

    def copy_message(self, task: str) -> bool:
        """Push a waiting message once more; False if none waits."""
        ...


class OwnedRedis:
    """Broker and backend."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = redis.Redis.from_url(url)

    def configure(self, site: Site, **fields: Any) -> None:
        end = {"service": "redis", "provider": "external", "url": "${TEST_REDIS_URL}"}
        site.environ["TEST_REDIS_URL"] = self.url
        site.configuration(broker=end, backend=end, **fields)

    def inventory(self) -> set[str]:
        return inventory("redis", Target("external", self.url))

    def remove_message(self, task: str) -> bool:
        found = self._waiting(task)
        return found is not None and self.client.lrem(found[0], 1, found[1].decode()) == 1

    def copy_message(self, task: str) -> bool:
        found = self._waiting(task)
        return found is not None and self.client.lpush(found[0], found[1]) > 0

    def close(self) -> None:
        self.client.close()

    @contextlib.contextmanager
    def watched(self) -> Iterator[list[dict[str, Any]]]:
        """Every result that anybody stores in the meantime, as it went over the wire."""
        stored: list[dict[str, Any]] = []
        end = uuid.uuid4().hex
        with self.client.monitor() as monitor:  # type: ignore[no-untyped-call]  # redis' own gap

            def watch() -> None:
                while True:
                    line: bytes = monitor.connection.read_response(
                        disable_decoding=True,
                        timeout=PATIENCE_S,  # a worker boots before it stores anything
                    )
                    # Arguments are written as C strings, which Python's literals are, too.
                    words = [ast.literal_eval(f"b{w}") for w in _QUOTED.findall(line.decode())]
                    if end.encode() in words:
                        return
                    if words[0].lower() == b"setex" and b"celery-task-meta-" in words[1]:
                        stored.append(json.loads(words[3]))

            watcher = threading.Thread(target=watch)
            watcher.start()
            try:
                yield stored
            finally:
                self.client.echo(end)
                watcher.join()

    def _waiting(self, task: str) -> tuple[str, bytes] | None:
        """A queue's key and of the messages of that task in it the one that was published last."""
        for key in self.client.scan_iter(match="harness:*:harness-*", _type="list"):
            for message in self.client.lrange(key, 0, -1):
                assert isinstance(message, bytes)
                if json.loads(message)["headers"]["task"].endswith(f".{task}"):
                    return key.decode(), message
        return None


class OwnedRabbitmq:
    """Broker, and backend by rpc. Every block has a vhost."""

    def __init__(self, url: str, management_url: str) -> None:
        self.url = url
        self.management_url = management_url
        self._before = self.vhosts()

    def broker(self, site: Site) -> dict[str, str]:
        """As a configuration of the site says it."""
        site.environ["TEST_RABBITMQ_URL"] = self.url
        site.environ["TEST_MANAGEMENT_URL"] = self.management_url
        return {
            "service": "rabbitmq",
            "provider": "external",
            "url": "${TEST_RABBITMQ_URL}",
            "management_url": "${TEST_MANAGEMENT_URL}",
        }

    def configure(self, site: Site, **fields: Any) -> None:
        site.configuration(broker=self.broker(site), backend={"service": "rpc"}, **fields)

    def inventory(self) -> set[str]:
        return inventory("rabbitmq", Target("external", self.url, self.management_url))

    def vhosts(self) -> set[str]:
        return {vhost["name"] for vhost in management_get(self.management_url, "/api/vhosts")}

    def remove_message(self, task: str) -> bool:
        with self._waiting(task) as message:
            if message is not None:
                message.channel.basic_ack(message.delivery_tag)
            return message is not None

    def copy_message(self, task: str) -> bool:
        with self._waiting(task) as message:
            if message is not None:
                copy = amqp.Message(message.body, **message.properties)
                queue = message.delivery_info["routing_key"]
                message.channel.basic_publish(copy, routing_key=queue)
                message.channel.basic_reject(message.delivery_tag, requeue=True)
            return message is not None

    @contextlib.contextmanager
    def _waiting(self, task: str) -> Iterator[Any]:
        """A message, neither acknowledged nor rejected; None if there is none, or of another task.

        A connection that ends gives back what was taken.
        """
        parts = urlsplit(self.url)
        host = f"{parts.hostname}:{parts.port}"
        found = None
        with contextlib.ExitStack() as connections:
            for vhost in self.vhosts() - self._before:
                connection = connections.enter_context(
                    amqp.Connection(host, parts.username, parts.password, virtual_host=vhost)
                )
                # The block's queue has the name of its vhost.
                message = connection.channel().basic_get(vhost)
                if message is not None and message.headers["task"].endswith(f".{task}"):
                    found = message
            yield found
