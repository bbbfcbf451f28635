"""How the broker of somebody's own is run and read: as Redis is."""

from __future__ import annotations

from collections.abc import Mapping

from harness.scenario.vendors.redis import RedisBroker
from harness.services.base import Driver, Launch, Service, Surroundings, Target
from harness.services.redis.driver import RedisDriver
from tests.plugins.broker.vendor import KeyDbBroker


class KeyDbDriver(Driver[KeyDbBroker]):
    """Starts a private server, or reaches any other."""

    name = "keydb"

    def __init__(self) -> None:
        self._redis = RedisDriver()
        self.undo = self._redis.undo
        self.compose = None

    def launch(self, endpoint: KeyDbBroker, surroundings: Surroundings) -> Launch:
        """As a Redis of that program."""
        return self._redis.launch(_as_redis(endpoint), surroundings)

    def target(self, endpoint: KeyDbBroker, environ: Mapping[str, str]) -> Target:
        """By its URL."""
        return self._redis.target(_as_redis(endpoint), environ)

    def reach(self, target: Target, surroundings: Surroundings) -> Service:
        """By its URL."""
        return self._redis.reach(target, surroundings)


def _as_redis(endpoint: KeyDbBroker) -> RedisBroker:
    return RedisBroker(service="redis", server=endpoint.server, url=endpoint.url, ca=endpoint.ca)
