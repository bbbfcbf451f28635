"""Sends rendered messages, over the clients that Celery itself uses."""

from __future__ import annotations

import secrets
import uuid
from base64 import b64encode
from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from itertools import count
from typing import Any, Protocol

from kombu.utils.json import dumps

from harness.probe.publishing.reaching import Reach, resends
from harness.probe.publishing.sampling import Address, Sample

_MOST_BYTES = 4 << 20
_SQS_MOST_BYTES = 256 * 1024
"""Of a whole batch. AWS takes a megabyte since August 2025, emulators may not."""


_json: Callable[..., str] = dumps  # kombu has types in part


class _ReasonError(Exception):
    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class NotAttemptedError(_ReasonError):
    """The server could not be reached: nothing was sent, for this reason."""


class RefusedError(_ReasonError):
    """The server said no, for this reason."""


class Sender(Protocol):
    """Sends a batch of texts in one round trip."""

    most_at_once: int

    def send(self, texts: Sequence[str]) -> Sequence[Exception | None]:
        """Why the server refused each, None where it took it.

        NotAttemptedError if nothing was sent. Any other exception: nobody knows what arrived.
        """
        ...


class Serials:
    """UUIDs of version 4 for one process, unlike anybody's: 74 random bits and a count."""

    def __init__(self) -> None:
        token = secrets.token_hex(8)
        self._prefix = f"{token[:8]}-{token[8:12]}-4{token[12:15]}-a{secrets.token_hex(2)[1:]}-"
        self._numbers = count(secrets.randbits(40))

    def next(self) -> str:
        """One that was not given out before."""
        return f"{self._prefix}{next(self._numbers):012x}"


