"""Result backends without a server of their own: a folder of files, the broker, or none at all."""

from __future__ import annotations

from typing import Literal

from harness.scenario.vendors.base import AsBackend, End, FolderBackend, Vendor


class FilesystemBackend(FolderBackend):
    """One file for each result. Celery does not write them atomically."""

    service: Literal["filesystem"]


class RpcBackend(End):
    """Results as messages through the broker itself: RabbitMQ, or Redis."""

    service: Literal["rpc"]


class NoBackend(End):
    """No results at all: what a block can check is limited to what ran."""

    service: Literal["none"]


FILESYSTEM = Vendor("filesystem", "files", backend=AsBackend(FilesystemBackend, expiry="cleanup"))
RPC = Vendor(
    "rpc",
    "rpc",
    backend=AsBackend(
        RpcBackend,
        chords=False,
        delivery="push",
        # On SQS Celery's consumer of results fails: its channel has no connection to wait on.
        brokers=("rabbitmq", "redis"),
        expiry="rabbitmq",
    ),
)
NONE = Vendor(
    "none",
    "none",
    backend=AsBackend(NoBackend, results=False, joins=False, chords=False, delivery=""),
)
