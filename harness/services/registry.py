"""Which drivers there are, by the name that configurations use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import cast

from harness.services.base import Driver

_CLASSES: Mapping[str, str] = {
    "redis": "redis.driver:RedisDriver",
    "rabbitmq": "rabbitmq.driver:RabbitmqDriver",
    "sqs": "aws.sqs:SqsDriver",
    "sqlite": "files:SqliteDriver",
    "postgresql": "sql.postgresql:PostgresqlDriver",
    "mysql": "sql.mysql:MysqlDriver",
    "filesystem": "files:FilesystemDriver",
    "memcached": "memcached:MemcachedDriver",
    "dynamodb": "aws.dynamodb:DynamodbDriver",
    "s3": "aws.s3:S3Driver",
}
"""Module of this package, and class."""


class _Drivers(Mapping[str, Driver]):
    """Imports a driver when it is asked for: botocore alone takes a tenth of a run's start."""

    def __init__(self) -> None:
        self._made: dict[str, Driver] = {}

    def __getitem__(self, name: str) -> Driver:
        if name not in self._made:
            module, _, class_ = _CLASSES[name].partition(":")
            found = getattr(import_module(f"{__package__}.{module}"), class_)
            self._made[name] = cast(Driver, found())
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


def drivers() -> Mapping[str, Driver]:
    """`service:` in a configuration -> its driver."""
    return _Drivers()
