"""Watches the `rpc` backend: consumes the queue that clients name for their results."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from celery import Celery

from harness.probe.watching.base import Troubles
from harness.probe.watching.sightings import Sightings

_STEP_S = 0.05
_QUIET_S = 0.5
_RETRY_S = 0.2
_HEARTBEAT_S = 10
_CONNECTION_CUT = (
    "the connection to the reply queue was lost; the server drops the queue with it, and results "
    "that are sent before it stands again are gone"
)


class ReplyQueue:
    """Celery's own reply queue and consumer, without its registry of results: that one throws
    away what nobody registered for once there are more than 8192."""

    method = "consumer"
    resolution_s = 0.0

    def __init__(self, app: Celery, sightings: Sightings, troubles: Troubles) -> None:
        self._app = app
        self._backend = app.backend
        self._sightings = sightings
        self._troubles = troubles
        self._connection: Any = None
        self._errors: tuple[type[BaseException], ...] = (OSError,)
        self._next_try_s = self._next_beat_s = 0.0
        self._messages: deque[tuple[int, Any]] = deque()
        """When they came, and what: judged together, which takes less CPU than one by one."""
        self.reply_to: str | None = app.backend.oid
        self.caught_up = 0

    @property
    def moment_s(self) -> float:
        """How long nothing may come before all has come; infinite without a connection."""
        return _QUIET_S if self._connection is not None else float("inf")

    def open(self) -> None:
        """Declare the queue and consume it; returns when the server has confirmed both."""
        backend = self._backend
        connection = self._app.connection(heartbeat=_HEARTBEAT_S)
        self._errors = (OSError, *connection.connection_errors, *connection.channel_errors)
        try:
            connection.connect()
            consumer = backend.ResultConsumer.Consumer(
                connection.default_channel,
                [backend.binding],
                on_message=self._arrived,
                on_decode_error=self._undecodable,
                no_ack=True,
                accept=backend.accept,
            )
            consumer.consume()
        except BaseException:
            connection.collect()
            raise
        self._connection = connection

    def watch(self, tags: frozenset[int]) -> None:
        """Do nothing: results come by themselves, or are lost."""

    def step(self, wait_s: float) -> None:
        """Take the replies that have come; a connection that was cut is opened again."""
        try:
            if self._connection is None:
                self._open_again(wait_s)
            else:
                self._beat()
                self._take(wait_s)
        except self._errors as error:
            self._troubles.note(_CONNECTION_CUT, error)
            self._drop()
            self._next_try_s = time.monotonic() + _RETRY_S

    def close(self) -> None:
        """Leave in order, where there is a server to say it to. The queue goes with us."""
        if self._connection is not None:
            try:
                self._connection.close()
            except self._errors:
                self._drop()
            self._connection = None

    def _take(self, wait_s: float) -> None:
        until_s = time.monotonic() + _STEP_S
        try:
            while time.monotonic() < until_s:
                self._connection.drain_events(timeout=wait_s)
        except TimeoutError:
            pass
        finally:
            self._judge()

    def _beat(self) -> None:
        now_s = time.monotonic()
        if now_s > self._next_beat_s and self._connection.supports_heartbeats:
            self._next_beat_s = now_s + 1
            self._connection.heartbeat_check()

    def _open_again(self, wait_s: float) -> None:
        rest_s = self._next_try_s - time.monotonic()
        if rest_s > 0:
            time.sleep(min(rest_s, wait_s))
        else:
            self.open()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.collect()
            self._connection = None

    def _arrived(self, message: Any) -> None:
        self._messages.append((time.monotonic_ns(), message))

    def _judge(self) -> None:
        while self._messages:
            time_ns, message = self._messages.popleft()
            task_id = message.properties.get("correlation_id", "")
            self._sightings.note(task_id, time_ns, message, self._decoded)

    def _undecodable(self, message: Any, _: Exception) -> None:
        now_ns = time.monotonic_ns()
        self._sightings.note_undecodable(message.properties.get("correlation_id", ""), now_ns)

    def _decoded(self, message: Any) -> Any:
        return self._backend.meta_from_decoded(message.decode())
