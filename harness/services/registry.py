"""Which drivers there are, by the name that configurations use."""

from __future__ import annotations

from collections.abc import Mapping

from harness.services.base import Driver
from harness.services.rabbitmq import RabbitmqDriver
from harness.services.redis import RedisDriver
from harness.services.sqs import SqsDriver


def drivers() -> Mapping[str, Driver]:
    """`service:` in a configuration -> its driver."""
    return {driver.name: driver for driver in (RedisDriver(), RabbitmqDriver(), SqsDriver())}
