"""When a private server counts as there, and what it costs to find out."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field

from harness.services.hosting.local import LocalServer, free_ports


@dataclass
class Watched(LocalServer):
    """A server whose processes are this one's; notes each time that they are looked through."""

    looked: list[int] = field(default_factory=list)

    def pids(self) -> tuple[int, ...]:
        self.looked.append(os.getpid())
        return (os.getpid(),)


def test_whose_port_it_is_is_asked_when_somebody_answers_there() -> None:
    """Looking through the sockets of a system takes its time, and a server that boots needs it."""
    (port,) = free_ports(1)
    server = Watched("watched", (), port, grace_s=0.0)
    assert not server.listens()
    assert server.looked == []
    with socket.create_server(("127.0.0.1", port)):
        assert server.listens()
    assert server.looked == [os.getpid()]


def test_a_port_that_somebody_else_has_is_not_the_servers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        server = LocalServer("none", (), other.getsockname()[1], grace_s=0.0)
        assert not server.listens()
