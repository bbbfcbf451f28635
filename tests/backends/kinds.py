"""One configuration for each result backend, over the embedded Redis."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.redis import RedisBroker
from harness.scenario.vendors.registry import BACKENDS, Backend

_MODEL: TypeAdapter[Any] = TypeAdapter(Backend)


def configuration(backend: str, **fields: Any) -> Configuration:
    """Results in `backend`, its endpoint with `fields`."""
    return Configuration(
        name=backend,
        broker=RedisBroker(service="redis"),
        backend=_MODEL.validate_python({"service": backend, **fields}),
    )


STORES = tuple(name for name, row in BACKENDS.items() if row.results and name != "rpc")
"""What keeps results in a place of its own."""
CONFIGURATIONS = {name: configuration(name) for name in STORES}
SERVERS = ("redis", "postgresql", "mysql", "memcached", "dynamodb", "s3")
"""Those of them that are reached over a network."""
