"""What the measured tasks of a block cost: servers' CPU and memory, commands, requests, bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from harness.clock import monotonic_ns
from harness.errors import HarnessError, ServiceError
from harness.results.costs.idle_traffic import BUSY_PER_S, CountersAt, pieces_per_s
from harness.results.costs.requests import Requests, requests_in
from harness.results.record.parts import CostFigures, ServerFigures, TrafficFigures
from harness.results.record.run import RecordedWarning
from harness.runner.measuring.connections import ConnectionLooks
from harness.runner.measuring.depth import DepthSampler
from harness.scenario.vendors.price_models import Prices
from harness.services.base import Namespace, Service
from harness.services.hosting.outage import starts_of
from harness.usage import Usage, forget_peaks, usage_of

_SETTLE_LOOK_S = 0.05
_SETTLE_S = 1.0
"""How long the last acknowledgements may take to arrive after the last result."""
_SHORTEST_PAUSE_NS = 250_000_000
_LONGEST_PAUSE_NS = 4_000_000_000
"""Between two looks for idling."""
_READING_TAKES_AT_MOST = 200
"""A read that takes 5 ms is made once a second."""


@dataclass(frozen=True)
class ServerCost:
    """What one server used up; None where the harness did not start it."""

    cpu_ns: int | None = None
    """Of all its processes, children included."""
    peak_rss_bytes: int | None = None
    """Since the measuring began."""


@dataclass(frozen=True)
class Costs:
    """What the servers of one block used up between `begin` and `end`, as totals."""

    begin_ns: int
    end_ns: int
    broker: ServerCost
    backend: ServerCost | None
    """None where it is the broker's server, or there is none."""
    traffic: Mapping[str, int]
    """`redis.commands`, `rabbitmq.acks` ...; empty where no server has exact counters."""
    shared: bool
    """The counters are of a server that others may use, too."""
    unread: str = ""
    """Why counters could not be read, if so."""
    depth: tuple[tuple[int, int], ...] = ()
    """Looks at the queue's length: (CLOCK_MONOTONIC ns, messages)."""
    depth_by_queue: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    """The same of each queue, where there are several."""
    depth_failed: int = 0
    """Looks without an answer."""
    depth_exact: bool = True
    """False where the broker gives approximate numbers."""
    fifo: bool = False
    connections: int | None = None
    """TCP connections that clients and workers held at once, at most; None where nobody looked."""
    looks: Mapping[str, Sequence[CountersAt]] = field(default_factory=dict)
    """Name of a server in `traffic` -> its counters now and then meanwhile."""


@dataclass
class _Server:
    """A server of the block under its name in `traffic`."""

    name: str
    service: Service
    apart: bool = True
    """False: its processes are counted already, as those of the broker."""
    before: Mapping[str, int] | None = None
    used: Usage = field(default=Usage(0, 0))
    peak_known: bool = True
    starts: int = 0
    """How often the harness had started it when the measuring began."""
    looks: list[CountersAt] = field(default_factory=list)
    pause_ns: int = 0
    due_ns: int = 0
    """When its counters are to be read again meanwhile."""
    in_turns_ns: int = 0
    """CPU time that it used in the block's own turns."""

    @property
    def is_the_same(self) -> bool:
        """Nobody has restarted it since: counters and CPU time go on from where they were."""
        return starts_of(self.service) == self.starts

    def look(self) -> float:
        """Read its counters, if it is time to; in how many seconds it is time again."""
        now_ns = monotonic_ns()
        if now_ns >= self.due_ns:
            self._read(now_ns)
            now_ns = monotonic_ns()
        return (self.due_ns - now_ns) / 1e9

    def _read(self, begin_ns: int) -> None:
        """One that is at work is left alone for longer each time."""
        counters = None
        with suppress(ServiceError):
            counters = self.service.counters()
        took_ns = monotonic_ns() - begin_ns
        if counters is None:
            self.due_ns = begin_ns + took_ns + _LONGEST_PAUSE_NS
            return
        self.looks.append(CountersAt(begin_ns, begin_ns + took_ns, counters.figures))
        busy = len(self.looks) > 1 and pieces_per_s(*self.looks[-2:]) >= BUSY_PER_S
        shortest_ns = max(_SHORTEST_PAUSE_NS, took_ns * _READING_TAKES_AT_MOST)
        self.pause_ns = max(2 * self.pause_ns, shortest_ns) if busy else shortest_ns
        # From the end of the reading: a server that is slow to answer is not asked on and on.
        self.due_ns = begin_ns + took_ns + min(self.pause_ns, _LONGEST_PAUSE_NS)

    @property
    def pids(self) -> tuple[int, ...]:
        """Ids of the server's processes, where the harness started them."""
        return self.service.pids() if self.apart else ()


