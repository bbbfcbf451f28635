"""What each broker and each result backend can do. One row per service.

A test runs the tutorial over every broker with every backend and compares what happens with these
tables. A new service adds a row here, a model in `endpoints` and a driver in `harness.services`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.scenario.models.loads import Publish

Expiry = Literal["server", "rabbitmq", "cleanup", "ttl", "never", ""]
"""Who removes a result that is older than `result_expires`: the `server` by itself; the broker, if
it is `rabbitmq` (a reply queue on Redis is a list without a TTL); Celery's `backend_cleanup`, which
`celery beat` sends once a day; the server by a `ttl` of its own, whatever `result_expires` says;
or nobody."""


@dataclass(frozen=True)
class BrokerAbilities:
    """One row of the brokers' table."""

    schemes: tuple[str, ...]
    """How the URL of an external server may begin."""
    needs_url: bool = True
    """Whether `external` has to say where; AWS finds its own servers."""
    max_message_bytes: int | None = None
    """The largest message the service itself takes."""
    publish_paths: tuple[Publish, ...] = ("api", "prebuilt")
    """How a client can publish to it."""


@dataclass(frozen=True)
class BackendAbilities:
    """One row of the backends' table."""

    schemes: tuple[str, ...] = ()
    """How the URL of an external server may begin; none where there is no server to reach."""
    needs_url: bool = True
    results: bool = True
    joins: bool = True
    """A group's results can be collected as one."""
    chords: bool = True
    delivery: Literal["push", "poll", ""] = "poll"
    """Whether results come to who waits, or are asked for again and again."""
    max_result_bytes: int | None = None
    """The largest result that can be kept, without the record that Celery makes of it."""
    result_limit_is_set: bool = False
    """Whoever runs the server can set that limit."""
    compresses_results: bool = False
    """Celery's `result_compression` works with it."""
    brokers: tuple[str, ...] = ()
    """The only brokers it works with; none: it works with all of them."""
    expiry: Expiry = ""
    extra: str = ""
    """What `pip install 'celery-config-bench[...]'` adds for it."""
    modules: tuple[str, ...] = ()
    """What clients and workers import for it."""
    requirements: tuple[str, ...] = ()
    """The same for an environment of another Celery, as pip reads it."""


BROKERS: Mapping[str, BrokerAbilities] = {
    "redis": BrokerAbilities(
        ("redis", "rediss"),
        publish_paths=("api", "batch", "prebuilt"),  # kombu batches for Redis only
    ),
    "rabbitmq": BrokerAbilities(("amqp", "amqps", "pyamqp")),
    "sqs": BrokerAbilities(
        ("sqs", "http", "https"),
        needs_url=False,
        max_message_bytes=1024 * 1024,  # AWS' quota since August 2025; 256 KiB before
    ),
}

# Celery before 5.7 is not known to run under SQLAlchemy 2.1.
_SQLALCHEMY = "sqlalchemy>=2.0,<2.1"

BACKENDS: Mapping[str, BackendAbilities] = {
    "redis": BackendAbilities(("redis", "rediss"), delivery="push", expiry="server"),
    "rpc": BackendAbilities(
        chords=False,
        delivery="push",
        # On SQS Celery's consumer of results fails: its channel has no connection to wait on.
        brokers=("rabbitmq", "redis"),
        expiry="rabbitmq",
    ),
    "sqlite": BackendAbilities(
        expiry="cleanup",
        extra="sqlite",
        modules=("sqlalchemy",),
        requirements=(_SQLALCHEMY,),
    ),
    "postgresql": BackendAbilities(
        ("postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgres"),
        expiry="cleanup",
        extra="postgresql",
        modules=("sqlalchemy", "psycopg"),
        requirements=(_SQLALCHEMY, "psycopg[binary]>=3.2"),
    ),
    "mysql": BackendAbilities(
        ("mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql"),
        max_result_bytes=65_520,  # Celery's column is a BLOB, and holds a pickle
        expiry="cleanup",
        extra="mysql",
        modules=("sqlalchemy", "pymysql"),
        requirements=(_SQLALCHEMY, "pymysql[rsa]>=1.1"),
    ),
    "filesystem": BackendAbilities(expiry="cleanup"),
    "memcached": BackendAbilities(
        ("memcached", "memcache"),
        max_result_bytes=1_048_400,  # an item of 1 MiB, with key and header (option -I)
        result_limit_is_set=True,
        expiry="server",
        extra="memcached",
        modules=("pymemcache",),
        # Celery 5.7 uses the first, earlier ones the second.
        requirements=("pymemcache>=4.0", "python-memcached>=1.61"),
    ),
    "dynamodb": BackendAbilities(
        ("dynamodb", "http", "https"),
        needs_url=False,
        compresses_results=True,
        max_result_bytes=409_400,  # an item of 400 KiB, with the names of its attributes
        expiry="ttl",
        extra="dynamodb",
        modules=("boto3",),
        requirements=("boto3",),
    ),
    "s3": BackendAbilities(
        ("s3", "http", "https"),
        needs_url=False,
        expiry="never",
        extra="s3",
        modules=("boto3",),
        requirements=("boto3",),
    ),
    "none": BackendAbilities(results=False, joins=False, chords=False, delivery=""),
}


def refusal(broker: str, backend: str) -> str | None:
    """Why the two do not work together, with what to use instead; None if they do."""
    row = BACKENDS[backend]
    if not row.brokers or broker in row.brokers:
        return None
    return (
        f"{backend} results work with the broker {' or '.join(row.brokers)} only, not with "
        f"{broker}: choose from `harness list backends`, for example redis"
    )
