"""What a setting or an option puts on the wire: messages as a server holds them."""

from __future__ import annotations

import contextlib
import json
import uuid
from base64 import b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import redis
from celery import Celery
from kombu.compression import decompress
from kombu.connection import Connection

from harness.probe.recording.ids import namer, new_tag
from harness.probe.workloads.add import Add
from harness.scenario.models.configuration import Configuration
from harness.services.provide import BlockSpace, Services
from tests.as_default import everybodys
from tests.services.cases import (
    RABBITMQ,
    REDIS,
    REDIS_PREFIX,
    SQS,
    SQS_FIFO,
    management_get,
    sqs_client,
    target_of,
)

Published = tuple[BlockSpace, Celery]


@contextlib.contextmanager
def published(
    local: Services, base: Configuration, settings: dict[str, Any], **workload: Any
) -> Iterator[Published]:
    """A block's space into which three units were published, as clients do it."""
    configuration = base.model_copy(update={"settings": {**base.settings, **settings}})
    with local.open_block(configuration, f"axes-{uuid.uuid4().hex[:8]}") as space:
        app = Celery("tasks", set_as_current=False)
        app.conf.update(space.settings)
        with everybodys(app):
            spec = {"workload": "add", "x": None, "y": None, "payload_bytes": 0, **workload}
            add, name = Add(spec), namer(new_tag())
            for unit in range(3):
                add.publish(unit, name)
            yield space, app


def redis_messages(space: BlockSpace) -> list[tuple[str, dict[str, Any]]]:
    """Key and message, oldest first; the keys are the queue's lists, one per priority."""
    prefix = space.settings.get("broker_transport_options", {}).get("global_keyprefix", "")
    found = []
    with contextlib.closing(redis.Redis.from_url(space.settings["broker_url"])) as client:
        for key in sorted(client.scan_iter(f"{prefix}{space.broker.queue}*", _type="list")):
            raws = reversed(client.lrange(key, 0, -1))
            found += [(key.decode(), json.loads(raw)) for raw in raws]
    return found


@pytest.mark.parametrize(
    ("settings", "content_type", "compression"),
    [
        ({"task_serializer": "json"}, "application/json", None),
        ({"task_serializer": "msgpack"}, "application/x-msgpack", None),
        ({"task_serializer": "yaml"}, "application/x-yaml", None),
        (
            {"task_serializer": "pickle", "accept_content": ["json", "pickle"]},
            "application/x-python-serialize",
            None,
        ),
        ({"task_compression": "gzip"}, "application/json", "application/x-gzip"),
        ({"task_compression": "bzip2"}, "application/json", "application/x-bz2"),
        ({"task_compression": "zstd"}, "application/json", "application/zstd"),
    ],
    ids=["json", "msgpack", "yaml", "pickle", "gzip", "bzip2", "zstd"],
)
def test_serializers_and_compression(
    local: Services, settings: dict[str, Any], content_type: str, compression: str | None
) -> None:
    with published(local, REDIS, settings, payload_bytes=500) as (space, app):
        messages = [message for _, message in redis_messages(space)]
        accepted = set(app.conf.accept_content)
    assert {message["content-type"] for message in messages} == {content_type}
    assert {message["headers"].get("compression") for message in messages} == {compression}
    body = b64decode(messages[0]["body"])
    assert (len(body) < 200) == (compression is not None)
    if compression is not None:
        body = decompress(body, compression)  # type: ignore[no-untyped-call]  # kombu is half typed
    assert b"x" * 500 in body
    assert accepted >= {settings.get("task_serializer", "json")}


def test_message_options(local: Services) -> None:
    options = {"priority": [9, 0, 3], "countdown": 60.0, "expires": 90.0}
    with published(local, REDIS, {}, options=options) as (space, _):
        by_key = redis_messages(space)
        assert space.broker.depth() == 3
    queue = space.broker.queue
    assert [key for key, _ in by_key] == [queue, f"{queue}\x06\x163", f"{queue}\x06\x169"]
    assert [message["properties"]["priority"] for _, message in by_key] == [0, 3, 9]
    assert all(message["headers"]["eta"] and message["headers"]["expires"] for _, message in by_key)


def test_a_plain_unit_has_no_options(local: Services) -> None:
    """None of them may change the message of a workload that asks for none."""
    with published(local, REDIS, {}) as (space, _):
        ((_, message), *_) = redis_messages(space)
    assert message["headers"]["eta"] is None
    assert message["headers"]["expires"] is None
    assert message["properties"]["priority"] == 0


