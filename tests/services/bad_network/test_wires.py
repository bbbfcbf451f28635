"""Networks of real packets: namespaces and veth pairs of the kernel, servers behind them.

What needs netem itself asks `tc` for it first, in a namespace of its own and past the harness. For
the rest `tbf` stands in, another queueing discipline: who lays the wire, who puts a discipline on
both ends and who counts the packets does not know the difference.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from harness.errors import ClientError, ServiceError
from harness.scenario.models.configuration import Configuration
from harness.services.bad_network.network import BadNetwork, Conditions, netem
from harness.services.bad_network.round_trips import round_trips_s
from harness.services.bad_network.wires import trouble
from harness.services.provide import Services
from harness.workspace import Workspace
from tests.services.bad_network.wiring import (
    devices,
    missing_netem,
    missing_wires,
    namespaces,
    out_of_order,
    said_of,
)
from tests.services.cases import RABBITMQ, REDIS, target_of

LINK = "link"
SLOW_TBF = ("tbf", "rate", "8mbit", "burst", "20kb", "latency", "2s")
"""A million bytes per second; what comes faster waits."""
FAST_TBF = ("tbf", "rate", "1gbit", "burst", "1mb", "latency", "2s")
_CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)
except OSError as error:
    print(type(error).__name__)
else:
    print("connected")
"""

pytestmark = pytest.mark.skipif(bool(missing_wires()), reason=missing_wires())


needs_netem = pytest.mark.skipif(
    bool(missing_netem()), reason=f"this kernel has no netem: {missing_netem()}"
)


@pytest.fixture
def network(workspace: Workspace, tmp_path: Path) -> Iterator[BadNetwork]:
    with BadNetwork.start(dict(os.environ), tmp_path, workspace, "netem") as started:
        yield started


