"""The servers' own counters against traffic that a test makes and counts itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import amqp  # type: ignore[import-untyped]  # it has no types
import pytest
import redis

from harness.scenario.models.configuration import Configuration
from harness.services.base import Target
from harness.services.provide import Services
from tests.services.cases import RABBITMQ, REDIS, REDIS_SERVER, SQS, Case, target_of

MESSAGES = 200
DEADLINE_S = 20.0


def figures(services: Services, configuration: Configuration) -> dict[str, int]:
    counters = services.of(configuration)[0].counters()
    assert counters is not None
    return dict(counters.figures)


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: n - before.get(name, 0) for name, n in after.items() if n != before.get(name, 0)}


def reached(look: Callable[[], dict[str, int]], wanted: dict[str, int]) -> dict[str, int]:
    """What it comes to in the end: a server takes a moment to see what was sent."""
    deadline = time.monotonic() + DEADLINE_S
    while not wanted.items() <= (found := look()).items() and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


@contextlib.contextmanager
def rabbitmq(target: Target, vhost: str) -> Iterator[amqp.Connection]:
    parts = urlsplit(target.url)
    with amqp.Connection(
        f"{parts.hostname}:{parts.port}", parts.username, parts.password, virtual_host=vhost
    ) as connection:
        yield connection


@pytest.mark.parametrize("configuration", [REDIS, REDIS_SERVER], ids=lambda one: str(one.name))
def test_redis_counts_to_the_byte(
    local: Services, label: str, configuration: Configuration
) -> None:
    """Looks at the queue between two readings are in neither: commands and bytes are exact."""
    url = target_of(local, configuration).url
    with (
        local.open_block(configuration, label) as space,
        contextlib.closing(redis.Redis.from_url(url, protocol=2)) as client,
    ):
        space.broker.depth()
        space.broker.unacknowledged()
        client.ping()
        before = figures(local, configuration)
        assert figures(local, configuration) == before
        for _ in range(MESSAGES):
            client.set("harness:x", "v" * 100)
        for _ in range(7):
            space.broker.depth()
        space.broker.unacknowledged()
        client.delete("harness:x")
        asked = "*3\r\n$3\r\nSET\r\n$9\r\nharness:x\r\n$100\r\n" + "v" * 100 + "\r\n"
        assert difference(before, figures(local, configuration)) == {
            "commands": MESSAGES + 1,
            "command.set": MESSAGES,
            "command.del": 1,
            "bytes_in": MESSAGES * len(asked) + len("*2\r\n$3\r\nDEL\r\n$9\r\nharness:x\r\n"),
            "bytes_out": MESSAGES * len("+OK\r\n") + len(":1\r\n"),
        }


def test_rabbitmq_counts_every_message_at_once(local: Services, label: str) -> None:
    """Exact without a wait for statistics, and still after the channels are closed."""
    target = target_of(local, RABBITMQ)
    wanted = {"publishes": MESSAGES, "deliveries": MESSAGES, "acks": MESSAGES}
    with local.open_block(RABBITMQ, label) as space:
        space.broker.depth()
        with rabbitmq(target, space.broker.queue) as connection:
            channel = connection.channel()
            channel.queue_declare(space.broker.queue, durable=True, auto_delete=False)
            before = figures(local, RABBITMQ)
            for _ in range(MESSAGES):
                channel.basic_publish(amqp.Message("x" * 1000), routing_key=space.broker.queue)
            taken = 0
            while taken < MESSAGES:
                message = channel.basic_get(space.broker.queue)
                if message is not None:
                    channel.basic_ack(message.delivery_tag)
                    taken += 1
            found = reached(lambda: difference(before, figures(local, RABBITMQ)), wanted)
        assert found.items() >= wanted.items()
        assert difference(before, figures(local, RABBITMQ)).items() >= wanted.items()
        for name in ("bytes_in", "bytes_out"):  # the body, and around it what AMQP adds
            assert 1000 < found[name] / MESSAGES < 1300, name


def test_reading_rabbitmq_costs_nothing_that_is_counted(local: Services) -> None:
    """One reading is 80 KB of text, all of it taken out again."""
    before = figures(local, RABBITMQ)
    for _ in range(20):
        after = figures(local, RABBITMQ)
    left = difference(before, after)
    assert {name for name in left if not name.startswith("bytes")} == set()
    assert all(abs(size) < 20_000 for size in left.values()), left


def test_whose_counters_are_not_exact_has_none(local: Services, outside: dict[str, Case]) -> None:
    """SQS counts nothing for us; of somebody else's RabbitMQ only late figures are to be had."""
    assert local.of(SQS)[0].counters() is None
    for name in ("rabbitmq-external", "rabbitmq-external-names", "sqs-external"):
        case = outside[name]
        assert case.services.of(case.configuration)[0].counters() is None
    shared = outside["redis-external"]
    counters = shared.services.of(shared.configuration)[0].counters()
    assert counters is not None
    assert counters.figures["commands"] > 0
