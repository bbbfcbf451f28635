"""The bad network: what it does to connections, measured from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from harness.errors import ServiceError
from harness.services.bad_network.network import BadNetwork, Conditions
from harness.services.bad_network.proxy import Proxy
from harness.services.bad_network.round_trips import round_trips_s
from harness.services.provide import Services
from harness.workspace import Workspace
from tests.services.cases import RABBITMQ, REDIS, target_of

LINK = "link"


class Asked(asyncio.Event):
    """An event that tells when somebody begins to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def wait(self) -> Literal[True]:
        self.asked.set()
        return await super().wait()


@pytest.fixture
def network(workspace: Workspace, tmp_path: Path) -> Iterator[BadNetwork]:
    with BadNetwork.start(dict(os.environ), tmp_path, workspace) as started:
        yield started


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that sends back what it gets, as the URL of a Redis."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(ConnectionError):
                while data := connection.recv(1 << 16):
                    connection.sendall(data)

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"redis://user:word@127.0.0.1:{server.getsockname()[1]}/3"


def connected(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(url)), timeout=10)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


def round_trip_s(connection: socket.socket, data: bytes = b"x") -> float:
    began = time.perf_counter()
    connection.sendall(data)
    got = b""
    while len(got) < len(data):
        got += connection.recv(1 << 16)
    assert got == data
    return time.perf_counter() - began


@pytest.mark.parametrize("case", [REDIS, RABBITMQ], ids=["redis", "rabbitmq"])
def test_round_trips_take_what_was_asked_for(
    network: BadNetwork, local: Services, case: object
) -> None:
    """Never less; and more only by what the proxy itself and this machine take."""
    url = target_of(local, case).url  # type: ignore[arg-type] # one of the two
    through = network.through(LINK, url)
    direct_s = min(round_trips_s(url, 30))
    shortest = {}
    for rtt_s in (0.0, 0.02):
        network.set(LINK, Conditions(delay_s=rtt_s / 2))
        # The shortest of many: on a busy machine each process on the way waits for a core.
        shortest[rtt_s] = min(round_trips_s(through, 30))
    assert 0.02 <= shortest[0.02] < direct_s + 0.02 + 0.015
    assert shortest[0.0] < direct_s + 0.015


def test_order_is_kept_under_jitter(network: BadNetwork, echo: str) -> None:
    through = network.through(LINK, echo)
    network.set(LINK, Conditions(delay_s=0.001, jitter_s=0.02))
    with connected(through) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent = b"".join(number.to_bytes(2) for number in range(200))
        for number in range(200):
            connection.sendall(number.to_bytes(2))
            time.sleep(0.0002)  # so that they leave as pieces of their own
        got = b""
        while len(got) < len(sent):
            got += connection.recv(4096)
        assert got == sent


def test_bandwidth(network: BadNetwork, echo: str) -> None:
    """200,000 bytes at a million a second, there and back: the ways overlap."""
    through = network.through(LINK, echo)
    with connected(through) as connection:
        network.set(LINK, Conditions(bandwidth=1_000_000))
        assert 0.2 <= round_trip_s(connection, bytes(200_000)) < 10


def test_a_hole_keeps_everything_and_gives_it_back(network: BadNetwork, echo: str) -> None:
    through = network.through(LINK, echo)
    with connected(through) as connection:
        round_trip_s(connection)
        network.cut(LINK, hole=True)
        connection.sendall(b"held")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(10)
        network.join(LINK)
        connection.settimeout(10)
        assert connection.recv(10) == b"held"


def test_a_reset_is_one_for_old_and_new_connections(network: BadNetwork, echo: str) -> None:
    through = network.through(LINK, echo)
    with connected(through) as connection:
        round_trip_s(connection)
        network.cut(LINK, hole=False)
        with pytest.raises(ConnectionResetError):
            connection.recv(10)
    with pytest.raises(ConnectionResetError), connected(through) as connection:
        connection.recv(10)
    network.join(LINK)
    with connected(through) as connection:
        round_trip_s(connection)


def test_urls_keep_everything_but_the_address(network: BadNetwork, echo: str) -> None:
    through = network.through(LINK, echo)
    assert through == f"redis://user:word@127.0.0.1:{port_of(through)}/3"
    assert port_of(through) != port_of(echo)
    with pytest.raises(ServiceError, match="cannot be led through") as caught:
        network.through("other", "rediss://user:word@127.0.0.1:1/0")
    assert "word" not in str(caught.value)


def test_a_reset_takes_connections_in_their_handshake_along(echo: str) -> None:
    """It is on its way to the server when all are reset, and the reset is over before it is there:
    it is gone all the same. The next one gets through."""

    async def told() -> tuple[bool, bytes]:
        proxy = Proxy()
        place = await proxy.open(LINK, "127.0.0.1", port_of(echo))
        joined = proxy._links[LINK].joined = Asked()
        await proxy.cut(LINK, "hole")  # what comes now waits within its handshake
        reader, _ = await asyncio.open_connection(place["host"], place["port"])
        await joined.asked.wait()
        assert await proxy.cut(LINK, "reset") == {"connections": 0}
        await proxy.join(LINK)
        try:
            gone = await reader.read() == b"never"
        except ConnectionResetError:
            gone = True
        reader, writer = await asyncio.open_connection(place["host"], place["port"])
        writer.write(b"x")
        return gone, await reader.read(1)

    assert asyncio.run(asyncio.wait_for(told(), 60)) == (True, b"x")
