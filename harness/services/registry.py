"""Which drivers there are, by the name that configurations use."""

from __future__ import annotations

from collections.abc import Mapping

from harness.services.base import Driver
from harness.services.dynamodb import DynamodbDriver
from harness.services.files import FilesystemDriver, SqliteDriver
from harness.services.memcached import MemcachedDriver
from harness.services.mysql import MysqlDriver
from harness.services.postgresql import PostgresqlDriver
from harness.services.rabbitmq import RabbitmqDriver
from harness.services.redis import RedisDriver
from harness.services.s3 import S3Driver
from harness.services.sqs import SqsDriver


def drivers() -> Mapping[str, Driver]:
    """`service:` in a configuration -> its driver."""
    every: tuple[Driver, ...] = (
        RedisDriver(),
        RabbitmqDriver(),
        SqsDriver(),
        SqliteDriver(),
        PostgresqlDriver(),
        MysqlDriver(),
        FilesystemDriver(),
        MemcachedDriver(),
        DynamodbDriver(),
        S3Driver(),
    )
    return {driver.name: driver for driver in every}
