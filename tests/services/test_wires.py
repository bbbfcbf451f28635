"""Networks of real packets: namespaces and veth pairs of the kernel, servers behind them.

What needs netem itself asks `tc` for it first, in a namespace of its own and past the harness. For
the rest `tbf` stands in, another queueing discipline: who lays the wire, who puts a discipline on
both ends and who counts the packets does not know the difference.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness.services.network import BadNetwork, Conditions, netem
from harness.services.provide import Services
from harness.services.round_trips import round_trips_s
from harness.services.wires import trouble
from harness.workspace import Workspace
from tests.services.cases import RABBITMQ, REDIS, target_of

LINK = "link"
SLOW_TBF = ("tbf", "rate", "8mbit", "burst", "20kb", "latency", "2s")
"""A million bytes per second; what comes faster waits."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces take root")


def kernel_has_netem() -> str:
    """Empty, or what `tc` says."""
    asked = ["unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stderr.strip()


needs_netem = pytest.mark.skipif(
    bool(kernel_has_netem()), reason=f"this kernel has no netem: {kernel_has_netem()}"
)


@pytest.fixture
def network(workspace: Workspace, tmp_path: Path) -> Iterator[BadNetwork]:
    with BadNetwork.start(dict(os.environ), tmp_path, workspace, "netem") as started:
        yield started


@pytest.fixture
def sink() -> Iterator[str]:
    """A server that takes what it gets and answers the end of it with one byte; as a Redis' URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def place_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def devices() -> set[str]:
    return {name for _, name in socket.if_nameindex() if name.startswith("harness-")}


def device_to(host: str) -> str:
    """Which device packets to an address leave through."""
    said = subprocess.run(["ip", "route", "get", host], capture_output=True, text=True, check=True)
    words = said.stdout.split()
    return words[words.index("dev") + 1]


def wait_until_gone(name: str) -> None:
    deadline = time.monotonic() + 20
    while name in devices():
        assert time.monotonic() < deadline, f"{name} is still there"
        time.sleep(0.01)
