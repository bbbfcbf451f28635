"""Catches what kombu is about to deliver, on a channel that is used for nothing else.

Which of kombu's own methods is stood in for is the one thing here that belongs to a transport:
the last one before the server, so that routing, encoding and the names of keys are still kombu's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from harness.probe.publishing.sampling import Address, Delivery, MessageFields
from harness.probe.spoken import MessageOptions


def catch_amqp(channel: Any, caught: list[Delivery]) -> None:
    """Catch what py-amqp's `basic_publish` is given, instead of sending it."""

    def basic_publish(message: Any, **address: Any) -> None:
        caught.append(Delivery({"body": message.body, **message.properties}, address))

    channel.basic_publish = basic_publish


def catch_redis(channel: Any, caught: list[Delivery]) -> None:
    """Catch what kombu's Redis transport would LPUSH; the key is without its global prefix."""

    def deliver(queue: str, message: MessageFields, options: MessageOptions) -> Address:
        client = _Lpush()

        @contextmanager
        def conn_or_acquire(_: Any = None) -> Iterator[_Lpush]:
            yield client

        channel.conn_or_acquire = conn_or_acquire
        try:
            type(channel)._put(channel, queue, message, **options)
        finally:
            del channel.conn_or_acquire
        (sent,) = client.sent
        return sent

    _catch_put(channel, caught, deliver)


def catch_sqs(channel: Any, caught: list[Delivery]) -> None:
    """Catch what kombu's SQS transport would give to SendMessage."""

    def deliver(queue: str, message: MessageFields, options: MessageOptions) -> Address:
        place = channel.canonical_queue_name(queue)
        client = _SendMessage(channel.sqs(queue=place))
        channel.sqs = lambda **_: client
        try:
            type(channel)._put(channel, queue, message, **options)
        finally:
            del channel.sqs
        (sent,) = client.sent
        return {"queue": place, **sent}

    _catch_put(channel, caught, deliver)


PAYLOAD = "MessageBody"
"""What of a caught address is the payload; the name is SQS' own."""


def _catch_put(
    channel: Any,
    caught: list[Delivery],
    deliver: Callable[[str, MessageFields, MessageOptions], Address],
) -> None:
    """`_put` is what each of kombu's own transports defines: a message goes to a queue."""

    def put(queue: str, message: MessageFields, **options: Any) -> None:
        fields = copy.deepcopy(message)
        address = deliver(queue, message, options)
        payload = address.pop(PAYLOAD)
        caught.append(Delivery(fields, address, payload))

    def put_fanout(*_: Any, **__: Any) -> None:
        raise ValueError("publish: prebuilt cannot publish to a fanout exchange")

    channel._put = put
    channel._put_fanout = put_fanout


class _Lpush:
    """Stands in for redis-py's client."""

    def __init__(self) -> None:
        self.sent: list[Address] = []

    def lpush(self, key: str, payload: str) -> None:
        self.sent.append({"key": key, PAYLOAD: payload})

    def pipeline(self, *_: Any, **__: Any) -> None:
        raise ValueError("publish: prebuilt cannot publish to a queue that expires (x-expires)")


class _SendMessage:
    """Stands in for boto3's client."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.sent: list[Address] = []

    def send_message(self, **sent: Any) -> None:
        self.sent.append(sent)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
