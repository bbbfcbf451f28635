"""Watches a Redis backend by one subscription to the keys of all results.

The server pushes every result that is stored, which costs it one more copy and us one read.
Whatever is read is stamped at once and judged a moment later, together with others: a process
that has to judge each time it is woken works with cold caches, at five times the CPU. The server
drops subscribers that do not read (`client-output-buffer-limit pubsub`), so the socket is emptied
before each single result is judged.
"""

from __future__ import annotations

import contextlib
import select
import ssl
import time
from collections import deque
from itertools import islice
from typing import Any

from celery import Celery

from harness.probe.loads.published import PublishedUnits
from harness.probe.watching.base import Troubles
from harness.probe.watching.resp import Replies, ReplyError
from harness.probe.watching.sightings import Sightings

_RECEIVE_BYTES = 1 << 18
_GATHER_S = 0.05
_JUDGE_S = 0.05
_MOST_GATHERED_BYTES = 1 << 17
_QUIET_S = 0.5
_CONNECT_S = 5.0
_RETRY_S = 0.2
_PING_S = 2.0
"""A silent connection is asked for a sign of life, and given up when none comes for thrice that."""
_MISSING_AT_ONCE = 200
"""Results fetched after an interruption, before the socket is looked at again."""

_Read = tuple[int, bytes]
"""When (ns) the bytes were read, and the bytes; none if there were none."""


class Subscription:
    """PSUBSCRIBE, over a connection with all parameters of Celery's own."""

    method = "psubscribe"
    reply_to: str | None = None
    resolution_s = 0.0

    def __init__(self, app: Celery, events: str, sightings: Sightings, troubles: Troubles) -> None:
        self._backend = app.backend
        self._events = events
        self._sightings = sightings
        self._troubles = troubles
        self._prefix: bytes = app.backend.task_keyprefix
        self._tags: frozenset[int] = frozenset()
        self._line: _Line | None = None
        self._gathered: deque[_Read] = deque()
        self._results: deque[tuple[int, bytes, bytes]] = deque()
        """When it was read (ns), channel and payload."""
        self._missing: deque[str] = deque()
        self._next_try_s = 0.0
        self._errors = (OSError, ReplyError, *app.backend.connection_errors)
        self.caught_up = 0

    @property
    def moment_s(self) -> float:
        """Forever, while results may be missing."""
        pending = self._gathered or self._results or self._missing
        return float("inf") if pending or self._line is None else _QUIET_S

    def open(self) -> None:
        """Subscribe; returns when the server has confirmed it."""
        line = _Line(self._backend)
        try:
            line.subscribe(_escaped(self._prefix) + b"*")
        except BaseException:
            line.close()
            raise
        self._line = line

    def watch(self, tags: frozenset[int]) -> None:
        """They are needed to tell what was missed when the connection is lost."""
        self._tags = tags

    def step(self, wait_s: float) -> None:
        """Gather what comes, then judge it; look for what was missed, where something was."""
        try:
            if self._line is None:
                self._open_again(wait_s)
            else:
                self._gather(self._line)
                self._judge(self._line)
        except self._errors as error:
            self._troubles.note("the subscription was lost", error)
            self.close()
            self._next_try_s = time.monotonic() + _RETRY_S

    def close(self) -> None:
        """Drop the subscriptions and the connection. Idempotent."""
        if self._line is not None:
            with contextlib.suppress(ReplyError):
                self._sort(self._line)
            self._gathered.clear()
            self._line.close()
            self._line = None

    def _gather(self, line: _Line) -> None:
        """Little is done here, because it is done for each result."""
        if self._results or self._missing:
            return  # there is enough to do
        size, rest_s = 0, _GATHER_S
        until_s = time.monotonic() + rest_s
        while rest_s > 0 and size < _MOST_GATHERED_BYTES and line.wait(rest_s):
            read = line.read()
            self._gathered.append(read)
            size += len(read[1])
            rest_s = until_s - time.monotonic()

    def _judge(self, line: _Line) -> None:
        until_ns = time.monotonic_ns() + int(_JUDGE_S * 1e9)
        while self._sort(line):
            if self._results:
                self._note(*self._results.popleft())
            else:
                self._fetch_missing()
            read = line.read()
            if read[1]:
                self._gathered.append(read)
            if read[0] > until_ns:
                return

    def _note(self, time_ns: int, channel: bytes, payload: bytes) -> None:
        task_id = channel[len(self._prefix) :].decode(errors="replace")
        self._sightings.note(task_id, time_ns, payload, self._backend.decode_result)

    def _sort(self, line: _Line) -> bool:
        """Find the results in what was gathered. False if nothing is left to do."""
        while self._gathered:
            time_ns, data = self._gathered.popleft()
            for channel, payload in line.results(data):
                self._results.append((time_ns, channel, payload))
        return bool(self._results or self._missing)

    def _open_again(self, wait_s: float) -> None:
        """What is stored from now on is pushed; what was stored by now has to be fetched."""
        while self._results:  # they had come before the connection was lost
            self._note(*self._results.popleft())
        rest_s = self._next_try_s - time.monotonic()
        if rest_s > 0:
            time.sleep(min(rest_s, wait_s))
            return
        self.open()
        self._missing = deque(
            task_id
            for sent in PublishedUnits(self._events, self._tags).fresh()
            if not sent.failed
            for task_id in self._sightings.missing(sent.tag, sent.unit)
        )

    def _fetch_missing(self) -> None:
        ids = list(islice(self._missing, _MISSING_AT_ONCE))
        before = self._sightings.seen
        values = self._backend.mget([self._backend.get_key_for_task(task_id) for task_id in ids])
        now_ns = time.monotonic_ns()
        for task_id, value in zip(ids, values):
            self._missing.popleft()
            if value is not None:
                self._sightings.note(task_id, now_ns, value, self._backend.decode_result)
        self.caught_up += self._sightings.seen - before


