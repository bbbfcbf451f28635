"""How long a round trip of a broker's own protocol takes: measured on one kept connection."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import redis

from harness.errors import ServiceError
from harness.services.redaction import address_of, strip_credentials

_TIMEOUT_S = 10.0
_WARM_UP = 2


def round_trips_s(url: str, count: int) -> list[float]:
    """So many round trips one after the other: PING of Redis, `basic.qos` of AMQP.

    ServiceError if the server cannot be reached, or speaks neither.
    """
    connected = _redis if urlsplit(url).scheme in ("redis", "rediss") else _amqp
    try:
        with connected(url) as ask:
            for _ in range(_WARM_UP):
                ask()
            return [_timed(ask) for _ in range(count)]
    except Exception as error:  # whatever the two clients raise
        raise ServiceError(
            f"cannot measure the round trip to {address_of(url)}: "
            f"{strip_credentials(str(error)) or type(error).__name__}"
        ) from error


def _timed(ask: Callable[[], object]) -> float:
    began_ns = time.perf_counter_ns()
    ask()
    return (time.perf_counter_ns() - began_ns) / 1e9


@contextlib.contextmanager
def _redis(url: str) -> Iterator[Callable[[], object]]:
    client = redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT_S,
        socket_connect_timeout=_TIMEOUT_S,
        single_connection_client=True,
    )
    with contextlib.closing(client):
        yield client.ping


@contextlib.contextmanager
def _amqp(url: str) -> Iterator[Callable[[], object]]:
    from kombu.connection import Connection  # noqa: PLC0415 - only where it is needed

    options = {"read_timeout": _TIMEOUT_S, "write_timeout": _TIMEOUT_S}
    connection = Connection(  # type: ignore[no-untyped-call]  # kombu is half typed
        url, connect_timeout=_TIMEOUT_S, heartbeat=0, transport_options=options
    )
    with contextlib.closing(connection):
        channel: Any = connection.default_channel
        yield lambda: channel.basic_qos(0, 1, False)
