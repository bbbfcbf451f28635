"""Every vendor there is: one row each, which joins its two rooms.

A row names a vendor's room of this folder and the driver in `harness.services` that runs and reads
its server, as text: a scenario knows no services. The kinds of `broker:` and `backend:` that a
configuration may write, the tables of what they can do, and the drivers are all made from the rows;
docs/architecture.md has the walk "add a broker". Another package brings a vendor by naming its row
as an entry point of the group `celery_config_bench.drivers`. A test runs the tutorial over every
broker with every backend and compares what happens with what the rooms say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import BeforeValidator, Field

from harness.errors import PluginError
from harness.plugins import plugins
from harness.scenario.files.kinds import name_of
from harness.scenario.vendors.base import (
    AsBackend,
    AsBroker,
    End,
    Endpoint,
    Provider,
    Vendor,
    VendorRow,
)
from harness.scenario.vendors.dynamodb import DYNAMODB
from harness.scenario.vendors.memcached import MEMCACHED
from harness.scenario.vendors.rabbitmq import RABBITMQ
from harness.scenario.vendors.redis import REDIS
from harness.scenario.vendors.s3 import S3
from harness.scenario.vendors.sql import MYSQL, POSTGRESQL, SQLITE
from harness.scenario.vendors.sqs import SQS
from harness.scenario.vendors.without_server import FILESYSTEM, NONE, RPC

_OF = "harness.services"
_OWN = (
    VendorRow(REDIS, f"{_OF}.redis.driver:RedisDriver"),
    VendorRow(RABBITMQ, f"{_OF}.rabbitmq.driver:RabbitmqDriver"),
    VendorRow(SQS, f"{_OF}.aws.sqs:SqsDriver"),
    VendorRow(RPC),
    VendorRow(SQLITE, f"{_OF}.files:SqliteDriver"),
    VendorRow(POSTGRESQL, f"{_OF}.sql.postgresql:PostgresqlDriver"),
    VendorRow(MYSQL, f"{_OF}.sql.mysql:MysqlDriver"),
    VendorRow(FILESYSTEM, f"{_OF}.files:FilesystemDriver"),
    VendorRow(MEMCACHED, f"{_OF}.memcached:MemcachedDriver"),
    VendorRow(DYNAMODB, f"{_OF}.aws.dynamodb:DynamodbDriver"),
    VendorRow(S3, f"{_OF}.aws.s3:S3Driver"),
    VendorRow(NONE),
)


def _plugged_in() -> Iterator[VendorRow]:
    """Rows of other packages that are installed here. PluginError names one that is no use."""
    known = {row.vendor.service for row in _OWN}
    for plugin in plugins("drivers").values():
        row = plugin.load()
        if not isinstance(row, VendorRow):
            raise PluginError(f"{plugin} is no VendorRow of harness.scenario.vendors.base")
        try:
            named = {name_of(model, "service") for model in row.vendor.models}
        except (TypeError, AttributeError) as error:
            raise plugin.failed(error) from error
        if named != {row.vendor.service}:
            said = " and ".join(sorted(named)) or "nothing"
            raise PluginError(f"{plugin}: its vendor is {row.vendor.service}, its models {said}")
        if row.vendor.service in known:
            raise PluginError(f"{plugin}: there is a service {row.vendor.service} already")
        known.add(row.vendor.service)
        yield row


_ROWS = (*_OWN, *_plugged_in())

VENDORS: Mapping[str, Vendor] = {row.vendor.service: row.vendor for row in _ROWS}
"""`service:` of a configuration -> what is known of it."""
DRIVERS: Mapping[str, str] = {row.vendor.service: row.driver for row in _ROWS if row.driver}
"""`service:` of a configuration -> its driver, as `module:Class`."""
BROKERS: Mapping[str, AsBroker] = {
    name: vendor.broker for name, vendor in VENDORS.items() if vendor.broker is not None
}
BACKENDS: Mapping[str, AsBackend] = {
    name: vendor.backend for name, vendor in VENDORS.items() if vendor.backend is not None
}

_QUEUES = tuple(row.queue for row in BROKERS.values() if row.queue is not None)
QueueForm = Annotated[
    Any,
    BeforeValidator(
        lambda value: value,
        json_schema_input_type=Union[(*dict.fromkeys(_QUEUES), Literal[True])],
    ),
]
"""What stands behind a queue's name: which of its vendors' models it is, the broker decides."""

if TYPE_CHECKING:
    Broker = Endpoint
    Backend = End
else:
    Broker = Annotated[
        Union[tuple(row.model for row in BROKERS.values())],  # noqa: UP007 - of a table
        Field(discriminator="service"),
    ]
    Backend = Annotated[
        Union[tuple(row.model for row in BACKENDS.values())],  # noqa: UP007 - of a table
        Field(discriminator="service"),
    ]


def refusal(broker: str, backend: str) -> str | None:
    """Why the two do not work together, with what to use instead; None if they do."""
    row = BACKENDS[backend]
    if not row.brokers or broker in row.brokers:
        return None
    return (
        f"{backend} results work with the broker {' or '.join(row.brokers)} only, not with "
        f"{broker}: choose from `harness list backends`, for example redis"
    )


def share_server(broker: Mapping[str, Any], backend: Mapping[str, Any]) -> bool:
    """Whether a broker and a backend, plain as in a record, are one server."""
    return backend["service"] == RPC.service or which_server(broker) == which_server(backend)


def which_server(endpoint: Mapping[str, Any], provider: Provider | None = None) -> tuple[str, ...]:
    """Equal for endpoints that share a server, in whatever role. `endpoint`: its fields, plain, as
    in a record; `provider`: who runs it, where that is decided elsewhere."""
    who = provider or endpoint.get("provider") or "local"
    service = str(endpoint["service"])
    models = VENDORS[service].models if service in VENDORS else ()
    names = {
        name
        for model in models
        for name in (*model.place, *(one for one, reader in model.read_by.items() if reader == who))
    }
    said = [str(endpoint.get(name) or "") for name in sorted(names)]
    return (who, service, *("" if one == "none" else one for one in said))
