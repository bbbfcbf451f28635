"""Provide the servers of a run: start or reach each once, hand out namespaces, stop them all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import HarnessError, ServiceError
from harness.probe.spoken import CelerySettings
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.queues import default_queue, keeps_queues_of_app, queue_options
from harness.scenario.vendors.base import FolderBackend, Provider, QueueOptions
from harness.scenario.vendors.registry import refusal, which_server
from harness.scenario.vendors.without_server import RpcBackend
from harness.services.base import (
    AnyEndpoint,
    CeleryEnd,
    Namespace,
    ServerInfo,
    Service,
    Surroundings,
    TaskQueue,
)
from harness.services.hosting.compose import ComposeProject
from harness.services.redaction import redact
from harness.services.registry import drivers
from harness.services.settings import block_settings, secrets_of
from harness.workspace import Workspace

_Key = tuple[str, ...]


@dataclass(frozen=True)
class BlockSpace:
    """What one block may touch, and how Celery is told of it."""

    settings: CelerySettings = field(repr=False)
    """Complete Celery settings. May hold credentials: into the cell spec and nowhere else."""
    broker: Namespace
    backend: Namespace | None
    """The broker's own where both share a server, and for `rpc`; None without results."""
    queues: tuple[TaskQueue, ...]
    """All task queues; none where there is the default one only, of which nothing is said."""
    isolation: dict[str, str]
    """`broker` and `backend` -> how the block is kept apart, for the record."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables for clients and workers. May hold credentials."""


class Services:
    """The servers of a run, ready. Made by `provide`."""

    def __init__(
        self,
        servers: Mapping[_Key, Service],
        forced: Provider | None,
        environ: Mapping[str, str],
        secrets: tuple[str, ...],
        stack: contextlib.ExitStack,
    ) -> None:
        self._servers = servers
        self._forced = forced
        self._environ = environ
        self._stack = stack
        self.secrets = secrets
        """Every password that must not appear in logs and records."""

    @property
    def infos(self) -> tuple[ServerInfo, ...]:
        """One for each server, in the order they were first needed."""
        return tuple(service.info for service in self._servers.values())

    def of(self, configuration: Configuration) -> tuple[Service, Service | None]:
        """The servers of a configuration's broker and backend; `rpc` is the broker's."""
        broker, backend = self._server(configuration.broker), configuration.backend
        if isinstance(backend, AnyEndpoint):
            return broker, self._server(backend)
        return broker, broker if isinstance(backend, RpcBackend) else None

    def redact(self, text: str) -> str:
        """`text` without any password of the run."""
        return redact(text, self.secrets)

    @contextlib.contextmanager
    def open_block(
        self, configuration: Configuration, label: str, queues: Sequence[str] = ()
    ) -> Iterator[BlockSpace]:
        """A fresh namespace for one block, removed at the end whatever happens.

        `label` is unique within the machine: run id and block. `queues`: all that the block has,
        as its files call them; none where there is the default one only.
        """
        broker_service, backend_service = self.of(configuration)
        own, end = configuration.settings, configuration.backend
        with contextlib.ExitStack() as spaces:
            broker = broker_service.open_namespace(label, own, configuration.broker)
            spaces.enter_context(_closing(broker))
            declared = _declared(configuration, queues, broker.queue)
            if declared:
                broker.declare(declared)
            backend: Namespace | None = broker
            if backend_service is None:
                backend = None
            elif isinstance(end, AnyEndpoint) and backend_service is not broker_service:
                backend = backend_service.open_namespace(label, own, end)
                spaces.enter_context(_closing(backend))
            backend_end = backend.backend() if backend else None
            if isinstance(end, RpcBackend):
                # Through the broker, whatever else its server could keep results as.
                backend_end = CeleryEnd("rpc://")
            broker_end = broker.broker()
            settings = block_settings(configuration, broker_end, backend_end, self._environ)
            isolation = {"broker": broker.isolation}
            if backend is not None:
                isolation["backend"] = backend.isolation
            environ = _variables(broker_end, backend_end)
            yield BlockSpace(settings, broker, backend, declared, isolation, environ)

    def close(self) -> None:
        """Stop what was started. Idempotent."""
        self._stack.close()

    def _server(self, endpoint: AnyEndpoint) -> Service:
        try:
            return self._servers[_key(endpoint, self._forced)]
        except KeyError:
            raise ServiceError(
                f"no {endpoint.service} server was provided for this configuration"
            ) from None


