"""What `harness check` says of a queue's arguments, beside what RabbitMQ does with them."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

import amqp  # type: ignore[import-untyped]  # it has no types
import pytest

from harness.scenario.vendors.rabbitmq import RabbitmqQueue
from harness.services.provide import Services
from tests.services.cases import RABBITMQ, target_of

TEN_YEARS_MS = 315_360_000_000
VALUES: dict[str, tuple[Any, ...]] = {
    "x-message-ttl": (0, TEN_YEARS_MS, TEN_YEARS_MS + 1, -1, 1.5, True, "10"),
    "x-expires": (1, TEN_YEARS_MS + 1, 0, "10"),
    "x-max-length": (0, 2**62, -1, 1.5, "10"),
    "x-max-length-bytes": (2**40, -1, True),
    "x-delivery-limit": (20,),
    "x-overflow": ("reject-publish", "drop", 1),
    "x-queue-mode": ("lazy", "lzy", 1),
    "x-queue-version": (2, 3, "x"),
    "x-quorum-initial-group-size": (1, 0, "x"),
    "x-dead-letter-strategy": ("at-most-once", "once"),
    "x-dead-letter-exchange": ("other", 3, True),
    "x-dead-letter-routing-key": ("other", 3),
    "x-single-active-consumer": (True, "yes", 1),
    "x-max-age": ("1D",),
}
"""Of each argument values that both take, and others; each is tried alone."""


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_check_refuses_the_arguments_that_rabbitmq_refuses(
    local: Services, kind: Literal["classic", "quorum"]
) -> None:
    parts = urlsplit(target_of(local, RABBITMQ).url)
    server = f"{parts.hostname}:{parts.port}"
    said = [{argument: value} for argument, values in VALUES.items() for value in values]
    said.append({"x-dead-letter-exchange": "other", "x-dead-letter-routing-key": "there"})
    with amqp.Connection(server, parts.username, parts.password) as connection:
        by_server = [_refused(connection, {"x-queue-type": kind, **one}) for one in said]
    of_check = [any(RabbitmqQueue(type=kind, arguments=one).problems("x", {})) for one in said]
    assert [one for one, refused in zip(said, of_check, strict=True) if refused] == [
        one for one, refused in zip(said, by_server, strict=True) if refused
    ]


def _refused(connection: amqp.Connection, arguments: dict[str, Any]) -> bool:
    """Whether no queue can be declared so; a channel is closed with what it was refused."""
    channel = connection.channel()
    try:
        channel.queue_declare("tried", durable=True, auto_delete=False, arguments=arguments)
    except amqp.PreconditionFailed:
        return True
    channel.queue_delete("tried")
    channel.close()
    return False
