"""What PostgreSQL and MySQL have in common as result backends: a schema for each block.

What differs is a `Dialect`, and how a private server is found and started: `SqlDriver.prepare`.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlsplit

from harness.errors import ServiceError
from harness.extras import needs
from harness.scenario.vendors.base import Endpoint
from harness.scenario.vendors.registry import BACKENDS
from harness.services.base import (
    CeleryEnd,
    ComposePart,
    Driver,
    Launch,
    Namespace,
    Service,
    StoredResults,
    Surroundings,
    Target,
    Undo,
)
from harness.services.hosting.external import given_url, malformed
from harness.services.hosting.local import LocalLaunch, LocalServer, who_answers
from harness.services.hosting.one_server import OneServer
from harness.services.hosting.unprivileged import ROOM_PROMISE, undo_room
from harness.services.labels import SQL_PREFIX, sql_name
from harness.services.redaction import address_of, password_of, redact
from harness.services.results_only import ResultsNamespace
from harness.workspace import Workspace

E = TypeVar("E", bound=Endpoint)
TASK_TABLE = "celery_taskmeta"


class Cursor(Protocol):
    """A cursor of DB-API 2.0, as far as it is needed here."""

    def execute(self, statement: Any, arguments: Any = None, /) -> Any:
        """Run one statement; `arguments` take the places of `%s`."""
        ...

    def fetchone(self) -> Any:
        """The first row of the last statement's answer; None if it has none."""
        ...


class Dialect(Protocol):
    """How one vendor's database is connected to, asked and told to make a block's schema."""

    service: str
    module: str
    """The client library that talks to the database, here and in Celery: its name for an import."""
    port: int
    """TCP port that a URL means that names none."""
    own_url: str
    """URL of a private server, with `{password}` and `{port}` as gaps."""
    example: str
    """A URL of somebody else's server, for messages."""
    form: str
    """What every URL looks like, for messages."""
    names_database: bool
    """Whether a URL has to name a database."""
    isolation: str
    """What a block has of its own, in words: `schema`, `database`."""
    promise: str
    """Kind of the promise to remove a block's schema."""

    def connect(self, url: str) -> contextlib.AbstractContextManager[Cursor]:
        """A connection of our own, each statement by itself. Raises what the client raises."""
        ...

    def errors(self) -> tuple[type[Exception], ...]:
        """Types of the exceptions that the client library raises."""
        ...

    def facts(self, cursor: Cursor) -> tuple[str, str]:
        """The server's product and version. ServiceError if results cannot be kept there."""
        ...

    def create(self, cursor: Cursor, name: str) -> None:
        """Make the schema (MySQL: database) of one block; `name` needs no quotes."""
        ...

    def drop(self, cursor: Cursor, name: str) -> None:
        """Remove a block's schema with all its tables, if it is there."""
        ...

    def stored(self, cursor: Cursor, name: str, table: str) -> StoredResults:
        """Rows of a table of results, and what the tables and indexes of the schema take."""
        ...

    def celery_url(self, url: str, name: str) -> str:
        """URL of the result backend with which Celery keeps its tables in the schema `name`."""
        ...


@dataclass(frozen=True)
class PrivateServer:
    """A server that can be started: its programs are here."""

    start: Callable[[str], LocalServer]
    """Starts the server, given the password of its user `harness`."""
    detail: str
    """What to call it in reports."""


