"""A broker of somebody's own, known without a server: Redis under another name."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from harness.scenario.vendors.base import TlsEndpoint, Vendor, VendorRow
from harness.scenario.vendors.redis import REDIS


class KeyDbBroker(TlsEndpoint):
    """A server that speaks Redis' protocol."""

    service: Literal["keydb"]
    server: str = "embedded"
    """Name or path of the server (local provider)."""
    isolation: Literal["database", "prefix"] | None = None
    """As Redis'."""


assert REDIS.broker is not None
KEYDB = Vendor(
    "keydb",
    "KeyDB",
    replace(REDIS.broker, model=KeyDbBroker, publish_paths=("api",), restarts=False),
    clients=REDIS.clients,
)
ROW = VendorRow(KEYDB, "tests.plugins.broker.driver:KeyDbDriver")
NO_ROW = KEYDB
OTHER_NAME = VendorRow(replace(KEYDB, service="keydb2"), "tests.plugins.broker.driver:KeyDbDriver")
NO_VENDOR = VendorRow("keydb", "tests.plugins.broker.driver:KeyDbDriver")  # type: ignore[arg-type]
NO_DRIVER = VendorRow(KEYDB, "tests.plugins.broker.driver:Nowhere")
REDIS_AGAIN = VendorRow(REDIS, "tests.plugins.broker.driver:KeyDbDriver")
