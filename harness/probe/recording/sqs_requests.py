"""Counts what a Celery process asks of SQS, where it is asked: in the SDK, attempt by attempt.

Two ways lead to SQS. Publishing and looking up queues go through boto3's client; a worker's hub
receives and deletes through kombu's own asynchronous connection, which only borrows that
client's keys. Both are counted; neither knows of the other's requests, so none counts twice.
"""

from __future__ import annotations

import functools
import time
from typing import Any

from harness.probe.recording.events import NO_ID, SQS_REQUESTS, Kind
from harness.probe.recording.recorder import Recorder

_NUMBERS = {name: number for number, name in enumerate(SQS_REQUESTS)}
_MOST_BYTES = (1 << 32) - 1


def count(recorder: Recorder, broker_url: str) -> None:
    """Record every request to SQS that this process and its children make from now on.

    Does nothing for another broker: boto3 is not even imported then.
    """
    if not broker_url.startswith("sqs"):
        return
    _count_boto(recorder)
    _count_hub(recorder)


def _noted(recorder: Recorder, kind: Kind, operation: str, payload: Any) -> None:
    size = min(len(payload), _MOST_BYTES) if isinstance(payload, (bytes, bytearray, str)) else 0
    number = _NUMBERS.get(operation, 0)
    recorder.record(kind, NO_ID, time.monotonic_ns(), size, number)


def _count_boto(recorder: Recorder) -> None:
    """Every client for SQS that is made from now on, whoever makes it, has our two hooks.

    `before-send` is emitted for each attempt, so what botocore retries counts as often as it is
    sent, as it does on the bill.
    """
    from botocore.session import Session  # noqa: PLC0415 - only where the broker is SQS

    create_client = Session.create_client

    def sent(event_name: str, request: Any, **_: Any) -> None:
        _noted(recorder, Kind.REQUEST, event_name.rpartition(".")[2], request.body)

    def answered(event_name: str, response_dict: Any, **_: Any) -> None:
        body = (response_dict or {}).get("body")
        _noted(recorder, Kind.ANSWER, event_name.rpartition(".")[2], body)

    @functools.wraps(create_client)
    def counted(self: Any, service_name: str, *args: Any, **kwargs: Any) -> Any:
        client = create_client(self, service_name, *args, **kwargs)
        if service_name == "sqs":
            client.meta.events.register("before-send.sqs", sent)
            client.meta.events.register("response-received.sqs", answered)
        return client

    Session.create_client = counted


def _count_hub(recorder: Recorder) -> None:
    """What a worker's hub asks. kombu repeats none of it by itself: one call, one request."""
    from kombu.asynchronous.aws.connection import AsyncAWSQueryConnection  # noqa: PLC0415
    from kombu.asynchronous.aws.sqs.connection import AsyncSQSConnection  # noqa: PLC0415

    connection: Any = AsyncSQSConnection
    execute = connection._mexe  # sends one signed request, in every kombu since 4.0
    make_request = connection.make_request

    @functools.wraps(make_request)
    def named(self: Any, operation: str, *args: Any, **kwargs: Any) -> Any:
        self._harness_operation = operation  # the next call, in this same thread, sends it
        return make_request(self, operation, *args, **kwargs)

    @functools.wraps(execute)
    def sent(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        operation = getattr(self, "_harness_operation", "")
        _noted(recorder, Kind.REQUEST, operation, request.body)
        return execute(self, request, *args, **kwargs)

    connection.make_request = named
    connection._mexe = sent
    for name in ("_on_list_ready", "_on_obj_ready", "_on_status_ready"):
        _count_answers(AsyncAWSQueryConnection, name, recorder)


def _count_answers(connection: Any, name: str, recorder: Recorder) -> None:
    """`name` is one of kombu's three ways to read an answer; its last two arguments are the
    operation and the response, in every one of them."""
    ready = getattr(connection, name)

    @functools.wraps(ready)
    def answered(self: Any, *args: Any) -> Any:
        *_, operation, response = args
        body = getattr(getattr(response, "response", None), "body", None)
        _noted(recorder, Kind.ANSWER, str(operation), body)
        return ready(self, *args)

    setattr(connection, name, answered)
