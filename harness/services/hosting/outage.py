"""Servers that can be taken away and given back: those that the harness started itself.

A service says so by having these methods; nothing else of a driver changes.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from harness.errors import ServiceError
from harness.services.base import Service
from harness.services.hosting.local import LocalServer


@runtime_checkable
class OwnsServer(Protocol):
    """A service that knows its private server's processes."""

    @property
    def local_server(self) -> LocalServer | None:
        """The processes; None where somebody else runs the server."""
        ...

    def answers(self) -> bool:
        """Whether it serves. Never raises; bounded to a few seconds."""
        ...


def own_server(service: Service) -> LocalServer:
    """The processes of a service's server. ServiceError if the harness may not end them."""
    server = service.local_server if isinstance(service, OwnsServer) else None
    if server is None:
        raise ServiceError(
            f"the {service.info.service} server at {service.info.address} is not the harness' own, "
            "and it breaks no other's: use provider local"
        )
    if server.respawn is None:
        raise ServiceError(
            f"{service.info.title} cannot be started again with its data: use another service for "
            "faults of servers"
        )
    return server


def starts_of(service: Service) -> int:
    """How often the harness has started its server; 0 where it has not."""
    server = service.local_server if isinstance(service, OwnsServer) else None
    return server.starts if server is not None else 0
