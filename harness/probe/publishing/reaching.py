"""A producer that is connected, with the app's own patience."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import Celery
from kombu.messaging import Producer


class Reach:
    """A kombu producer on a connection of its own."""

    def __init__(self, app: Celery) -> None:
        self._retry = bool(app.conf.task_publish_retry)
        self._policy = dict(app.conf.task_publish_retry_policy) if self._retry else {}
        self.connection = app.connection_for_write()
        # Bounds kombu's own attempts to connect; its Producer.publish does the same.
        self.connection.transport_options.update(self._policy)
        # kombu has types in part, none of them of use here.
        make: Callable[[Any], Any] = Producer
        self.producer = make(self.connection)

    @property
    def channel(self) -> Any:
        """The channel that is open now; another one after a reconnect."""
        return self.producer.channel

    def persistent(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, repeated over new connections as `task_publish_retry_policy` says, if
        `task_publish_retry` does. `call` asks for the channel anew each time."""
        if not self._retry:
            return call
        ensured: Callable[..., Any] = self.connection.ensure(self.producer, call, **self._policy)
        return ensured

    def passing_errors(self) -> tuple[type[BaseException], ...]:
        """What `persistent` would try again after; nothing if the app does not want it to."""
        if not self._retry:
            return ()
        known = self.connection
        return (*known.recoverable_connection_errors, *known.recoverable_channel_errors)

    def ping_redis(self) -> None:
        """Fails if nothing could be sent now, before anything is."""
        self.channel.client.ping()

    def close(self) -> None:
        """Close the producer's own connection. Idempotent."""
        self.connection.release()


def resends(channel: Any) -> bool:
    """Whether redis-py would send a pipeline again of which it does not know what arrived."""
    # As kombu 5.7 decides for its own batches; earlier versions have none.
    kwargs = channel.pool.connection_kwargs
    return any(kwargs.get(name) for name in ("retry_on_timeout", "retry_on_error", "retry"))
