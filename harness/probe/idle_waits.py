"""Waits of Celery's in which a worker only looks at the clock, cut short where none is measured.

They are in a block's first start of a worker, and in its stop when the block is over: `mingle` is a
second for what workers know that have only just begun, a loop asleep learns of its shutdown when it
wakes, a pool process stays for a second after its last word, and so on. The steps themselves are
all taken, in Celery's order, with every message and every handler of the user's. In between, and
where a worker is stopped or started on purpose while it is measured, nothing is changed.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import os
import sys
import time
from pathlib import Path
from typing import Any

from celery import signals
from celery.app.control import Inspect
from kombu.asynchronous import get_event_loop

from harness.probe.app_variables import FIRST_START_VARIABLE, OVER_VARIABLE

_NAP_S = 0.02
"""The longest that code sleeps which is hurried."""


def cut_short() -> None:
    """Cut them short in this worker, as the environment says."""
    if os.environ.get(FIRST_START_VARIABLE):
        _greet_without_waiting()
    if over := os.environ.get(OVER_VARIABLE):
        _stop_at_once(Path(over))


def _greet_without_waiting() -> None:
    """Let the worker's first `hello` to others ask for no answer. None after it is ready: a worker
    that has lost its broker greets the others as it does for any user. To wait for a shorter time
    would not do: on Redis the channel of tasks waits for answers in the server, a second each time.
    """
    hello = Inspect.hello

    @functools.wraps(hello)
    def greet(self: Any, from_node: str, revoked: Any = None) -> None:
        arguments = {"from_node": from_node, "revoked": revoked}
        self.app.control.broadcast("hello", arguments=arguments, connection=self.connection)

    def worker_ready(**_: Any) -> None:
        Inspect.hello = hello

    Inspect.hello = greet
    signals.worker_ready.connect(worker_ready, weak=False)


def _stop_at_once(over: Path) -> None:
    """What is done when the worker is told to end, if the file `over` says that the block is."""

    def worker_ends(**_: Any) -> None:  # inside the handler of SIGTERM
        if over.exists():
            _wake_loop()
            _ask_for_answers("kombu.transport.redis")
            _hurry("celery.concurrency.prefork")

    def process_ends(**_: Any) -> None:  # the last that is run in a process of the pool
        if over.exists():
            _hurry("billiard.pool")

    def interpreter_ends() -> None:  # after the handlers of everybody who came later
        if over.exists():
            gc.freeze()  # or it would look for garbage in all of Celery, a sixth of a second

    atexit.register(interpreter_ends)
    signals.worker_shutting_down.connect(worker_ends, weak=False)
    signals.worker_process_shutdown.connect(process_ends, weak=False)


def _wake_loop() -> None:
    """End the worker's sleep of up to a second: something that can be read at once wakes it, and
    then it sees that it is to stop."""
    hub: Any = get_event_loop()
    if hub is not None:  # as with gevent
        readable, writable = os.pipe()
        os.write(writable, b".")
        hub.add_reader(readable, hub.remove_reader, readable)


def _ask_for_answers(module: str) -> None:
    """Let a channel of kombu's for Redis ask for the answer that it waits for when it is closed: an
    empty one to its last BRPOP, which comes by itself within a second."""
    found: Any = sys.modules.get(module)
    if found is None:
        return
    close = found.Channel.close

    @functools.wraps(close)
    def close_soon(self: Any) -> None:
        waiting = self._in_poll
        if waiting:
            # Whoever may not ask, or cannot, waits as before.
            with contextlib.suppress(Exception):
                _unblock(self._create_client(), waiting)
        close(self)

    found.Channel.close = close_soon


def _unblock(client: Any, waiting: Any) -> None:
    """Have the server end a connection's wait, as if its time was up. A message that came first is
    still its answer."""
    host, port = waiting._sock.getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    for one in client.client_list():
        if one["addr"] == address:
            client.client_unblock(one["id"])


class _ShortNaps:
    """The module `time`, but for its `sleep`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, _NAP_S))


def _hurry(module: str) -> None:
    """Let the module's own code sleep for moments only: after each it looks again, or ends. One
    that this worker has not loaded runs nothing of it."""
    found: Any = sys.modules.get(module)
    if getattr(found, "time", None) is time:
        found.time = _ShortNaps()
