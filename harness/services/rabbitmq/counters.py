"""RabbitMQ's own counters, read where the node counts: exact at every moment.

The management API's figures lag by up to 5 s, and a connection's bytes are lost when it closes.
The node's global counters (RabbitMQ 3.9 and later, shown by the Prometheus plugin) are
incremented with each message; the bytes are those of all the node's ports.
"""

from __future__ import annotations

import re
import socket

from harness.errors import ServiceError
from harness.services.base import Counters

_TIMEOUT_S = 10.0
_METRICS = {
    "rabbitmq_global_messages_received_total": "publishes",
    "rabbitmq_global_messages_delivered_total": "deliveries",
    "rabbitmq_global_messages_acknowledged_total": "acks",
    "erlang_vm_statistics_bytes_received_total": "bytes_in",
    "erlang_vm_statistics_bytes_output_total": "bytes_out",
}
_LINE = re.compile(rf"^({'|'.join(_METRICS)})(?:\{{[^}}]*\}})? (\d+)", re.MULTILINE)
_BYTES = ("bytes_in", "bytes_out")


class CounterReader:
    """Reads one private node's counters, and takes out what reading them costs."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._readings = 0
        self._own: dict[str, int] | None = None
        """Bytes that one reading adds to the node's counters: its question, its answer, and the
        answer once more, which the plugin writes into a buffer that counts as a port."""

    def read(self) -> Counters:
        """Since the node started. ServiceError if it does not answer, or does not count."""
        if self._own is None:
            first, second = self._scrape(), self._scrape()
            self._own = {name: second[name] - first[name] for name in _BYTES}
        found = self._scrape()
        taken_out = {name: found[name] - self._readings * self._own[name] for name in _BYTES}
        return Counters(found | taken_out)

    def _scrape(self) -> dict[str, int]:
        """Every figure by name; those of several queue types and protocols added up."""
        try:
            text = _get(self._port)
        except OSError as error:
            raise ServiceError(
                f"cannot read RabbitMQ's counters at 127.0.0.1:{self._port}: {error}"
            ) from error
        self._readings += 1
        found = dict.fromkeys(_METRICS.values(), 0)
        lines = _LINE.findall(text)
        if missing := _METRICS.keys() - {metric for metric, _ in lines}:
            raise ServiceError(
                f"this RabbitMQ does not show {', '.join(sorted(missing))}: versions before 3.9 "
                "have no global counters"
            )
        for metric, value in lines:
            found[_METRICS[metric]] += int(value)
        return found


def _get(port: int) -> str:
    """The whole answer. By hand: the same bytes are sent each time, on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: harness\r\nConnection: close\r\n\r\n")
        parts = []
        while part := connection.recv(1 << 16):
            parts.append(part)
    text = b"".join(parts).decode(errors="replace")
    if not text.startswith("HTTP/1.1 200"):
        raise OSError(f"it answered {text[:40]!r}")
    return text
