"""The network of a block: who is led through it, and what it is like."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.probe.spoken import CelerySettings
from harness.scenario.checks.faulty_loads import faults_of, linked_ends, network_by, uses_network
from harness.scenario.models.faults import Network, NetworkFault
from harness.scenario.models.scenario import Cell
from harness.services.bad_network.network import BadNetwork, Conditions
from harness.services.bad_network.round_trips import round_trips_s
from harness.workspace import Workspace

_ROUND_TRIPS = 15
_URLS = {"broker": "broker_url", "backend": "result_backend"}
_SIDES = ("clients", "workers")


@dataclass(frozen=True)
class Link:
    """Connections of one side to one server."""

    name: str
    """`clients to broker`, also in commands to the network."""
    side: str
    """`clients` or `workers`."""
    role: str
    """`broker` or `backend`."""
    url: str
    """Through the network. Holds credentials."""
    direct_url: str
    usual: Conditions
    """What lies in its way while no fault is done."""


class BlockNetwork:
    """The links of one block. Faults of several threads may use it at once."""

    def __init__(self, network: BadNetwork, links: tuple[Link, ...]) -> None:
        self._network = network
        self._lock = threading.Lock()
        self.links = links

    def settings(self, side: str, direct: Mapping[str, Any]) -> CelerySettings:
        """Celery settings of one side: its URLs lead through its links."""
        urls = {_URLS[link.role]: link.url for link in self.links if link.side == side}
        return {**direct, **urls}

    def chosen(self, side: str, role: str) -> tuple[Link, ...]:
        """The links that a fault is about."""
        return tuple(
            link
            for link in self.links
            if side in (link.side, "both") and role in (link.role, "both")
        )

    def set(self, link: Link, conditions: Conditions) -> None:
        """Give a link's connections these conditions from now on."""
        with self._lock:
            self._network.set(link.name, conditions)

    def cut(self, link: Link, *, hole: bool) -> None:
        """Hold everything on a link back (a hole), or reset its connections and new ones."""
        with self._lock:
            self._network.cut(link.name, hole=hole)

    def join(self, link: Link) -> None:
        """Let a link's connections through again."""
        with self._lock:
            self._network.join(link.name)

    def measured(self, asked: Network | None) -> dict[str, float]:
        """Median round trip through the first link and past it; empty if nothing was asked for."""
        if asked is None:
            return {}
        link = self.chosen(asked.side, asked.to)[0]
        loss = {"asked_loss": asked.loss} if asked.by == "netem" else {}
        return loss | {
            "asked_rtt_s": asked.rtt,
            "rtt_s": statistics.median(round_trips_s(link.url, _ROUND_TRIPS)),
            "direct_rtt_s": statistics.median(round_trips_s(link.direct_url, _ROUND_TRIPS)),
        }

    def packets(self) -> dict[str, float]:
        """What has become of the packets so far: of all links, faults included. Empty with a
        proxy, which sees none, and where they cannot be counted: that is no reason to lose what
        was measured."""
        if self._network.by == "proxy":
            return {}
        with self._lock, suppress(HarnessError):
            return self._network.packets()
        return {}


def block_network(
    cell: Cell,
    direct: Mapping[str, Any],
    environ: Mapping[str, str],
    logs: Path,
    workspace: Workspace,
) -> AbstractContextManager[BlockNetwork | None]:
    """The network that a cell needs; None where connections are direct. `direct`: the Celery
    settings past it. Call it from the main thread."""
    if not uses_network(cell.configuration, cell.load):
        return nullcontext()
    return _opened(cell, direct, environ, logs, workspace)


@contextmanager
def _opened(
    cell: Cell,
    direct: Mapping[str, Any],
    environ: Mapping[str, str],
    logs: Path,
    workspace: Workspace,
) -> Iterator[BlockNetwork]:
    asked = cell.configuration.network
    by = network_by(cell.configuration, cell.load)
    with BadNetwork.start(environ, logs, workspace, by) as network:
        links = []
        for side, role in _wanted(cell):
            name, url = f"{side} to {role}", str(direct[_URLS[role]])
            usual = _usual(asked, side, role)
            links.append(Link(name, side, role, network.through(name, url), url, usual))
            network.set(name, usual)
        yield BlockNetwork(network, tuple(links))


def _wanted(cell: Cell) -> list[tuple[str, str]]:
    asked = [fault for fault in faults_of(cell.load) if isinstance(fault, NetworkFault)]
    networks = [*asked, *filter(None, [cell.configuration.network])]
    return [
        (side, role)
        for side in _SIDES
        for role in linked_ends(cell.configuration)
        if any(one.side in (side, "both") and one.to in (role, "both") for one in networks)
    ]


def _usual(asked: Network | None, side: str, role: str) -> Conditions:
    if asked is None or asked.side not in (side, "both") or asked.to not in (role, "both"):
        return Conditions()
    return Conditions(asked.rtt / 2, asked.jitter, asked.bandwidth, asked.loss)