class SqlDriver(Driver[E]):
    """Starts a private server, or reaches any other."""

    ready_s: float
    """Seconds that a private server may take to serve."""

    def __init__(self, dialect: Dialect, composed: str) -> None:
        """`composed`: the URL of the service of `docker-compose.yml`, with `{password}` and
        `{port}` as gaps."""
        self.name = dialect.service
        self._dialect = dialect
        variable = f"HARNESS_{dialect.service.upper()}"
        self.compose = ComposePart(
            dialect.service, {f"{variable}_PORT": "port"}, composed, f"{variable}_PASSWORD"
        )
        self.undo: Mapping[str, Undo] = {
            dialect.promise: partial(undo_schema, dialect),
            ROOM_PROMISE: undo_room,
        }

    def prepare(self, endpoint: E, surroundings: Surroundings) -> PrivateServer:
        """Find the programs that an endpoint names. ServiceError if they are not here."""
        raise NotImplementedError

    def launch(self, endpoint: E, surroundings: Surroundings) -> Launch:
        """Start a private server on loopback: random password, the vendor's own defaults."""
        dialect = self._dialect
        installed(dialect.module, self.name)
        prepared = self.prepare(endpoint, surroundings)
        password = secrets.token_urlsafe(24)

        def connect(server: LocalServer) -> Service:
            url = dialect.own_url.format(password=quote(password), port=server.port)
            target, workspace = Target("local", url), surroundings.workspace
            return SqlService(dialect, target, workspace, server, prepared.detail)

        return LocalLaunch(lambda: prepared.start(password), connect, timeout_s=self.ready_s)

    def target(self, endpoint: E, environ: Mapping[str, str]) -> Target:
        """The URL of an external endpoint, with every `${ENV}` expanded. ServiceError for a missing
        or malformed one."""
        dialect = self._dialect
        url = given_url(endpoint.url, environ, self.name, dialect.example)
        parts = urlsplit(url)
        incomplete = dialect.names_database and len(parts.path) < len("/d")
        if parts.scheme not in BACKENDS[self.name].schemes or not parts.hostname or incomplete:
            raise malformed(url, self.name, dialect.form)
        return Target("external", url)

    def reach(self, target: Target, surroundings: Surroundings) -> Service:
        """Connect to a running server, and ask who answers. ServiceError if nobody does."""
        return SqlService(self._dialect, target, surroundings.workspace)


class SqlService(OneServer):
    """One server. Every block has a schema of its own, made before it and dropped after it."""

    def __init__(
        self,
        dialect: Dialect,
        target: Target,
        workspace: Workspace,
        server: LocalServer | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(target, workspace, server)
        self._dialect = dialect
        self.secrets = password_of(target.url)
        with asked(dialect, target.url) as cursor:
            product, version = dialect.facts(cursor)
        self.info = who_answers(target, dialect.service, dialect.port, product, version, detail)

    def open_namespace(
        self, label: str, settings: Mapping[str, Any], endpoint: Endpoint
    ) -> Namespace:
        """A schema for one block."""
        del endpoint  # one way for all
        dialect, url, name = self._dialect, self.target.url, sql_name(label)
        promised = self.promise(dialect.promise, name=name)
        table = str((settings.get("database_table_names") or {}).get("task", TASK_TABLE))
        with asked(dialect, url) as cursor:
            dialect.create(cursor, name)

        def stored() -> StoredResults:
            with asked(dialect, url) as cursor:
                return dialect.stored(cursor, name, table)

        def remove() -> None:
            with asked(dialect, url) as cursor:
                dialect.drop(cursor, name)

        return ResultsNamespace(
            isolation=dialect.isolation,
            end=CeleryEnd(f"db+{dialect.celery_url(url, name)}"),
            stored=stored,
            remove=remove,
            promised=promised,
        )


@contextlib.contextmanager
def asked(dialect: Dialect, url: str) -> Iterator[Cursor]:
    """A connection for a few statements; whatever goes wrong is one sentence."""
    try:
        with dialect.connect(url) as cursor:
            yield cursor
    except dialect.errors() as error:
        reason = redact(" ".join(str(error).split()), password_of(url))
        raise ServiceError(
            f"cannot use {dialect.service} at {address_of(url, dialect.port)}: {reason}. Check "
            "that it runs, user and password in the URL, and that the user may create schemas"
        ) from error


def undo_schema(dialect: Dialect, payload: Mapping[str, Any]) -> None:
    """Remove the schema of a run that was killed."""
    name = str(payload["name"])
    if not name.startswith(SQL_PREFIX) or len(name) <= len(SQL_PREFIX):
        raise ServiceError(f"refusing to drop {name!r}")
    with asked(dialect, str(payload["url"])) as cursor:
        dialect.drop(cursor, name)


def installed(module: str, service: str) -> None:
    """ServiceError if a client library is missing, with how to get it."""
    if lacking := needs(service, service, module):
        raise ServiceError(lacking)
