"""All that is known without a server of Memcached as result backend."""

from __future__ import annotations

from typing import Literal

from harness.scenario.vendors.base import (
    MIB,
    AsBackend,
    ClientPackages,
    Endpoint,
    OwnServer,
    Vendor,
)


class MemcachedBackend(Endpoint):
    """Memcached as result backend. It has no passwords."""

    service: Literal["memcached"]
    server: str = "memcached"
    """Name or path of the server (local provider)."""


MEMCACHED = Vendor(
    "memcached",
    "Memcached",
    backend=AsBackend(
        MemcachedBackend,
        ("memcached", "memcache"),
        max_result_bytes=1_048_400,  # an item of 1 MiB, with key and header (option -I)
        result_limit_is_set=True,
        expiry="server",
        owned_options={
            "global_keyprefix": "the harness names it, to find and remove it after the block"
        },
    ),
    clients=ClientPackages(
        ("pymemcache",),
        # Celery 5.7 uses the first, earlier ones the second.
        ("pymemcache>=4.0", "python-memcached>=1.61"),
        "memcached",
        ("pymemcache",),
    ),
    own_server=OwnServer(8 * MIB, 0.2),
)
