"""What PostgreSQL and MySQL have in common as result backends: a schema for each block."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from harness.errors import ServiceError
from harness.services.base import (
    AnyEndpoint,
    CeleryEnd,
    Namespace,
    ServerInfo,
    Stored,
    Target,
)
from harness.services.hosting.local import LocalServer, is_this_host
from harness.services.labels import SQL_PREFIX, sql_name
from harness.services.redaction import address_of, password_of, redact
from harness.services.results_only import ResultsNamespace, ResultsService
from harness.workspace import Workspace

TASK_TABLE = "celery_taskmeta"


class Cursor(Protocol):
    """As DB-API 2.0 has it, as far as it is needed here."""

    def execute(self, statement: Any, arguments: Any = None, /) -> Any:
        """Run one statement."""
        ...

    def fetchone(self) -> Any:
        """The first row of its answer."""
        ...


class Dialect(Protocol):
    """One vendor's ways."""

    service: str
    port: int
    """What a URL means that names none."""
    isolation: str
    promise: str
    """Kind of the promise to remove a block's schema."""

    def connect(self, url: str) -> contextlib.AbstractContextManager[Cursor]:
        """A connection of our own, each statement by itself. Raises what the client raises."""
        ...

    def errors(self) -> tuple[type[Exception], ...]:
        """What it raises."""
        ...

    def facts(self, cursor: Cursor) -> tuple[str, str]:
        """Product and version. ServiceError if results cannot be kept there."""
        ...

    def create(self, cursor: Cursor, name: str) -> None:
        """Make a block's schema."""
        ...

    def drop(self, cursor: Cursor, name: str) -> None:
        """Remove it with all its tables, if it is there."""
        ...

    def stored(self, cursor: Cursor, name: str, table: str) -> Stored:
        """Rows of a table of results, and what the tables and indexes of the schema take."""
        ...

    def celery_url(self, url: str, name: str) -> str:
        """What Celery is told to keep its tables in the schema."""
        ...


class SqlService(ResultsService):
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
        host = urlsplit(target.url).hostname or "localhost"
        self.info = ServerInfo(
            service=dialect.service,
            product=product,
            version=version,
            provider=target.provider,
            emulator=False,
            same_host=True if target.provider in {"local", "compose"} else is_this_host(host),
            address=address_of(target.url, dialect.port),
            detail=detail,
        )

    def open_namespace(
        self, label: str, settings: Mapping[str, Any], endpoint: AnyEndpoint
    ) -> Namespace:
        """A schema of the block's own."""
        del endpoint  # one way for all
        dialect, url, name = self._dialect, self.target.url, sql_name(label)
        promised = self.promise(dialect.promise, name=name)
        table = str((settings.get("database_table_names") or {}).get("task", TASK_TABLE))
        with asked(dialect, url) as cursor:
            dialect.create(cursor, name)

        def stored() -> Stored:
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
    if importlib.util.find_spec(module) is None:
        raise ServiceError(
            f"{service} needs {module}, not installed here: "
            f"pip install 'celery-config-bench[{service}]'"
        )
