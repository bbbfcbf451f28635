"""The few calls of RabbitMQ's management API that the harness needs."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from harness.errors import ServiceError
from harness.services.redaction import password_of, strip_credentials

_TIMEOUT_S = 10.0


class Management:
    """Makes and removes vhosts as the user named in a URL."""

    def __init__(self, url: str, broker_url: str, ca: str | None = None) -> None:
        """`url` is `http://[user:password@]host:15672`; without a user that of the broker. `ca`:
        file of the authorities to trust, for `https://`."""
        self._ca = ca
        parts = urlsplit(url)
        login = parts if parts.username else urlsplit(broker_url)
        self.user = unquote(login.username or "guest")
        self._password = unquote(login.password or "guest")
        self._broker_user = unquote(urlsplit(broker_url).username or "guest")
        host = parts.netloc.rpartition("@")[2]
        self._base = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self.secrets = password_of(url)

    def check(self) -> None:
        """ServiceError unless the API answers and takes the login."""
        self._call("GET", "/api/whoami")

    def create_vhost(self, name: str) -> None:
        """A vhost that the broker's user, and this one, may use fully."""
        path = f"/api/vhosts/{quote(name, safe='')}"
        self._call("PUT", path, {})
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        for user in {self.user, self._broker_user}:
            self._call(
                "PUT", f"/api/permissions/{quote(name, safe='')}/{quote(user, safe='')}", rights
            )

    def delete_vhost(self, name: str) -> None:
        """Remove a vhost with all that is in it. It may be gone already."""
        self._call("DELETE", f"/api/vhosts/{quote(name, safe='')}", missing_ok=True)

    def queues(self, vhost: str) -> list[str]:
        """Names of the queues that are in a vhost now."""
        found = self._call("GET", f"/api/queues/{quote(vhost, safe='')}?columns=name")
        return [str(queue["name"]) for queue in found]

    def message_counts(self, vhost: str) -> dict[str, int]:
        """What was published, delivered, acknowledged ... in a vhost since the server's start.

        The server gathers this every 5 s.
        """
        stats = self._call("GET", f"/api/vhosts/{quote(vhost, safe='')}").get("message_stats", {})
        return {name: count for name, count in stats.items() if isinstance(count, int)}

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, missing_ok: bool = False
    ) -> Any:
        if urlsplit(self._base).scheme not in {"http", "https"}:
            raise ServiceError(
                f"not a management URL: {strip_credentials(self._base)}. "
                "It has the form http://host:15672"
            )
        login = base64.b64encode(f"{self.user}:{self._password}".encode()).decode()
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
            self._base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
        )
        try:
            with _opener(self._ca).open(request, timeout=_TIMEOUT_S) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404 and missing_ok:
                return None
            raise ServiceError(
                f"RabbitMQ's management API at {self._base} answered {error.code} {error.reason} "
                f"to {method} {path}: check `management_url`, its user and that user's rights "
                "(tag `administrator`)"
            ) from error
        except (OSError, ValueError) as error:
            raise ServiceError(
                f"cannot reach RabbitMQ's management API at {self._base}: {error}. Check "
                "`management_url`, and that the plugin rabbitmq_management is enabled"
            ) from error
        return json.loads(text) if text else None


def _opener(ca: str | None) -> urllib.request.OpenerDirector:
    """No proxy: the API is asked where the URL says, also with HTTP_PROXY set."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if ca is not None:
        context = ssl.create_default_context(cafile=ca)
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)
