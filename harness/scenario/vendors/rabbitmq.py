"""RabbitMQ over AMQP 0-9-1, as broker; its results are those of `rpc`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from harness.scenario.vendors.base import AsBroker, Provider, TlsEndpoint, Vendor


class RabbitmqBroker(TlsEndpoint):
    """RabbitMQ over AMQP 0-9-1, as broker."""

    service: Literal["rabbitmq"]
    management_url: str | None = None
    """The management API of an external broker; with it, every block gets a vhost of its own."""

    read_by: ClassVar[Mapping[str, Provider]] = {
        **TlsEndpoint.read_by,
        "management_url": "external",
    }


RABBITMQ = Vendor("rabbitmq", AsBroker(RabbitmqBroker, ("amqp", "amqps", "pyamqp")))
