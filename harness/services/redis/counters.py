"""What a Redis server has counted, without what the harness itself asked it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

import redis

from harness.services.base import Counters

_SECTIONS = ("commandstats", "stats")
_TOTALS = {"total_net_input_bytes", "total_net_output_bytes"}


class OwnTraffic:
    """Commands and bytes of the harness' own looks at a server. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commands: Counter[str] = Counter()
        self._in_bytes = 0
        self._out_bytes = 0

    def note(self, words: tuple[str, ...], answer_bytes: int) -> None:
        """One command that was sent, and the size of its answer on the wire."""
        encoded = [word.encode() for word in words]
        sent = len(f"*{len(words)}\r\n")
        sent += sum(len(f"${len(word)}\r\n") + len(word) + 2 for word in encoded)
        with self._lock:
            self._commands[words[0].lower()] += 1
            self._in_bytes += sent
            self._out_bytes += answer_bytes

    def note_number(self, words: tuple[str, ...], answer: int) -> None:
        """Note one command that was sent, and that a number answered it."""
        self.note(words, len(f":{answer}\r\n"))

    def taken_out(self, commands: Mapping[str, int], in_bytes: int, out_bytes: int) -> Counters:
        """What is left for everybody else. Commands without a call are not named."""
        with self._lock:
            left = {name: calls - self._commands[name] for name, calls in commands.items()}
            figures = {
                "commands": sum(left.values()),
                "bytes_in": in_bytes - self._in_bytes,
                "bytes_out": out_bytes - self._out_bytes,
            }
        return Counters(
            figures | {f"command.{name}": calls for name, calls in left.items() if calls > 0}
        )


class CounterReader:
    """Asks for the counters over one connection that is kept: connecting is commands, too."""

    def __init__(self, url: str, own: OwnTraffic, *, timeout_s: float) -> None:
        """RESP 2, so that the size of an answer is known from its text."""
        self._own = own
        self._client = redis.Redis.from_url(
            url, protocol=2, socket_connect_timeout=timeout_s, socket_timeout=timeout_s
        )
        self._client.set_response_callback("INFO", _unparsed)

    def read(self) -> Counters | None:
        """Since the server started; None of one that speaks the protocol but does not count.

        redis.RedisError or OSError if it cannot be asked.
        """
        commands, totals = (_fields(self._info(section)) for section in _SECTIONS)
        if not commands or not totals.keys() >= _TOTALS:
            return None
        calls = {
            name.removeprefix("cmdstat_"): int(said.partition(",")[0].removeprefix("calls="))
            for name, said in commands.items()
            if name.startswith("cmdstat_")
        }
        return self._own.taken_out(
            # An INFO is in no count that it reports: neither its call nor its answer.
            calls | {"info": calls.get("info", 0) + len(_SECTIONS)},
            int(totals["total_net_input_bytes"]),
            int(totals["total_net_output_bytes"]) + self._last_answer_bytes,
        )

    def close(self) -> None:
        """Close the connection over which counters are read. Idempotent."""
        self._client.close()

    def _info(self, section: str) -> str:
        text: bytes = self._client.execute_command("INFO", section)  # type: ignore[no-untyped-call]  # redis' own gap
        self._last_answer_bytes = len(f"${len(text)}\r\n\r\n") + len(text)
        self._own.note(("INFO", section), self._last_answer_bytes)
        return text.decode(errors="replace")


def _unparsed(answer: bytes, **_: object) -> bytes:
    return answer


def _fields(text: str) -> dict[str, str]:
    lines = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, found, value in lines if found}
