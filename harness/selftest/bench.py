"""Runs one block for a check: the same YAML, plan and `run` as `harness run`, meddled with.

The servers are started once, for all checks, and given to the runs as somebody else's.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.errors import HarnessError, UsageError
from harness.runner.run import RunOptions, run
from harness.runner.telling.events import BlockEnded, BlockStarts, Event
from harness.scenario.models.configuration import Configuration
from harness.scenario.plan.loader import load_plan
from harness.scenario.vendors.rabbitmq import RabbitmqBroker
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.scenario.vendors.without_server import RpcBackend
from harness.selftest.inside import Inside, MeddlingError
from harness.selftest.samples import Taken, taken
from harness.services.base import Target
from harness.services.provide import provide
from harness.workspace import Workspace

Meddle = Callable[[Inside], Any]
"""Runs beside a block, from its start on; what it gives back is `Taken.planted`."""
_SERVERS = {
    "redis": Configuration(
        name="redis",
        broker=RedisBroker(service="redis"),
        backend=RedisBackend(service="redis"),
    ),
    "rabbitmq": Configuration(
        name="rabbitmq",
        broker=RabbitmqBroker(service="rabbitmq"),
        backend=RpcBackend(service="rpc"),
    ),
}
BROKERS = tuple(_SERVERS)
QUIET_WORKER = ("--without-gossip", "--without-mingle", "--without-heartbeat")
"""Options of a worker that sends nothing but what its tasks make it send."""


@dataclass(frozen=True)
class Order:
    """What a check wants measured. The fields are those of the YAML files."""

    name: str
    """Name of its scenario and cell."""
    workload: Mapping[str, Any]
    load: Mapping[str, Any]
    measure: Mapping[str, Any]
    worker: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    shared_vhost: bool = False
    """On RabbitMQ: queues in the vhost of the URL, whose counters outlive them; results on
    Redis."""


class Bench:
    """The servers of a selftest, and where its runs go."""

    def __init__(
        self,
        servers: Mapping[str, Target],
        folder: Path,
        results: Path,
        environ: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self.servers = servers
        self._folder = folder
        self._results = results
        self._say = say
        self._environ = dict(environ)
        for name, target in servers.items():
            self._environ[f"SELFTEST_{name.upper()}_URL"] = target.url
            self._environ[f"SELFTEST_{name.upper()}_MANAGEMENT_URL"] = target.management_url or ""
        self.taken: list[Taken] = []
        """Every block so far."""

    def measure(self, broker: str, order: Order, meddle: Meddle | None = None) -> Taken:
        """Run the one block that is ordered. MeddlingError, or what `run` raises, if it cannot.

        KeyboardInterrupt if the user ended it.
        """
        plan = load_plan(self._written(broker, order), environ=self._environ)
        options = RunOptions(
            provider=None,
            results=self._results,
            seed=1,
            project=self._folder,
            environ=self._environ,
        )
        self._say(f"{broker}: {order.name} ...")
        with contextlib.closing(_Beside(meddle)) as beside:
            record, folder = run(plan, options, beside)
        if record.status == "failed" or any(one.ended_by_itself for one in record.blocks):
            reason = next(
                (block.error for block in record.blocks if block.error), "nothing came back"
            )
            raise MeddlingError(f"selftest: {order.name} on {broker} could not be run: {reason}")
        if record.status != "complete":
            raise KeyboardInterrupt
        found = taken(broker, record, folder.path, beside.outcome())
        self.taken.append(found)
        return found

    def _written(self, broker: str, order: Order) -> Path:
        """The scenario's file, with its configuration beside it."""
        project = self._folder / f"{order.name}-{broker}"
        for name in ("configs", "scenarios"):
            (project / name).mkdir(parents=True)
        configuration = {
            "name": broker,
            **_ends(broker, shared_vhost=order.shared_vhost),
            "settings": dict(order.settings),
            "worker": dict(order.worker),
        }
        scenario = {
            "name": f"selftest-{order.name}",
            "configurations": [broker],
            "workloads": [dict(order.workload)],
            "loads": [dict(order.load)],
            "measure": dict(order.measure),
        }
        _dump(project / "configs" / f"{broker}.yaml", configuration)
        path = project / "scenarios" / f"{order.name}.yaml"
        _dump(path, scenario)
        return path


@contextlib.contextmanager
def opened(
    brokers: Sequence[str],
    workspace: Workspace,
    results: Path,
    environ: Mapping[str, str],
    say: Callable[[str], None],
) -> Iterator[Bench]:
    """A bench with a private server for each broker; Redis always, for results."""
    wanted = [_SERVERS[name] for name in dict.fromkeys((*brokers, "redis"))]
    with provide(
        wanted,
        provider="local",
        workspace=workspace,
        log_dir=workspace.folder("server-logs"),
        environ=environ,
        project_dir=workspace.path,
    ) as services:
        targets = {one.name: services.of(one)[0].target for one in wanted}
        say(f"ready: {', '.join(info.title for info in services.infos)}")
        yield Bench(targets, workspace.folder("projects"), results, environ, say)


class _Beside:
    """A `runner.telling.events.Listener` that meddles with the run's block, in a thread of its
    own."""

    def __init__(self, meddle: Meddle | None) -> None:
        self._meddle = meddle
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._act, name="meddler")
        self._outcome: Any = None
        self._error: Exception | None = None

    @property
    def tick_s(self) -> None:
        """It wants to know of blocks only."""

    def hear(self, event: Event, at_ns: int) -> None:  # noqa: ARG002 - its signature
        """With the block there is something to meddle with, and then there is not."""
        if isinstance(event, BlockStarts) and self._meddle is not None:
            self._thread.start()
        elif isinstance(event, BlockEnded):
            self.close()

    def close(self) -> None:
        """Let the meddler come to its end. Idempotent."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def outcome(self) -> Any:
        """What was planted. MeddlingError with the reason if it could not be."""
        if self._error is not None:
            if isinstance(self._error, HarnessError):
                raise self._error
            raise MeddlingError(f"selftest: meddling failed: {self._error}") from self._error
        return self._outcome

    def _act(self) -> None:
        assert self._meddle is not None  # noqa: S101 - else the thread is not started
        try:
            self._outcome = self._meddle(Inside(self._over))
        except Exception as error:  # noqa: BLE001 - raised again in the main thread
            self._error = error


def _ends(broker: str, *, shared_vhost: bool) -> dict[str, Any]:
    redis_end = {"service": "redis", "provider": "external", "url": "${SELFTEST_REDIS_URL}"}
    if broker == "redis":
        return {"broker": redis_end, "backend": redis_end}
    if broker != "rabbitmq":
        raise UsageError(f"selftest: nothing can be planted on {broker}")
    end = {"service": "rabbitmq", "provider": "external", "url": "${SELFTEST_RABBITMQ_URL}"}
    if shared_vhost:
        return {"broker": end, "backend": redis_end}
    end["management_url"] = "${SELFTEST_RABBITMQ_MANAGEMENT_URL}"
    return {"broker": end, "backend": {"service": "rpc"}}


def _dump(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")
