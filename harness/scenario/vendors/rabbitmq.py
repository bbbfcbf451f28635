"""RabbitMQ over AMQP 0-9-1, as broker; its results are those of `rpc`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from harness.scenario.vendors.base import (
    AMOUNT,
    ANY,
    MIB,
    AsBroker,
    ClientPackages,
    Options,
    OwnServer,
    Provider,
    TlsEndpoint,
    TransportOption,
    Vendor,
)

_SMALLER_MESSAGES = 4
"""The major version that takes an eighth of what those before it took."""


class RabbitmqBroker(TlsEndpoint):
    """RabbitMQ over AMQP 0-9-1, as broker."""

    service: Literal["rabbitmq"]
    management_url: str | None = None
    """The management API of an external broker; with it, every block gets a vhost of its own."""

    read_by: ClassVar[Mapping[str, Provider]] = {
        **TlsEndpoint.read_by,
        "management_url": "external",
    }


def _priority_problems(who: str, highest: int, settings: Options) -> Iterator[str]:
    most = settings.get("task_queue_max_priority")
    if settings.get("task_default_queue_type") == "quorum":
        yield f"quorum queues take no x-max-priority, and {who} has them: use a classic queue"
    elif not isinstance(most, int):
        yield (
            f"RabbitMQ needs task_queue_max_priority, which {who} does not set: say "
            f'"task_queue_max_priority: {max(highest, 1)}" under "settings:"'
        )
    elif highest > most:
        yield f"{highest} is above the task_queue_max_priority of {who}, which is {most}"


def _takes_bytes(version: str) -> int | None:
    """`max_message_size` of a node's defaults: deps/rabbit/Makefile, and the release notes of 4.0;
    asked of 3.10.8 itself."""
    major = version.partition(".")[0]
    if not major.isdigit():
        return None
    return (16 if int(major) >= _SMALLER_MESSAGES else 128) * 1024 * 1024


RABBITMQ = Vendor(
    "rabbitmq",
    "RabbitMQ",
    AsBroker(
        RabbitmqBroker,
        ("amqp", "amqps", "pyamqp"),
        transport_options={
            "confirm_publish": TransportOption("switch", default=False),
            "max_retries": AMOUNT,
            "interval_start": AMOUNT,
            "interval_step": AMOUNT,
            "interval_max": AMOUNT,
            "read_timeout": AMOUNT,
            "write_timeout": AMOUNT,
            "login_method": TransportOption(words=("AMQPLAIN", "PLAIN", "EXTERNAL")),
            "client_properties": ANY,
        },
        takes_bytes=_takes_bytes,
        priority_problems=_priority_problems,
        confirmed_by="confirm_publish",
        restarts=True,
    ),
    clients=ClientPackages(packages=("amqp",)),
    own_server=OwnServer(150 * MIB, 6.0),
)