@contextlib.contextmanager
def provide(
    configurations: Sequence[Configuration],
    *,
    provider: Provider | None,
    workspace: Workspace,
    log_dir: Path,
    environ: Mapping[str, str],
    project_dir: Path,
    cores: frozenset[int] | None = None,
) -> Iterator[Services]:
    """Start or reach every server that the configurations need, each once.

    `provider` is the command line's and wins over the endpoint's own; `local` is the default.
    `cores` are those that local servers are kept to.
    Call from the main thread. Whatever was started is stopped when the context ends, also
    when starting fails or is interrupted midway.
    """
    surroundings = Surroundings(workspace, log_dir, environ, cores)
    wanted: dict[_Key, AnyEndpoint] = {}
    for configuration in configurations:
        for endpoint in _endpoints(configuration):
            wanted.setdefault(_key(endpoint, provider), endpoint)
    with contextlib.ExitStack() as stack:
        servers = _start_all(wanted, provider, surroundings, project_dir, stack)
        texts = [secret for service in servers.values() for secret in service.secrets]
        for configuration in configurations:
            texts += secrets_of(configuration, environ)
        services = Services(servers, provider, environ, tuple(dict.fromkeys(texts)), stack)
        for configuration in configurations:
            for service in filter(None, services.of(configuration)):
                service.check(configuration)
        yield services


def _start_all(
    wanted: Mapping[_Key, AnyEndpoint],
    forced: Provider | None,
    surroundings: Surroundings,
    project_dir: Path,
    stack: contextlib.ExitStack,
) -> dict[_Key, Service]:
    """All local servers boot at the same time; each is then waited for in turn."""
    known = drivers()
    who = {key: _provider(endpoint, forced) for key, endpoint in wanted.items()}
    # Cheap mistakes first: a missing URL or variable is said before anything starts.
    targets = {
        key: known[endpoint.service].target(endpoint, surroundings.environ)
        for key, endpoint in wanted.items()
        if who[key] == "external"
    }
    launches = {}
    for key, endpoint in wanted.items():
        if who[key] == "local":
            launches[key] = known[endpoint.service].launch(endpoint, surroundings)
            stack.callback(launches[key].close)
    parts = {
        key: part
        for key, endpoint in wanted.items()
        if who[key] == "compose" and (part := known[endpoint.service].compose) is not None
    }
    project = ComposeProject(parts.values(), surroundings, project_dir) if parts else None
    if project is not None:
        stack.callback(project.close)
        project.up()
    servers: dict[_Key, Service] = {}
    for key, endpoint in wanted.items():
        driver = known[endpoint.service]
        if key in launches:
            servers[key] = launches[key].ready()
        elif key in targets:
            servers[key] = driver.reach(targets[key], surroundings)
        elif project is not None:
            servers[key] = driver.reach(project.target(parts[key], endpoint), surroundings)
            servers[key].info = project.describe(parts[key], servers[key].info)
        stack.callback(servers[key].close)
    return servers


def _declared(
    configuration: Configuration, queues: Sequence[str], default: str
) -> tuple[TaskQueue, ...]:
    """Celery's default queue has a name of the namespace's, all others have their own."""
    options, called = queue_options(configuration), default_queue(configuration)
    if keeps_queues_of_app(configuration):
        return tuple(TaskQueue(name, name) for name in queues)
    return tuple(
        TaskQueue(default if name == called else name, name, options.get(name, QueueOptions()))
        for name in queues
    )


def _endpoints(configuration: Configuration) -> Iterator[AnyEndpoint]:
    yield configuration.broker
    backend = configuration.backend
    if isinstance(backend, RpcBackend):
        if reason := refusal(configuration.broker.service, "rpc"):
            raise ServiceError(f"configuration {configuration.name}: {reason}")
    elif isinstance(backend, AnyEndpoint):
        yield backend


def _variables(broker: CeleryEnd, backend: CeleryEnd | None) -> dict[str, str]:
    """What both ends need. ServiceError where the one would take the other's credentials."""
    if backend is None:
        return dict(broker.environ)
    if backend.environ and broker.url.startswith("sqs://") and "@" not in broker.url:
        raise ServiceError(
            "an sqs broker with AWS' own credentials cannot be measured with a dynamodb backend "
            "that has others: both would come from the same environment variables"
        )
    return {**broker.environ, **backend.environ}


def _provider(endpoint: AnyEndpoint, forced: Provider | None) -> Provider:
    if isinstance(endpoint, FolderBackend):  # there is no server, whoever runs the others
        return "local"
    return forced or endpoint.provider or "local"


def _key(endpoint: AnyEndpoint, forced: Provider | None) -> _Key:
    """Equal for endpoints that share a server, in whatever role and configuration."""
    return which_server(endpoint.model_dump(mode="json"), _provider(endpoint, forced))


def _closing(namespace: Namespace) -> contextlib.AbstractContextManager[None]:
    """Closes at the end; a failure to clean up does not hide what went wrong before it."""

    @contextlib.contextmanager
    def close_after() -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            try:
                namespace.close()
            except HarnessError as second:
                error.add_note(f"and its namespace could not be removed: {second}")
            raise
        namespace.close()

    return close_after()
