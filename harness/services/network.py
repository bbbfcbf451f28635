"""A bad network between the processes of one block and their servers: one proxy, several links."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from harness.clients.process import Client
from harness.errors import ServiceError
from harness.processes import spawn
from harness.services.redaction import address_of
from harness.workspace import Workspace

_ANSWER_S = 20.0
_PLAIN = {"redis": 6379, "amqp": 5672, "pyamqp": 5672}
"""Schemes of URLs that can be led through a proxy, and their ports."""


@dataclass(frozen=True)
class Conditions:
    """What connections of a link are like."""

    delay_s: float = 0.0
    """One way."""
    jitter_s: float = 0.0
    bandwidth: int | None = None
    """Bytes per second."""


class BadNetwork:
    """A running proxy. A context manager that leaves no process behind.

    Commands may come from any thread, but from one at a time.
    """

    def __init__(self, process: Client) -> None:
        self._process = process

    @classmethod
    def start(cls, environ: Mapping[str, str], logs: Path, workspace: Workspace) -> BadNetwork:
        """Start it. Only from the main thread: see `harness.processes`."""
        process = spawn(
            [sys.executable, "-m", "harness.services.proxy"],
            name="network",
            log=logs / "network.log",
            env=workspace.marked(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            on_spawn=workspace.record_process,
        )
        network = cls(Client(process, "network"))
        network._process.answer(_ANSWER_S)
        return network

    def __enter__(self) -> BadNetwork:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.__exit__(exc_type, exc, traceback)

    def through(self, link: str, url: str) -> str:
        """A new link to the server of a URL, and the URL that leads through it.

        ServiceError for URLs that a proxy would break: TLS checks the name of the server.
        """
        parts = urlsplit(url)
        port = _PLAIN.get(parts.scheme)
        if port is None or parts.hostname is None:
            raise ServiceError(
                f"connections to {address_of(url)} ({parts.scheme}) cannot be led through a "
                "network of the harness: this works with redis:// and amqp:// only"
            )
        answer = self._ask("open", link=link, host=parts.hostname, port=parts.port or port)
        login, at, _ = parts.netloc.rpartition("@")
        netloc = f"{login}{at}127.0.0.1:{answer['port']}"
        return urlunsplit(parts._replace(netloc=netloc))

    def set(self, link: str, conditions: Conditions) -> None:
        """What a link is like from now on."""
        self._ask(
            "set",
            link=link,
            delay_s=conditions.delay_s,
            jitter_s=conditions.jitter_s,
            bandwidth=conditions.bandwidth,
        )

    def cut(self, link: str, *, hole: bool) -> None:
        """Hold everything back, or reset all connections and new ones."""
        self._ask("cut", link=link, how="hole" if hole else "reset")

    def join(self, link: str) -> None:
        """Undo `cut`."""
        self._ask("join", link=link)

    def _ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        return self._process.ask(command, _ANSWER_S, **arguments)
