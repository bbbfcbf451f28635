"""Faults of networks: slower connections, and none."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import replace

from harness.crew.workers import Workers
from harness.errors import HarnessError
from harness.runner.faults.block_network import BlockNetwork, Link
from harness.runner.faults.engine import Deed, FaultError, MainThread
from harness.runner.faults.targets import MakesBreaker, Targets
from harness.scenario.models.faults import BlackHole, FaultBase, ResetNetwork, SlowNetwork
from harness.services.bad_network.round_trips import round_trips_s

_DURING = 5
"""Round trips that are measured while it lasts."""


class NetworkSlowed:
    """Slower connections for a while."""

    def __init__(self, fault: SlowNetwork, targets: Targets) -> None:
        self.lasts_s: float | None = fault.duration
        self._fault = fault
        self._network = _network(targets)
        self._links = self._network.chosen(fault.side, fault.to)
        self._workers = targets.workers

    def strike(self, deed: Deed) -> None:
        """Slow the links down from now on; what it comes to is measured while it lasts."""
        _name(deed, self._links, self._workers)
        for link in self._links:
            usual, fault = link.usual, self._fault
            slower = replace(
                usual,
                delay_s=usual.delay_s + fault.rtt / 2,
                jitter_s=usual.jitter_s + fault.jitter,
                bandwidth=fault.bandwidth or usual.bandwidth,
                loss=1 - (1 - usual.loss) * (1 - fault.loss),
            )
            self._network.set(link, slower)
        trips = round_trips_s(self._links[0].url, _DURING)
        deed.facts["rtt_s"] = statistics.median(trips)

    def mend(self, deed: Deed, main: MainThread) -> None:  # noqa: ARG002 - see `Breaker`
        """Give the links their usual conditions again."""
        for link in self._links:
            self._network.set(link, link.usual)

    def give_up(self) -> None:
        """Do nothing: the network ends with the block."""


class NetworkCut:
    """No connection for a while."""

    def __init__(self, fault: ResetNetwork | BlackHole, targets: Targets) -> None:
        self.lasts_s: float | None = fault.duration
        self._hole = isinstance(fault, BlackHole)
        self._network = _network(targets)
        self._links = self._network.chosen(fault.side, fault.to)
        self._workers = targets.workers
        self._cut: list[Link] = []

    def strike(self, deed: Deed) -> None:
        """Cut every link that the fault is about."""
        _name(deed, self._links, self._workers)
        for link in self._links:
            self._network.cut(link, hole=self._hole)
            self._cut.append(link)

    def mend(self, deed: Deed, main: MainThread) -> None:  # noqa: ARG002 - see `Breaker`
        """Let connections through again on every link that was cut."""
        while self._cut:
            self._network.join(self._cut.pop())

    def give_up(self) -> None:
        """Join them: workers that are shutting down want to say goodbye to their broker."""
        try:
            while self._cut:
                self._network.join(self._cut.pop())
        except HarnessError:  # it died, and the network is gone with it
            return


def _name(deed: Deed, links: tuple[Link, ...], workers: Workers) -> None:
    deed.target = ", ".join(link.name for link in links)
    if any(link.side == "workers" for link in links):
        deed.mains = workers.pids


def _network(targets: Targets) -> BlockNetwork:
    if targets.network is None:
        raise FaultError("the connections of this block lead through no network of the harness")
    return targets.network


BREAKERS: Mapping[type[FaultBase], MakesBreaker] = {
    SlowNetwork: NetworkSlowed,
    ResetNetwork: NetworkCut,
    BlackHole: NetworkCut,
}