class CostMeter:
    """Reads all that costs before and after the measured part of a block."""

    def __init__(
        self,
        broker: Service,
        backend: Service | None,
        namespace: Namespace,
        *,
        by_turns: bool = False,
    ) -> None:
        """`backend` is the broker's service again where both share a server. `by_turns`: another
        block is measured in turn with this one. Then the servers' CPU time is that of each `turn`,
        and nobody can tell whose their memory and their counters are."""
        self._by_turns = by_turns
        self._servers = [_Server(broker.info.service, broker)]
        if backend is not None and backend is not broker:
            same_kind = backend.info.service == broker.info.service
            name = f"backend.{backend.info.service}" if same_kind else backend.info.service
            self._servers.append(_Server(name, backend, backend.pids() != broker.pids()))
        self._namespace = namespace
        self._sampler: DepthSampler | None = None
        self._connections = ConnectionLooks(tuple)
        self._unread = ""
        self._begin_ns = 0

    def begin(self, roots: Callable[[], Sequence[int]] = tuple) -> None:
        """Begin to measure: after the warm-up, before the first measured unit. Raises nothing.
        `roots`: main processes of clients and workers, whose connections are counted."""
        self._connections = ConnectionLooks(roots)
        with suppress(HarnessError):  # or its connection would be made, and counted, meanwhile
            self._namespace.depth()
        for server in self._servers:
            server.before = self._figures(server)
            server.starts = starts_of(server.service)
            server.peak_known = not self._by_turns and forget_peaks(server.pids)
        self._begin_ns = monotonic_ns()
        for server in self._servers:  # last of all: reading counters is the servers' work, too
            server.used = usage_of(server.pids)
        # Not before: a look that is answered but not yet noted would be somebody else's.
        self._sampler = DepthSampler(self._namespace, meanwhile=self._look).__enter__()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The load of this block is put on, and no other one's."""
        before = [usage_of(server.pids).cpu_ns for server in self._servers]
        yield
        for server, used_ns in zip(self._servers, before, strict=True):
            server.in_turns_ns += usage_of(server.pids).cpu_ns - used_ns

    def end(self) -> Costs:
        """What was spent, when the load is over. Raises nothing; may wait up to a second for the
        last acks."""
        end_ns = monotonic_ns()
        parts = [self._since(server) for server in self._servers]
        sampler = self._stopped_sampler()
        self._connections.look()
        return Costs(
            begin_ns=self._begin_ns,
            end_ns=end_ns,
            broker=parts[0],
            backend=parts[1] if len(parts) > 1 else None,
            traffic=self._traffic(),
            shared=any(_is_shared(server) for server in self._servers),
            unread=self._unread,
            depth=tuple(sampler.samples),
            depth_by_queue=dict(sampler.by_queue),
            depth_failed=sampler.failed,
            depth_exact=self._namespace.exact_depth,
            fifo=self._namespace.queue.endswith(".fifo"),
            connections=self._connections.most,
            looks=self.looks,
        )

    @property
    def looks(self) -> Mapping[str, tuple[CountersAt, ...]]:
        """Name of each server that nobody else uses -> its counters now and then so far."""
        return {one.name: tuple(one.looks) for one in self._servers if not _is_shared(one)}

    def latest_depth(self) -> int | None:
        """What the sampler found when it last looked; the broker is not asked."""
        samples = self._sampler.samples if self._sampler is not None else []
        return samples[-1][1] if samples else None

    def close(self) -> None:
        """Stop looking at the queue, also where the block ends early. Idempotent."""
        self._stopped_sampler()

    def _stopped_sampler(self) -> DepthSampler:
        sampler = self._sampler or DepthSampler(self._namespace)
        if self._sampler is not None:
            sampler.__exit__(None, None, None)
        return sampler

    def _look(self) -> float:
        """Read the counters of servers that may be idle, and count connections; when to come
        again."""
        looking = [
            server
            for server in self._servers
            if server.before is not None and not _is_shared(server) and server.is_the_same
        ]
        return min([self._connections.look_if_due(), *(server.look() for server in looking)])

    def _figures(self, server: _Server) -> Mapping[str, int] | None:
        if self._by_turns:
            return None
        try:
            counters = server.service.counters()
        except ServiceError as error:
            self._unread = str(error)
            return None
        return None if counters is None else counters.figures

    def _traffic(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for server in self._servers:
            if server.before is None or not server.is_the_same:
                continue
            after = self._settled(server)
            for name, value in (after or {}).items():
                difference = value - server.before.get(name, 0)
                if difference or not name.startswith("command."):
                    found[f"{server.name}.{name}"] = difference
        return found

    def _since(self, server: _Server) -> ServerCost:
        pids = server.pids
        if not pids or not server.is_the_same:
            return ServerCost()
        now = usage_of(pids)
        # A server that died may have taken its CPU time along, and has taken its memory.
        cpu_ns = server.in_turns_ns if self._by_turns else now.cpu_ns - server.used.cpu_ns
        peak = now.peak_rss_bytes if server.peak_known and now.peak_rss_bytes else None
        return ServerCost(cpu_ns if cpu_ns >= 0 else None, peak)

    def _settled(self, server: _Server) -> Mapping[str, int] | None:
        """The counters once nothing moves: a client has its result before the last ack arrives."""
        deadline = time.monotonic() + _SETTLE_S
        found = self._figures(server)
        while time.monotonic() < deadline:
            time.sleep(_SETTLE_LOOK_S)
            before, found = found, self._figures(server)
            if _messages(found) == _messages(before):
                break
        return found


def _messages(figures: Mapping[str, int] | None) -> dict[str, int]:
    return {name: n for name, n in (figures or {}).items() if not name.startswith("bytes")}


def _is_shared(server: _Server) -> bool:
    return server.before is not None and server.service.info.provider == "external"


def fields(
    costs: Costs | None,
    executions: int,
    events: Path,
    prices: Prices,
    idle: Mapping[str, float] = MappingProxyType({}),
) -> CostFigures:
    """Fields of `BlockRecord` by name: what costs came to per execution of a measured task.
    `idle`: how much of the traffic was nobody's work. Nothing in them where nothing was counted."""
    if costs is None:
        return {**_of_servers(ServerCost(), ServerCost(), 0, None), **_NO_TRAFFIC}
    backend = costs.backend or ServerCost()
    servers = _of_servers(costs.broker, backend, executions, costs.connections)
    if not executions:
        return {**servers, **_NO_TRAFFIC}
    return {**servers, **_of_traffic(costs, executions, events, prices, idle)}


_NO_TRAFFIC: TrafficFigures = {
    "traffic": {},
    "idle_traffic": {},
    "dollars_per_million_tasks": None,
    "prices_date": "",
    "prices_source": "",
}


def _of_servers(
    broker: ServerCost, backend: ServerCost, executions: int, connections: int | None
) -> ServerFigures:
    return {
        "broker_cpu_ms_per_task": ms_each(broker.cpu_ns, executions),
        "broker_peak_rss_bytes": broker.peak_rss_bytes,
        "backend_cpu_ms_per_task": ms_each(backend.cpu_ns, executions),
        "backend_peak_rss_bytes": backend.peak_rss_bytes,
        "connections": connections,
    }


def _of_traffic(
    costs: Costs, executions: int, events: Path, prices: Prices, idle: Mapping[str, float]
) -> TrafficFigures:
    found: TrafficFigures = {**_NO_TRAFFIC}
    totals, idle = dict(costs.traffic), dict(idle)
    requests = requests_in(events, costs.begin_ns, costs.end_ns, prices.sqs.chunk_bytes)
    if requests.total:
        totals |= _named(requests)
        if requests.empty:
            idle |= _named_idle(requests)
        each = prices.sqs.fifo_dollars_per_million if costs.fifo else _standard(prices)
        found["dollars_per_million_tasks"] = requests.billed / executions * each
        found["prices_date"] = prices.date
        found["prices_source"] = prices.source
    found["traffic"] = {name: total / executions for name, total in sorted(totals.items())}
    found["idle_traffic"] = {
        name: min(count, totals[name]) / executions
        for name, count in sorted(idle.items())
        if name in totals
    }
    return found


def warnings(costs: Costs | None) -> list[RecordedWarning]:
    """What a reader of the costs has to know."""
    found = []
    if costs is not None and costs.shared:
        found.append(RecordedWarning(code="shared_counters"))
    if costs is not None and costs.unread:
        found.append(RecordedWarning(code="counters_unread"))
    if costs is not None and costs.depth_failed:
        data = {"looks": costs.depth_failed}
        found.append(RecordedWarning(code="depth_looks_failed", data=data))
    return found


def _named(requests: Requests) -> dict[str, int]:
    by_kind = {f"sqs.requests.{name}": count for name, count in requests.by_kind.items()}
    return by_kind | {
        "sqs.requests": requests.total,
        "sqs.billed_requests": requests.billed,
        "sqs.bytes_in": requests.sent_bytes,
        "sqs.bytes_out": requests.received_bytes,
    }


def _named_idle(requests: Requests) -> dict[str, float]:
    return {
        "sqs.requests": requests.empty,
        "sqs.requests.ReceiveMessage": requests.empty,
        "sqs.bytes_in": requests.empty_sent_bytes,
        "sqs.bytes_out": requests.empty_received_bytes,
    }


def _standard(prices: Prices) -> float:
    return prices.sqs.standard_dollars_per_million


def ms_each(cpu_ns: int | None, executions: int) -> float | None:
    """CPU time of one execution; None where it is not known, or nothing ran."""
    return None if cpu_ns is None or not executions else cpu_ns / 1e6 / executions