@pytest.fixture
def sink() -> Iterator[socket.socket]:
    """A server on loopback that accepts what its test accepts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def place_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def device_to(host: str) -> str:
    """Which device packets to an address leave through."""
    asked = ["ip", "route", "get", host]
    words = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    return words[words.index("dev") + 1]


def wait_until_gone(name: str) -> None:
    deadline = time.monotonic() + 20
    while name in devices():
        assert time.monotonic() < deadline, f"{name} is still there"
        time.sleep(0.01)


@contextlib.contextmanager
def neighbour() -> Iterator[tuple[list[str], str]]:
    """Another host, for which this one forwards: how to run something there, and the address that
    this host has for it."""
    name, octet = f"hn-{uuid.uuid4().hex[:8]}", 1 + os.getpid() % 250
    own, other = f"169.254.{octet}.1", f"169.254.{octet}.2"
    argv = ["unshare", "--net", "cat"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as host:
        there = ["nsenter", "--net", f"--target={host.pid}"]
        own_namespace = Path("/proc/self/ns/net").readlink()
        while Path(f"/proc/{host.pid}/ns/net").readlink() == own_namespace:
            time.sleep(0.001)
        try:
            for line in (
                f"ip link add {name} type veth peer name eth0 netns {host.pid}",
                f"ip address add {own}/30 dev {name}",
                f"ip link set dev {name} up",
                f"{' '.join(there)} ip address add {other}/30 dev eth0",
                f"{' '.join(there)} ip link set dev eth0 up",
                f"{' '.join(there)} ip route add default via {own}",
            ):
                subprocess.run(line.split(), check=True)
            Path(f"/proc/sys/net/ipv4/conf/{name}/forwarding").write_text("1")
            yield there, own
        finally:
            host.terminate()


def sent_s(sender: socket.socket, receiver: socket.socket, size: int) -> float:
    """How long so many bytes take from one to the other."""
    receiver.settimeout(60)
    began = time.perf_counter()
    sending = threading.Thread(target=sender.sendall, args=(bytes(size),), daemon=True)
    sending.start()
    got = 0
    while got < size:
        data = receiver.recv(1 << 16)
        assert data
        got += len(data)
    assert got == size
    return time.perf_counter() - began


@contextlib.contextmanager
def ends(network: BadNetwork, server: socket.socket) -> Iterator[tuple[socket.socket, str]]:
    """A new link to a server: what a client of it holds, and where it connected to."""
    url = network.through(LINK, f"redis://user:word@127.0.0.1:{server.getsockname()[1]}/3")
    host, port = place_of(url)
    assert url == f"redis://user:word@{host}:{port}/3"
    with socket.create_connection((host, port), timeout=10) as connection:
        yield connection, host


@pytest.mark.parametrize("case", [REDIS, RABBITMQ], ids=["redis", "rabbitmq"])
def test_servers_are_reached_through_a_wire(
    network: BadNetwork, local: Services, case: Configuration
) -> None:
    """By addresses that nobody has, through a device that goes with the network."""
    url = target_of(local, case).url
    through = network.through(LINK, url)
    host, _ = place_of(through)
    assert ipaddress.IPv4Address(host) in ipaddress.IPv4Network("198.18.0.0/15")
    network.shape(LINK, FAST_TBF)  # the devices' own queue counts nothing
    assert min(round_trips_s(through, 15)) < 0.05
    packets = network.packets()
    assert packets["packets"] >= 2 * 15  # a question and an answer each
    assert packets["lost_packets"] == 0
    name = device_to(host)
    assert name in devices()
    network.__exit__(None, None, None)
    assert name not in devices()


def test_a_discipline_is_at_both_ends(network: BadNetwork, sink: socket.socket) -> None:
    """A million bytes per second, there and back; in packets of a device's size, not in the 64 KiB
    that a kernel passes on within itself."""
    with ends(network, sink) as (client, _):
        network.shape(LINK, SLOW_TBF)
        server, _ = sink.accept()
        with server:
            assert 0.25 <= sent_s(client, server, 300_000) < 20
            assert 0.25 <= sent_s(server, client, 300_000) < 20
    assert network.packets()["packets"] >= 2 * 300_000 / 1500


def test_lost_packets_are_counted_and_sent_again(network: BadNetwork, sink: socket.socket) -> None:
    """By a queue that is too short."""
    with ends(network, sink) as (client, _):
        network.shape(LINK, ("tbf", "rate", "40mbit", "burst", "5kb", "limit", "9000"))
        server, _ = sink.accept()
        with server:
            sent_s(client, server, 500_000)
    packets = network.packets()
    assert 0 < packets["lost_packets"] < packets["packets"] / 2


def test_connections_through_a_wire_are_reset(network: BadNetwork, sink: socket.socket) -> None:
    with ends(network, sink) as (client, _):
        server, _ = sink.accept()
        with server:
            sent_s(client, server, 10)
            network.cut(LINK, hole=False)
            with pytest.raises(ConnectionResetError):
                client.recv(10)


def test_a_killed_process_takes_namespace_and_devices_along(
    network: BadNetwork, sink: socket.socket
) -> None:
    """With a connection that is open, and data under way in it."""
    with ends(network, sink) as (client, host):
        network.shape(LINK, SLOW_TBF)
        name = device_to(host)
        server, _ = sink.accept()
        with server:
            client.sendall(bytes(100_000))
            assert name in devices()
            os.kill(network.pid, signal.SIGKILL)
            wait_until_gone(name)


def test_networks_side_by_side(
    network: BadNetwork, sink: socket.socket, workspace: Workspace, tmp_path: Path
) -> None:
    """Each link of each network has a wire of its own."""
    url = f"redis://127.0.0.1:{sink.getsockname()[1]}/0"
    with BadNetwork.start(dict(os.environ), tmp_path, workspace, "netem") as other:
        hosts = [place_of(one.through(link, url))[0] for one in (network, other) for link in "ab"]
        assert len(set(map(device_to, hosts))) == 4
        for host in hosts:
            names = device_to(host)
            assert Path(f"/proc/sys/net/ipv4/conf/{names}/forwarding").read_text() == "0\n"


def test_another_host_does_not_come_in(network: BadNetwork, sink: socket.socket) -> None:
    """One that this host forwards for, and that knows the way: its packets are not answered."""
    with ends(network, sink) as (_, host), neighbour() as (there, gateway):
        asked = [*there, sys.executable, "-c", _CONNECT]
        near = subprocess.run([*asked, gateway, "1"], capture_output=True, text=True, check=True)
        assert near.stdout == "ConnectionRefusedError\n"  # this host itself is there
        port = place_of(network.through("other", f"redis://127.0.0.1:{sink.getsockname()[1]}"))[1]
        far = subprocess.run([*asked, host, str(port)], capture_output=True, text=True, check=True)
        assert far.stdout == "TimeoutError\n"


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """Tools, rights; and netem exactly where the kernel has none."""
    here = dict(os.environ)
    assert "no `ip` on PATH: apt-get install iproute2" in trouble(here | {"PATH": str(tmp_path)})
    for right in ("sys_admin", "net_admin"):
        argv = [
            "setpriv",
            f"--bounding-set=-{right}",
            sys.executable,
            "-m",
            "harness.services.bad_network.wires",
        ]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        assert f"takes root, with CAP_{right.upper()}" in said
    missing = missing_netem()
    assert bool(trouble(here)) == bool(missing)
    if missing:
        assert trouble(here).startswith("the kernel has no netem (modprobe sch_netem); `tc` says:")
        assert missing in trouble(here)


def test_a_network_that_cannot_be_made_leaves_no_process(
    workspace: Workspace, tmp_path: Path
) -> None:
    environ = {**os.environ, "PATH": str(tmp_path)}
    with pytest.raises(ClientError, match="no `ip` on PATH"):
        BadNetwork.start(environ, tmp_path, workspace, "netem")
    assert "harness.services.bad_network.proxy" not in {
        word for child in psutil.Process().children() for word in child.cmdline()
    }


def test_conditions_in_words_of_tc() -> None:
    """Words that `tc` reads, whether the kernel then has a netem or not."""
    everything = Conditions(delay_s=0.0025, jitter_s=0.001, bandwidth=125_000, loss=0.015)
    assert " ".join(netem(everything)) == (
        "netem limit 100000 delay 3000.000us 500.000us loss 1.500000% rate 1000000bit"
    )
    assert " ".join(netem(Conditions())) == "netem limit 100000 delay 0.000us rate 32000000000bit"
    for conditions in (everything, Conditions()):
        assert said_of(netem(conditions)) == missing_netem()


def test_a_proxy_loses_nothing(workspace: Workspace, tmp_path: Path) -> None:
    with (
        BadNetwork.start(dict(os.environ), tmp_path, workspace) as proxy,
        pytest.raises(ServiceError, match="no packets to lose: say by: netem"),
    ):
        proxy.set(proxy.through(LINK, "redis://127.0.0.1:1"), Conditions(loss=0.01))


# --- with netem itself --------------------------------------------------------------------------


@needs_netem
@pytest.mark.parametrize("case", [REDIS, RABBITMQ], ids=["redis", "rabbitmq"])
def test_round_trips_by_netem(network: BadNetwork, local: Services, case: Configuration) -> None:
    """Never shorter than asked for, and as before when it is over."""
    through = network.through(LINK, target_of(local, case).url)
    network.set(LINK, Conditions())
    before_s = statistics.median(round_trips_s(through, 15))
    for rtt_s in (0.005, 0.02):
        network.set(LINK, Conditions(delay_s=rtt_s / 2))
        trips_s = round_trips_s(through, 15)
        assert min(trips_s) >= rtt_s
        assert statistics.median(trips_s) < rtt_s + before_s + 0.03
    network.set(LINK, Conditions())
    assert statistics.median(round_trips_s(through, 15)) < before_s + 0.01


@needs_netem
def test_a_handshake_by_netem_is_a_round_trip(network: BadNetwork, sink: socket.socket) -> None:
    url = network.through(LINK, f"redis://127.0.0.1:{sink.getsockname()[1]}/0")
    network.set(LINK, Conditions(delay_s=0.05))
    began = time.perf_counter()
    with socket.create_connection(place_of(url), timeout=10):
        assert 0.1 <= time.perf_counter() - began < 0.9


@needs_netem
def test_loss_by_netem(network: BadNetwork, sink: socket.socket) -> None:
    """All of it comes, and about as many packets are lost as asked for."""
    with ends(network, sink) as (client, _):
        network.set(LINK, Conditions(loss=0.05))
        server, _ = sink.accept()
        with server:
            for _ in range(4):
                sent_s(client, server, 1_000_000)
    packets = network.packets()
    assert packets["packets"] > 2700
    assert 0.02 < packets["lost_packets"] / packets["packets"] < 0.1


@needs_netem
def test_bandwidth_by_netem_begins_and_ends(network: BadNetwork, sink: socket.socket) -> None:
    with ends(network, sink) as (client, _):
        server, _ = sink.accept()
        with server:
            network.set(LINK, Conditions(bandwidth=1_000_000))
            assert 0.6 <= sent_s(client, server, 600_000) < 3
            network.set(LINK, Conditions())
            assert sent_s(client, server, 600_000) < 0.6


@needs_netem
def test_jitter_by_netem_keeps_the_order(network: BadNetwork, sink: socket.socket) -> None:
    with ends(network, sink) as (client, _):
        server, _ = sink.accept()
        with server:
            network.set(LINK, Conditions(delay_s=0.001, jitter_s=0.02))
            sent_s(client, server, 500_000)
    (namespace,) = namespaces(network.pid)
    assert out_of_order(namespace) == 0
