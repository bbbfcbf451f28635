"""How an AMQP broker is reached by the harness itself, and what Celery is told to reach it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

import amqp  # type: ignore[import-untyped]  # it has no types
from kombu.connection import Connection

from harness.errors import ServiceError
from harness.scenario.vendors.registry import BROKERS
from harness.services.redaction import address_of, strip_credentials, strip_url
from harness.services.tls import HINT, amqp_options

_CONNECT_S = 5.0
_READ_S = 15.0


@dataclass(frozen=True)
class AmqpAccess:
    """One vhost of a broker."""

    url: str = field(repr=False)
    ca: str | None = None
    """File of the authorities that an `amqps://` server is trusted by."""

    def at(self, vhost: str) -> AmqpAccess:
        """Another vhost of the same broker."""
        parts = urlsplit(self.url)._replace(path=f"/{quote(vhost, safe='')}")
        return AmqpAccess(urlunsplit(parts), self.ca)

    def settings(self) -> Mapping[str, Any]:
        """What Celery has to be told beside the URL."""
        options = amqp_options(self.url, self.ca)
        return {} if options is None else {"broker_use_ssl": dict(options)}

    def connect(self) -> amqp.Connection:
        """One attempt; kombu only reads the URL, as Celery will."""
        options = {"read_timeout": _READ_S, "write_timeout": _READ_S}
        description = Connection(  # type: ignore[no-untyped-call]  # kombu is half typed
            self.url,
            connect_timeout=_CONNECT_S,
            heartbeat=0,
            transport_options=options,
            ssl=amqp_options(self.url, self.ca) or False,
        )
        return description.transport.establish_connection()

    @contextlib.contextmanager
    def connection(self) -> Iterator[amqp.Connection]:
        """A connection for a moment; every failure is a ServiceError without credentials."""
        try:
            connection = self.connect()
            try:
                yield connection
            finally:
                with contextlib.suppress(OSError, amqp.exceptions.AMQPError):
                    connection.close()
        except (OSError, amqp.exceptions.AMQPError) as error:
            raise self.unreachable(error) from error

    def unreachable(self, error: Exception) -> ServiceError:
        """What to say of a failure."""
        vhost = unquote(urlsplit(self.url).path[1:]) or "/"
        return ServiceError(
            f"cannot use rabbitmq at {address_of(self.url, 5672)}, vhost {vhost}: "
            f"{strip_credentials(str(error)) or type(error).__name__}. "
            "Check that it runs, its port, and user, password and vhost in the URL"
            + (f"; {HINT}" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "")
        )


def check_amqp_url(url: str) -> None:
    """ServiceError for what is no URL of an AMQP broker, or says what Celery would not take."""
    parts = urlsplit(url)
    if parts.scheme not in BROKERS["rabbitmq"].schemes or not parts.hostname:
        raise ServiceError(
            f"not an AMQP URL: {strip_url(url)}. "
            "It has the form amqp://user:password@host:5672/vhost (amqps:// for TLS)"
        )
    if named := [key for key, _ in parse_qsl(parts.query) if key.startswith("ssl")]:
        raise ServiceError(
            f"{named[0]} in an AMQP URL is not understood by Celery's client: say `ca: FILE` "
            "beside `url:` instead"
        )