def test_a_redis_prefix(local: Services) -> None:
    with published(local, REDIS_PREFIX, {}) as (space, _):
        keys = {key for key, _ in redis_messages(space)}
    assert len(keys) == 1
    assert all(key.startswith("harness:") and key.endswith(space.broker.queue) for key in keys)
    assert space.isolation == {"broker": "key prefix", "backend": "key prefix"}


# --- RabbitMQ -----------------------------------------------------------------------------------


def rabbitmq_message(space: BlockSpace) -> Any:
    """The oldest message of the queue, taken by kombu."""
    with Connection(space.settings["broker_url"]) as connection:  # type: ignore[no-untyped-call]  # kombu is half typed
        message = connection.default_channel.basic_get(space.broker.queue, no_ack=True)
    assert message is not None
    return message


def queue_arguments(local: Services, space: BlockSpace) -> dict[str, Any]:
    """As the server says it."""
    url = target_of(local, RABBITMQ).management_url
    assert url is not None
    vhost = urlsplit(space.settings["broker_url"]).path[1:]
    found = management_get(url, f"/api/queues/{vhost}/{space.broker.queue}")
    return {"type": found["type"], "durable": found["durable"], **found["arguments"]}


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_queue_types(local: Services, kind: str) -> None:
    """The queue is of that kind, and what Celery makes besides is gone with the block."""
    url = target_of(local, RABBITMQ).management_url
    assert url is not None
    with published(local, RABBITMQ, {"task_default_queue_type": kind}) as (space, _):
        assert queue_arguments(local, space)["type"] == kind
        vhost = unquote(urlsplit(space.settings["broker_url"]).path[1:])
    assert vhost not in {one["name"] for one in management_get(url, "/api/vhosts")}


@pytest.mark.parametrize("mode", [1, 2])
def test_delivery_modes(local: Services, mode: int) -> None:
    with published(local, RABBITMQ, {"task_default_delivery_mode": mode}) as (space, _):
        assert rabbitmq_message(space).properties["delivery_mode"] == mode


def test_priorities_of_rabbitmq(local: Services) -> None:
    """The highest goes first."""
    options = {"priority": [0, 9, 5]}
    with published(local, RABBITMQ, {"task_queue_max_priority": 9}, options=options) as (space, _):
        assert queue_arguments(local, space)["x-max-priority"] == 9
        found = [rabbitmq_message(space).properties["priority"] for _ in range(3)]
    assert found == [9, 5, 0]


@pytest.mark.parametrize("confirm", [False, True])
def test_publisher_confirms(local: Services, confirm: bool) -> None:
    """With them, what a call has published is in the queue when the call returns."""
    settings = {"broker_transport_options": {"confirm_publish": confirm}}
    with published(local, RABBITMQ, settings) as (space, app):
        with app.producer_pool.acquire(block=True) as producer:
            selected = bool(producer.channel._confirm_selected)
        if confirm:
            assert space.broker.depth() == 3
    assert selected is confirm


# --- SQS ----------------------------------------------------------------------------------------


def sqs_messages(local: Services, space: BlockSpace, attributes: str = "All") -> list[Any]:
    client = sqs_client(target_of(local, SQS))
    prefix = space.settings["broker_transport_options"]["queue_name_prefix"]
    url = client.get_queue_url(QueueName=prefix + space.broker.queue)["QueueUrl"]
    queue = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    got = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=[attributes])
    return [queue.get("FifoQueue"), *got.get("Messages", [])]


@pytest.mark.parametrize("groups", [None, 3])
def test_fifo_queues(local: Services, groups: int | None) -> None:
    """In order within a group; kombu's own group is one for all."""
    with published(local, SQS_FIFO, {}, options={"message_groups": groups}) as (space, _):
        fifo, *messages = sqs_messages(local, space)
        assert space.broker.queue.endswith(".fifo")
    assert fifo == "true"
    named = [message["Attributes"]["MessageGroupId"] for message in messages]
    assert sorted(set(named)) == (["group-0", "group-1", "group-2"] if groups else ["default"])
    assert len({message["Attributes"]["MessageDeduplicationId"] for message in messages}) == 3
    if groups is None:
        bodies = [json.loads(b64decode(message["Body"])) for message in messages]
        shown = [body["headers"]["argsrepr"] for body in bodies]
        assert shown == ["(0, 1)", "(1, 2)", "(2, 3)"]


def test_a_standard_queue_is_none_of_that(local: Services) -> None:
    with published(local, SQS, {}) as (space, _):
        fifo, *messages = sqs_messages(local, space)
    assert fifo in (None, "false")
    assert len(messages) == 3
    assert not any(message["Attributes"].get("MessageGroupId") for message in messages)
