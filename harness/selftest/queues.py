"""The task queue of a block whose workers stand still: what waits in it, taken out and put back.

Spoken to as another client of the same broker would, by the settings of the block's own workers.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import amqp  # type: ignore[import-untyped]  # it has no types
import redis

from harness.selftest.inside import MeddlingError

Arrange = Callable[[Sequence[str]], Sequence[int]]
"""Task ids of waiting messages, oldest first -> which of them to put back in which order: an index
that is missing is a loss, one that is there twice a duplicate."""


class Queue(Protocol):
    """The task queue of a block, as the selftest meddles with it on either broker."""

    def waiting(self) -> int:
        """Messages that no worker has."""
        ...

    def rearrange(self, count: int, arrange: Arrange) -> tuple[list[str], list[int]]:
        """Take the oldest `count` out and put them back as arranged; their ids and the order."""
        ...


@contextlib.contextmanager
def queue_of(settings: Mapping[str, Any]) -> Iterator[Queue]:
    """The task queue that workers with these settings consume."""
    scheme = urlsplit(settings["broker_url"]).scheme
    if scheme.startswith("redis"):
        client = redis.Redis.from_url(settings["broker_url"])
        with contextlib.closing(client):
            yield RedisQueue(client, settings)
    elif scheme.endswith("amqp"):
        with _connected(settings["broker_url"]) as connection:
            yield RabbitmqQueue(connection.channel(), settings["task_default_queue"])
    else:
        raise MeddlingError(f"selftest: nothing can be planted in a queue of {scheme}")


@contextlib.contextmanager
def _connected(url: str) -> Iterator[Any]:
    parts = urlsplit(url)
    user, password = unquote(parts.username or "guest"), unquote(parts.password or "guest")
    vhost = unquote(parts.path[1:]) or "/"
    host = f"{parts.hostname}:{parts.port or 5672}"
    with amqp.Connection(host, user, password, virtual_host=vhost) as connection:
        yield connection


class RedisQueue:
    """kombu's list of a queue: published on its left, consumed from its right."""

    def __init__(self, client: redis.Redis, settings: Mapping[str, Any]) -> None:
        prefix = settings.get("broker_transport_options", {}).get("global_keyprefix", "")
        self._client = client
        self._key = f"{prefix}{settings['task_default_queue']}"

    def waiting(self) -> int:
        """Messages in the list (LLEN): those that workers hold are in a hash beside it."""
        length: int = self._client.llen(self._key)
        return length

    def rearrange(self, count: int, arrange: Arrange) -> tuple[list[str], list[int]]:
        """RPOP, RPUSH: publishers work at the other end."""
        taken = self._client.rpop(self._key, count)
        messages = list(taken) if isinstance(taken, list) else []
        ids = [str(json.loads(message)["headers"]["id"]) for message in messages]
        order = list(arrange(ids))
        self._client.rpush(self._key, *(messages[index] for index in reversed(order)))
        return ids, order


class RabbitmqQueue:
    """A queue of the block's own vhost."""

    def __init__(self, channel: Any, name: str) -> None:
        self._channel = channel
        self._name = name

    def waiting(self) -> int:
        """Messages that are ready: those that workers hold without acknowledgement are not
        counted."""
        return int(self._channel.queue_declare(self._name, passive=True).message_count)

    def rearrange(self, count: int, arrange: Arrange) -> tuple[list[str], list[int]]:
        """Get and acknowledge each, publish those that are to come back."""
        got = (self._channel.basic_get(self._name) for _ in range(count))
        messages = [message for message in got if message is not None]
        ids = [str(message.headers["id"]) for message in messages]
        order = list(arrange(ids))
        for message in messages:
            self._channel.basic_ack(message.delivery_tag)
        for index in order:
            copy = amqp.Message(messages[index].body, **messages[index].properties)
            self._channel.basic_publish(copy, routing_key=self._name)
        return ids, order
