"""A bad network between the processes of one block and their servers: one process, several links.

Made by a TCP proxy, or by Linux' netem in front of one: see `harness.services.bad_network.wires`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from harness.conversation import Answer, Client
from harness.errors import ServiceError
from harness.scenario.models.faults import Means
from harness.services.redaction import address_of
from harness.workspace import Workspace

_ANSWER_S = 20.0
_PLAIN = {"redis": 6379, "amqp": 5672, "pyamqp": 5672}
"""Schemes of URLs that can be led through a proxy, and their ports."""
_QUEUE_PACKETS = 100_000
"""So long that netem drops nothing but what it was told to: TCP's windows are shorter."""
_UNLIMITED = 4_000_000_000
"""Bytes per second: about the largest rate that netem keeps in 32 bits. See `netem`."""


@dataclass(frozen=True)
class Conditions:
    """What connections of a link are like."""

    delay_s: float = 0.0
    """One way."""
    jitter_s: float = 0.0
    bandwidth: int | None = None
    """Bytes per second."""
    loss: float = 0.0
    """Share of the packets, each way."""


def netem(conditions: Conditions) -> list[str]:
    """What one direction is like, in words of `tc`.

    netem draws the delay evenly from both sides of a mean. There is always a rate: with one,
    packets keep their order under jitter, and only another one ends an earlier one.
    """
    half_jitter_s = conditions.jitter_s / 2
    words = ["netem", "limit", f"{_QUEUE_PACKETS}", "delay"]
    words += [_in_us(conditions.delay_s + half_jitter_s)]
    words += [_in_us(half_jitter_s)] if half_jitter_s else []
    words += ["loss", f"{conditions.loss * 100:.6f}%"] if conditions.loss else []
    return [*words, "rate", f"{8 * (conditions.bandwidth or _UNLIMITED)}bit"]


def _in_us(time_s: float) -> str:
    """The smallest unit that `tc` reads."""
    return f"{time_s * 1e6:.3f}us"


class BadNetwork:
    """A running proxy. A context manager that leaves no process behind.

    Commands may come from any thread, but from one at a time.
    """

    def __init__(self, process: Client, by: Means) -> None:
        self._process = process
        self.by = by

    @classmethod
    def start(
        cls, environ: Mapping[str, str], logs: Path, workspace: Workspace, by: Means = "proxy"
    ) -> BadNetwork:
        """Start it. Only from the main thread: see `harness.processes`."""
        process = workspace.spawn(
            [sys.executable, "-P", "-m", "harness.services.bad_network.proxy", by],
            name="network",
            log=logs / "network.log",
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        network = cls(Client(process, "network"), by)
        try:
            network._process.answer(_ANSWER_S)
        except BaseException:
            network._process.close()
            raise
        return network

    @property
    def pid(self) -> int:
        """Process id of the proxy or of whatever else carries the connections."""
        return self._process.pid

    def __enter__(self) -> BadNetwork:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._process.__exit__(*raised)

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
        netloc = f"{login}{at}{answer['host']}:{answer['port']}"
        return urlunsplit(parts._replace(netloc=netloc))

    def set(self, link: str, conditions: Conditions) -> None:
        """What a link is like from now on. ServiceError if a proxy is to lose packets."""
        if self.by == "netem":
            self.shape(link, netem(conditions))
            return
        if conditions.loss:
            raise ServiceError("a proxy has no packets to lose: say by: netem")
        self._ask(
            "set",
            link=link,
            delay_s=conditions.delay_s,
            jitter_s=conditions.jitter_s,
            bandwidth=conditions.bandwidth,
        )

    def shape(self, link: str, discipline: Sequence[str]) -> None:
        """How packets wait at both ends of a link by netem from now on, in words of `tc`."""
        self._ask("shape", link=link, discipline=list(discipline))

    def packets(self) -> dict[str, float]:
        """Packets that links by netem have sent so far, both ways (`packets`), and how many of them
        were lost (`lost_packets`)."""
        answer = self._ask("count")
        return {"packets": answer["packets"], "lost_packets": answer["lost"]}

    def cut(self, link: str, *, hole: bool) -> None:
        """Cut a link: hold everything back (a hole), or reset all connections and new ones."""
        self._ask("cut", link=link, how="hole" if hole else "reset")

    def join(self, link: str) -> None:
        """Let connections of a link through again that `cut` had ended or refused."""
        self._ask("join", link=link)

    def _ask(self, command: str, **arguments: Any) -> Answer:
        return self._process.ask(command, _ANSWER_S, **arguments)
