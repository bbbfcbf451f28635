"""Asks a database for many results at once, over one connection that stays open.

Celery's own `get_task_meta` makes a new engine and a new connection for each result, wherever it
is not called in a child of a prefork pool: some milliseconds of CPU, and a login at the server.
"""

from __future__ import annotations

import time
from typing import Any

from celery import states

from harness.probe.sightings import Sightings

NOBODY = "00000000-0000-8000-8000-000000000000"
"""An id that no task has."""


class Rows:
    """The rows of Celery's table of results, by the ids of tasks."""

    def __init__(self, backend: Any, sightings: Sightings) -> None:
        self._backend = backend
        self._sightings = sightings
        self._engine: Any = None
        self._doubtful: set[str] = set()
        """What could not be decoded at the last look."""

    def look(self, ids: list[str]) -> None:
        """Ask for all of them. Raises what the database's client raises."""
        from sqlalchemy import select  # noqa: PLC0415 - only where Celery itself imports it

        if self._engine is None:
            self._backend.get_task_meta(NOBODY, cache=False)  # Celery makes its tables
            self._engine = self._connectable()
        columns = self._backend.task_cls.__table__.c
        wanted = [columns[name] for name in ("task_id", "status", "result", "traceback")]
        with self._engine.connect() as connection:
            rows = connection.execute(select(*wanted).where(columns.task_id.in_(ids))).all()
        now_ns = time.monotonic_ns()
        for task_id, status, result, traceback in rows:
            if status in states.READY_STATES:
                self._note(task_id, now_ns, (status, result, traceback))

    def _note(self, task_id: str, time_ns: int, columns: tuple[str, Any, Any]) -> None:
        status, result, traceback = columns
        try:
            # Before Celery 5.7 the column is a pickle, which SQLAlchemy has read already.
            decode = getattr(self._backend, "_decode_stored_result", lambda value: value)
            row = {"task_id": task_id, "status": status, "traceback": traceback}
            described = self._backend.meta_from_decoded({**row, "result": decode(result)})
            self._sightings.note_described(task_id, time_ns, described)
        except Exception:  # whatever a serializer raises  # noqa: BLE001
            if task_id in self._doubtful:
                self._sightings.note_undecodable(task_id, time_ns)
            self._doubtful.add(task_id)

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
