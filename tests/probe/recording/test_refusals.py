"""What a worker records of messages that Celery refuses, by Celery's own code."""

from __future__ import annotations

import uuid
from typing import Any
from unittest.mock import MagicMock

import pytest
from celery import Celery, signals
from celery.exceptions import InvalidTaskError
from celery.worker.consumer import Consumer
from kombu.exceptions import ContentDisallowed, DecodeError

from harness.probe.recording import attach
from harness.probe.recording.events import NO_ID, REFUSALS, Kind, id_bytes

TASK_ID = str(uuid.uuid4())


class Strange(ContentDisallowed):
    """A class of its own of a later kombu."""


class Consuming(Consumer):  # type: ignore[misc]  # Celery has no types
    """Only as far as a message's way goes."""

    def __init__(self, raised: Exception | None = None) -> None:
        self.app = Celery("refusing", set_as_current=False, backend="cache+memory://")
        self.connection_errors = ()
        self.event_dispatcher = None
        self._maximum_prefetch_restored = True
        self.strategies = {} if raised is None else {"t": MagicMock(side_effect=raised)}
        self.on_task_message: set[Any] = set()


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    for signal in (signals.task_rejected, signals.task_unknown):
        monkeypatch.setattr(signal, "receivers", [])
    monkeypatch.setattr(Consumer, "on_decode_error", Consumer.on_decode_error)  # put back after
    found: list[tuple[Any, ...]] = []
    recorder = MagicMock()
    recorder.record = lambda kind, ident, _, __, reason: found.append((kind, ident, reason))
    attach._watch_refusals(recorder)
    return found


def message(headers: Any, **fields: Any) -> MagicMock:
    properties = fields.pop("properties", {"correlation_id": None})
    return MagicMock(headers=headers, properties=properties, body=b"", payload={}, **fields)


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (ContentDisallowed("pickle"), "ContentDisallowed"),
        (Strange("pickle"), "ContentDisallowed"),
        (InvalidTaskError("args"), "InvalidTaskError"),
        (DecodeError("bytes"), "DecodeError"),
        (None, "NotRegistered"),
    ],
)
def test_reason_and_id(
    records: list[tuple[Any, ...]], raised: Exception | None, reason: str
) -> None:
    refused = message({"id": TASK_ID, "task": "t"})
    Consuming(raised).create_task_handler()(refused)
    assert records == [(Kind.REFUSED, id_bytes(TASK_ID), REFUSALS.index(reason))]
    assert refused.ack.called or refused.reject_log_error.called


def test_no_task_message(records: list[tuple[Any, ...]]) -> None:
    Consuming().create_task_handler()(message(None))
    assert records == [(Kind.REFUSED, NO_ID, REFUSALS.index("no task message"))]


def test_protocol_1(records: list[tuple[Any, ...]]) -> None:
    """Its id is inside; the correlation id is the same."""
    old = message({}, properties={"correlation_id": TASK_ID})
    old.decode.side_effect = ContentDisallowed("pickle")
    Consuming().create_task_handler()(old)
    reason = REFUSALS.index("ContentDisallowed")
    assert records == [(Kind.REFUSED, id_bytes(TASK_ID), reason)]
