"""Faults of servers: ended, started again with their data, brought to their memory limit."""

from __future__ import annotations

import time
from collections.abc import Mapping

from harness.clock import monotonic_ns
from harness.crew.workers import Workers
from harness.errors import ServiceError
from harness.runner.faults.engine import Deed, FaultError, MainThread
from harness.runner.faults.targets import MakesBreaker, Targets
from harness.scenario.models.faults import (
    FaultBase,
    FillBroker,
    KillBackend,
    KillBroker,
    RestartBackend,
    RestartBroker,
    ServerFault,
)
from harness.services.base import Service
from harness.services.hosting.outage import OwnsServer, own_server

_STOP_S = 60.0
_ANSWERS_S = 90.0
_LOOK_S = 0.02


class ServerOutage:
    """A server ends, stays away for a while, and is started again on the same port."""

    def __init__(
        self,
        fault: ServerFault,
        service: Service,
        workers: Workers,
        role: str,
        *,
        kill: bool,
        holds_results: bool,
    ) -> None:
        self.lasts_s: float | None = fault.down
        self._kill = kill
        self._holds_results = holds_results
        self._role = role
        self._service = service
        self._server = own_server(service)
        self._workers = workers

    def strike(self, deed: Deed) -> None:
        """Returns when its process is gone."""
        deed.target, deed.mains = self._role, self._workers.pids
        if self._holds_results:
            deed.facts["holds_results"] = 1.0
        began_ns = monotonic_ns()
        self._server.halt(kill=self._kill, limit_s=_STOP_S)
        deed.facts["stop_s"] = (monotonic_ns() - began_ns) / 1e9

    def mend(self, deed: Deed, main: MainThread) -> None:
        """Start it; returns when it answers."""
        main.do(self._server.start_again)
        began_s = time.monotonic()
        while not self._answers():
            if not self._server.main.alive():
                raise FaultError(
                    f"the {self._role} did not start again; its log ends:\n"
                    f"{self._server.main.log_tail(12)}"
                )
            if time.monotonic() - began_s > _ANSWERS_S:
                raise FaultError(
                    f"the {self._role} was started and did not answer for {_ANSWERS_S:g} s"
                )
            time.sleep(_LOOK_S)
        deed.facts["boot_s"] = time.monotonic() - began_s

    def give_up(self) -> None:
        """Start it where the block ended before that: later blocks need it, and this one's
        namespace is still to be removed from it. ServiceError if it does not come back."""
        if self._server.main.alive():
            return
        self._server.start_again()
        deadline_s = time.monotonic() + _ANSWERS_S
        while not self._answers():
            if time.monotonic() > deadline_s:
                raise ServiceError(f"the {self._role} did not come back: later blocks need it")
            time.sleep(_LOOK_S)

    def _answers(self) -> bool:
        return isinstance(self._service, OwnsServer) and self._service.answers()


class BrokerFilled:
    """The broker is at its memory limit for a while."""

    def __init__(self, fault: FillBroker, targets: Targets) -> None:
        self.lasts_s: float | None = fault.duration
        service = targets.broker
        limit = own_server(service).limit_memory
        if limit is None:
            raise ServiceError(f"{service.info.title} has no memory limit that could be lowered")
        self._limit = limit
        self._workers = targets.workers
        self._limited = False

    def strike(self, deed: Deed) -> None:
        """Lower the broker's memory limit below what it uses: it blocks publishers, or refuses."""
        deed.target, deed.mains = "broker", self._workers.pids
        self._limited = True
        self._limit(True)

    def mend(self, deed: Deed, main: MainThread) -> None:  # noqa: ARG002 - see `Breaker`
        """Give the broker the memory limit back that it had."""
        self.give_up()

    def give_up(self) -> None:
        """Give the limit back where the block ended before that."""
        if self._limited:
            self._limit(False)
            self._limited = False


def _broker_outage(fault: RestartBroker | KillBroker, targets: Targets) -> ServerOutage:
    kill, both = isinstance(fault, KillBroker), targets.backend is targets.broker
    return ServerOutage(
        fault, targets.broker, targets.workers, "broker", kill=kill, holds_results=both
    )


def _backend_outage(fault: RestartBackend | KillBackend, targets: Targets) -> ServerOutage:
    backend, kill = targets.backend, isinstance(fault, KillBackend)
    if backend is None or backend is targets.broker:
        raise FaultError(f"{fault.fault}: there is no server for results alone")
    return ServerOutage(fault, backend, targets.workers, "backend", kill=kill, holds_results=True)


BREAKERS: Mapping[type[FaultBase], MakesBreaker] = {
    RestartBroker: _broker_outage,
    KillBroker: _broker_outage,
    RestartBackend: _backend_outage,
    KillBackend: _backend_outage,
    FillBroker: BrokerFilled,
}
