"""MariaDB or MySQL as result backend: a private server, or any other."""

from __future__ import annotations

import contextlib
import importlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from harness.errors import ServiceError
from harness.scenario.vendors.sql import MysqlBackend
from harness.services.base import StoredResults, Surroundings
from harness.services.finding import Finding, debian_program
from harness.services.hosting.local import LocalServer, free_ports
from harness.services.hosting.unprivileged import (
    check_quarters,
    make_quarters,
    may_run,
    out_of_reach,
)
from harness.services.sql.base import Cursor, PrivateServer, SqlDriver, installed

_CONNECT_S = 5
_ANSWER_S = 30
_DATABASE_PROMISE = "mysql-database"
_BEYOND_PATH = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec")
"""Where packages put servers that an ordinary user's PATH does not show."""

_START = """
set -eu
umask 077
{install} --no-defaults --datadir={data} --skip-test-db --skip-name-resolve \\
  --auth-root-authentication-method=normal
exec {server} --no-defaults --datadir={data} --tmpdir={folder} --port={port} \\
  --bind-address=127.0.0.1 --skip-name-resolve --socket=server.sock --pid-file=server.pid \\
  --init-file={first}
"""
# Nobody but the harness' own user can log in.
_FIRST = """
CREATE USER IF NOT EXISTS 'harness'@'127.0.0.1' IDENTIFIED BY '{password}';
GRANT ALL ON *.* TO 'harness'@'127.0.0.1';
ALTER USER 'root'@'localhost' ACCOUNT LOCK;
"""


class Mysql:
    """Statements and URLs as MySQL has them: a schema is called a database."""

    service = "mysql"
    module = "pymysql"
    port = 3306
    own_url = "mysql://harness:{password}@127.0.0.1:{port}/"
    example = "mysql://user:${PASSWORD}@host"
    form = "mysql://user:password@host:port"
    names_database = False
    isolation = "database"
    promise = _DATABASE_PROMISE

    @contextlib.contextmanager
    def connect(self, url: str) -> Iterator[Cursor]:
        """A connection by PyMySQL to no database: those are made and dropped here."""
        installed(self.module, self.service)
        pymysql: Any = importlib.import_module(self.module)
        parts = urlsplit(url)
        connection = pymysql.connect(
            host=parts.hostname,
            port=parts.port or self.port,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            connect_timeout=_CONNECT_S,
            read_timeout=_ANSWER_S,
            write_timeout=_ANSWER_S,
            autocommit=True,
        )
        with contextlib.closing(connection), connection.cursor() as cursor:
            yield cursor

    def errors(self) -> tuple[type[Exception], ...]:
        """Exceptions of PyMySQL; RuntimeError where a login needs the package cryptography."""
        pymysql: Any = importlib.import_module(self.module)
        return (pymysql.Error, OSError, RuntimeError)

    def facts(self, cursor: Cursor) -> tuple[str, str]:
        """Product and version: MariaDB calls itself so in its version."""
        cursor.execute("SELECT VERSION()")
        version = str(cursor.fetchone()[0])
        return ("MariaDB" if "mariadb" in version.lower() else "MySQL"), version.split("-", 1)[0]

    def create(self, cursor: Cursor, name: str) -> None:
        """Make a block's database, with a character set for any text that a task may return."""
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")

    def drop(self, cursor: Cursor, name: str) -> None:
        """Remove a block's database with its tables."""
        cursor.execute(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name = %s", (name,)
        )
        if cursor.fetchone() is not None:
            cursor.execute(f"DROP DATABASE {name}")

    def stored(self, cursor: Cursor, name: str, table: str) -> StoredResults:
        """Rows and bytes by information_schema, brought up to date first: data and indexes, in
        pages of 16 KiB."""
        quoted = f"{name}.`{table.replace('`', '``')}`"
        cursor.execute(
            "SELECT count(*) FROM information_schema.tables "
            "WHERE table_schema = %s AND table_name = %s",
            (name, table),
        )
        rows = 0
        if cursor.fetchone()[0]:
            cursor.execute(f"ANALYZE TABLE {quoted}")
            cursor.execute(f"SELECT count(*) FROM {quoted}")  # noqa: S608 - quoted
            (rows,) = cursor.fetchone()
        cursor.execute(
            "SELECT coalesce(sum(data_length + index_length), 0) FROM information_schema.tables "
            "WHERE table_schema = %s",
            (name,),
        )
        return StoredResults(int(rows), int(cursor.fetchone()[0]))

    def celery_url(self, url: str, name: str) -> str:
        """URL for Celery with PyMySQL and the block's database, whatever the given one names."""
        parts = urlsplit(url)
        query = {"charset": "utf8mb4", **dict(parse_qsl(parts.query))}
        return urlunsplit(
            parts._replace(scheme="mysql+pymysql", path=f"/{name}", query=urlencode(query))
        )


class MysqlDriver(SqlDriver[MysqlBackend]):
    """Starts a private MariaDB, or reaches any other server."""

    ready_s = 90.0

    def __init__(self) -> None:
        # Only root may make databases in the image.
        super().__init__(Mysql(), "mysql://root:{password}@127.0.0.1:{port}/")

    def prepare(self, endpoint: MysqlBackend, surroundings: Surroundings) -> PrivateServer:
        """Find MariaDB's server, and what makes its first tables. ServiceError if they are not
        here."""
        programs = find_programs(endpoint.server, surroundings.environ)
        return PrivateServer(
            lambda password: _start(programs, password, surroundings), "its own defaults"
        )

    def findings(self, environ: Mapping[str, str]) -> Iterable[Finding]:
        """MariaDB or MySQL that the system has installed."""

        def find() -> Path:
            return find_programs("mariadbd", environ)[0]

        note = "a server for backend mysql"
        return (debian_program("mariadb", note, find, environ, "mariadb-server"),)


def find_programs(server: str, environ: Mapping[str, str]) -> tuple[Path, Path]:
    """The server, and what makes its first tables. ServiceError if they are not here."""
    path = ":".join((environ.get("PATH", ""), *_BEYOND_PATH))
    daemon = shutil.which(server, path=path)
    install = shutil.which("mariadb-install-db", path=path)
    if daemon is None or install is None:
        raise ServiceError(
            f"no {server} with mariadb-install-db on this machine: "
            "`apt-get install mariadb-server` (or `harness doctor --fix`), "
            "or use `--provider compose` or external"
        )
    for program in map(Path, (daemon, install)):
        if not may_run(program):  # where its other files are, only its builder knows
            raise out_of_reach(program)
    check_quarters("MariaDB", environ, brings=False)
    return Path(daemon), Path(install)


def _start(programs: tuple[Path, Path], password: str, surroundings: Surroundings) -> LocalServer:
    (port,) = free_ports(1)
    room = make_quarters("mysql", surroundings)
    words = {
        "server": programs[0],
        "install": programs[1],
        "folder": room.folder,
        "data": room.folder / "data",
        "first": room.write("first.sql", _FIRST.format(password=password)),
        "port": port,
    }
    script = room.write_script(_START, words)
    process = room.spawn("/bin/sh", script, env=surroundings.environ)
    return LocalServer("mysql", (process,), port, grace_s=0.0, clear_away=room.close)