class _Line:
    """The connection of a subscription: opened by redis-py, read by hand.

    redis-py takes three times the CPU to read a message.
    """

    def __init__(self, backend: Any) -> None:
        pool = backend.client.connection_pool
        parameters = dict(pool.connection_kwargs)
        for limit in ("socket_connect_timeout", "socket_timeout"):
            # Celery waits two minutes for a server that says nothing.
            if limit in parameters:
                parameters[limit] = min(parameters[limit] or _CONNECT_S, _CONNECT_S)
        self._connection = pool.connection_class(**parameters)
        self._replies = Replies()
        self._buffer = memoryview(bytearray(_RECEIVE_BYTES))
        self._confirmed = False
        self._heard_s = self._asked_s = time.monotonic()

    def subscribe(self, pattern: bytes) -> None:
        """Connect and subscribe. OSError, ReplyError or what redis-py raises."""
        self._connection.connect()
        self._connection.send_command("PSUBSCRIBE", pattern, check_health=False)
        self._socket = self._connection._sock  # it has no public name; Celery takes it, too
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        deadline = time.monotonic() + _CONNECT_S
        while not self._confirmed:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the server did not confirm PSUBSCRIBE within {_CONNECT_S:g} s")
            self._poll.poll(100)
            # What comes with the confirmation came before anybody relied on it.
            self.results(self.read()[1])

    def read(self) -> _Read:
        """What has come. ConnectionResetError if the server left."""
        try:
            size = self._socket.recv_into(self._buffer)
        except (BlockingIOError, ssl.SSLWantReadError):
            return time.monotonic_ns(), b""
        now_ns = time.monotonic_ns()
        if size == 0:
            raise ConnectionResetError("the server closed the connection")
        self._heard_s = now_ns / 1e9
        return now_ns, bytes(self._buffer[:size])

    def results(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Channel and payload of the results that are complete with these bytes. ReplyError."""
        found = []
        for reply in self._replies.feed(data):
            if isinstance(reply, list) and len(reply) == 4 and reply[0] == b"pmessage":
                found.append((reply[2], reply[3]))
            elif isinstance(reply, list) and reply and reply[0] == b"psubscribe":
                self._confirmed = True
        return found

    def wait(self, wait_s: float) -> bool:
        """Whether there is something to read within that time. TimeoutError if nothing comes
        even when asked."""
        if self._poll.poll(wait_s * 1000):
            return True
        now_s = time.monotonic()
        if now_s - self._heard_s > 3 * _PING_S:
            raise TimeoutError(f"the server said nothing for {3 * _PING_S:g} s, though asked")
        if now_s - max(self._heard_s, self._asked_s) > _PING_S:
            self._asked_s = now_s
            self._socket.send(b"*1\r\n$4\r\nPING\r\n")
        return False

    def close(self) -> None:
        """Disconnect from the server. Idempotent."""
        self._connection.disconnect()


def _escaped(prefix: bytes) -> bytes:
    """A pattern that stands for the prefix itself, whatever characters are in it."""
    return b"".join(b"\\" + bytes([one]) if one in b"*?[]^\\" else bytes([one]) for one in prefix)