class RedisSender:
    """A pipeline of LPUSHes, one per message, as many `apply_async` calls would send them."""

    def __init__(self, reach: Reach, seen: Sequence[Sample]) -> None:
        if resends(reach.channel):
            raise ValueError(
                "publish: prebuilt needs Redis without retry_on_timeout, or a batch may be sent "
                "twice: use publish: api"
            )
        self._key = _one_address(seen)["key"]
        self._reach = reach
        self._connection = reach.persistent(self._take)
        self._refusals = _response_error()
        self.most_at_once = max(1, min(500, _MOST_BYTES // len(seen[-1].payload)))
        if any(sample.payload != _json(sample.fields) for sample in seen):
            raise ValueError("publish: prebuilt does not know how kombu writes to Redis here")

    def send(self, texts: Sequence[str]) -> Sequence[Exception | None]:
        """Why the server refused each text, None where it took it. NotAttemptedError if nothing was
        sent; any other exception: nobody knows what arrived."""
        try:
            connection, head = self._connection()
        except Exception as error:  # whatever redis-py and kombu raise
            raise NotAttemptedError(error) from error
        commands = [b"%b%d\r\n%b\r\n" % (head, len(text), text) for text in map(_utf8, texts)]
        try:
            connection.send_packed_command([b"".join(commands)])
            return [self._answer(connection) for _ in commands]
        except BaseException:
            connection.disconnect()  # or the next batch would read what is answered to this one
            raise
        finally:
            self._reach.channel.client.connection_pool.release(connection)

    def _take(self) -> tuple[Any, bytes]:
        """A connection that is open, and LPUSH as it stands on the wire up to the length of the
        message: what redis-py does to write it takes as long as all the rest together."""
        client = self._reach.channel.client
        pool = client.connection_pool
        wants = signature(pool.get_connection).parameters.get("command_name")
        # redis-py before 5.3 needs a name, later ones warn of it.
        named = wants is not None and wants.default is Parameter.empty
        connection = pool.get_connection("LPUSH") if named else pool.get_connection()
        key = f"{getattr(client, 'global_keyprefix', '')}{self._key}".encode()
        return connection, b"*3\r\n$5\r\nLPUSH\r\n$%d\r\n%b\r\n$" % (len(key), key)

    def _answer(self, connection: Any) -> Exception | None:
        try:
            connection.read_response()
        except self._refusals as error:
            return error
        return None


_utf8 = str.encode


def _response_error() -> type[Exception]:
    """What redis-py raises for an error that the server answered."""
    from redis.exceptions import ResponseError  # noqa: PLC0415 - only where Redis is the broker

    return ResponseError


class SqsSender:
    """SendMessageBatch, of at most ten."""

    def __init__(self, reach: Reach, seen: Sequence[Sample]) -> None:
        address = _one_address(seen, besides="MessageDeduplicationId")
        # A FIFO queue drops messages that bear the number of an earlier one.
        self._numbered = "MessageDeduplicationId" in seen[0].address
        self._client = reach.channel.sqs(queue=address.pop("queue"))
        self._url = address.pop("QueueUrl")
        self._entry = address
        self._wrap = _wrapping(seen)
        self.most_at_once = max(1, min(10, _SQS_MOST_BYTES // len(seen[-1].payload)))

    def send(self, texts: Sequence[str]) -> Sequence[Exception | None]:
        """Why the server refused each text, None where it took it. NotAttemptedError if nothing was
        sent; any other exception: nobody knows what arrived."""
        entries = [
            {"Id": str(number), "MessageBody": self._wrap(text), **self._entry}
            for number, text in enumerate(texts)
        ]
        if self._numbered:
            for entry in entries:
                entry["MessageDeduplicationId"] = str(uuid.uuid4())
        try:
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        except Exception as error:
            if type(error).__name__ in _NEVER_SENT:
                raise NotAttemptedError(error) from error
            if hasattr(error, "response"):  # botocore's ClientError: the service said no
                return [error] * len(texts)
            raise
        refused = {int(entry["Id"]): entry for entry in answer.get("Failed", ())}
        return [_refusal(refused.get(number)) for number in range(len(texts))]


_NEVER_SENT = {"EndpointConnectionError", "ConnectTimeoutError", "NoCredentialsError"}
_ADDRESS = "publish: prebuilt cannot publish to more than one place: use publish: api"


class SqsRefusedError(Exception):
    """One entry of a batch was not taken."""


def _refusal(entry: dict[str, Any] | None) -> Exception | None:
    return None if entry is None else SqsRefusedError(f"{entry['Code']} {entry.get('Message')}")


def _wrapping(seen: Sequence[Sample]) -> Callable[[str], str]:
    """How kombu turns its JSON into a body: in base64, or as it is."""
    for wrap in (_base64, str):
        if all(sample.payload == wrap(_json(sample.fields)) for sample in seen):
            return wrap
    raise ValueError("publish: prebuilt does not know how kombu writes to SQS here")


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def _one_address(seen: Sequence[Sample], besides: str = "") -> Address:
    """Where all samples go, `besides` left out. ValueError if that is not one place."""
    first, *others = (
        {name: value for name, value in sample.address.items() if name != besides}
        for sample in seen
    )
    if any(address != first for address in others):
        raise ValueError(_ADDRESS)
    return first


class AmqpSender:
    """`basic_publish`, straight on the channel."""

    def __init__(self, reach: Reach, seen: Sequence[Sample]) -> None:
        address = _one_address(seen)
        self._attempted = False
        self._told: tuple[type[Exception], ...] = (*reach.connection.channel_errors,)
        self.message_type: Callable[..., Any] = type(reach.channel.prepare_message(""))

        def publish(message: Any) -> None:
            channel = reach.channel
            self._attempted = channel.connection is not None  # a dead one sends nothing
            channel.basic_publish(message, **address)

        self._once = publish
        self._persistently = reach.persistent(publish)
        self._passing = reach.passing_errors()

    def send(self, message: Any) -> None:
        """Publish one. NotAttemptedError if it never got as far as a socket, RefusedError if the
        server said no. Any other exception: nobody knows."""
        self._attempted = False
        try:
            try:
                self._once(message)
            except self._passing:  # kombu's `ensure` from the start would take a tenth longer
                self._persistently(message)
        except Exception as error:
            if not self._attempted:
                raise NotAttemptedError(error) from error
            if (answer := self._answer_in(error)) is not None:
                raise RefusedError(answer) from error
            raise

    def _answer_in(self, error: Exception) -> Exception | None:
        """The server's own answer, that it has no such message; kombu may have wrapped it."""
        for reason in (error, error.__cause__, error.__context__):
            nacked = type(reason).__name__ == "MessageNacked"  # no error of channels to py-amqp
            if isinstance(reason, Exception) and (nacked or isinstance(reason, self._told)):
                return reason
        return None
