"""Asks a database for many results at once, over one connection that stays open.

Celery's own `get_task_meta` makes a new engine and a new connection for each result, wherever it
is not called in a child of a prefork pool: some milliseconds of CPU, and a login at the server.
"""

from __future__ import annotations

from typing import Any

from celery import states

NOBODY = "00000000-0000-8000-8000-000000000000"
"""An id that no task has."""


def is_database(backend: Any) -> bool:
    """Whether a result backend is Celery's for databases: told by its name, as that module cannot
    be imported where SQLAlchemy is not installed."""
    return "DatabaseBackend" in {one.__name__ for one in type(backend).__mro__}


Described = dict[str, Any]
"""A result as Celery describes it: `status`, `result`, `traceback` ..."""


class Rows:
    """The rows of Celery's table of results, by the ids of tasks."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._engine: Any = None

    def final(self, ids: list[str]) -> list[tuple[str, Any]]:
        """Id and row of each of these tasks that is in a final state. Raises what the database's
        client raises."""
        from sqlalchemy import select  # noqa: PLC0415 - only where Celery itself imports it

        if self._engine is None:
            self._backend.get_task_meta(NOBODY, cache=False)  # Celery makes its tables
            self._engine = self._connectable()
        columns = self._backend.task_cls.__table__.c
        wanted = [columns[name] for name in ("task_id", "status", "result", "traceback")]
        with self._engine.connect() as connection:
            rows = connection.execute(select(*wanted).where(columns.task_id.in_(ids))).all()
        return [(row.task_id, row) for row in rows if row.status in states.READY_STATES]

    def described(self, row: Any) -> Described:
        """A row as `get_task_meta` would describe its result. Raises what a serializer raises."""
        # Before Celery 5.7 the column is a pickle, which SQLAlchemy has read already.
        decode = getattr(self._backend, "_decode_stored_result", lambda value: value)
        plain = {"task_id": row.task_id, "status": row.status, "traceback": row.traceback}
        found: Described = self._backend.meta_from_decoded({**plain, "result": decode(row.result)})
        return found

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _connectable(self) -> Any:
        """An engine with one connection, which sees every commit of others at once."""
        from sqlalchemy import create_engine  # noqa: PLC0415 - as above

        options = self._backend.engine_options
        kept = {name: options[name] for name in ("connect_args", "echo") if name in options}
        return create_engine(
            self._backend.url,
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            pool_pre_ping=True,
            **kept,
        )
