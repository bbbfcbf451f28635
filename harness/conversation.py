"""A client or observer process, and the conversation with it: a JSON line each way."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import time
from collections.abc import Callable
from typing import Any, Literal

from harness.errors import ClientError
from harness.processes import Process
from harness.usage import Usage, usage
from harness.working_place import WorkingPlace

_LOOK_S = 0.1
EXIT_GRACE_S = 10.0


Answer = dict[str, Any]
"""What a process answered: JSON as it came in. Of the probe's processes see `probe.spoken`."""


def answer_in(line: bytes) -> Answer | None:
    """The answer that a line of a process' standard output is; None for what a Python of the
    user's prints there while it starts, before the probe keeps other output apart."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    said = isinstance(message, dict) and ("done" in message or "error" in message)
    return message if said else None


Speaker = Literal["client", "observer", "network"]
"""Who is spoken to: who publishes, who watches results for it, or what connections lead through."""


class Client:
    """A running client or observer. A context manager that leaves no process behind."""

    def __init__(self, process: Process, part: Speaker = "client") -> None:
        self._process = process
        self._part = part
        self._rest = b""

    @classmethod
    def start(
        cls,
        place: WorkingPlace,
        part: Speaker = "client",
        name: str = "",
    ) -> Client:
        """Start the process. It answers `done: start` when it has built its app and, as an
        observer, really watches."""
        argv = (place.interpreter.python, "-m", f"harness.probe.{part}")
        process = place.spawn(argv, name or part, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return cls(process, part)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, _: object, exc: BaseException | None, *__: object) -> None:
        if isinstance(exc, KeyboardInterrupt):  # at once: nobody waits for results
            self._process.kill()
        self.close()

    @property
    def pid(self) -> int:
        """Id of the client's process."""
        return self._process.pid

    def tell(self, command: str, **arguments: Any) -> None:
        """Send a command without waiting. ClientError if the process is gone."""
        line = json.dumps({"do": command, **arguments}) + "\n"
        assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except OSError as error:
            raise self._gone() from error

    def answer(self, limit_s: float | None, watch: Callable[[], None] = lambda: None) -> Answer:
        """The next answer. `watch` is called about every 0.1 s and may raise.

        ClientError if the process dies, reports an error, or says nothing within `limit_s`.
        """
        deadline = None if limit_s is None else time.monotonic() + limit_s
        while (message := self._received()) is None:
            self._receive()
            watch()
            if deadline is not None and time.monotonic() > deadline:
                raise ClientError(
                    f"the {self._part} did not answer within {limit_s:g} s; {self._tail()}"
                )
        if "error" in message:
            raise ClientError(f"the {self._part} failed: {message['error']}; {self._tail()}")
        return message

    def ask(
        self,
        command: str,
        limit_s: float | None,
        watch: Callable[[], None] = lambda: None,
        /,
        **arguments: Any,
    ) -> Answer:
        """Send a command (`tell`) and wait for its answer (`answer`), which says what may be
        raised."""
        self.tell(command, **arguments)
        return self.answer(limit_s, watch)

    def usage(self) -> Usage:
        """CPU and memory of the process."""
        return usage([self._process.pid])

    def close(self) -> None:
        """Let it close its event log and end; kill it if it does not. Idempotent."""
        if self._process.alive() and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # the end of its input tells it to leave
            self._process.wait(EXIT_GRACE_S)
        self._process.kill()

    def _received(self) -> Answer | None:
        """The next answer, if all of it has come in."""
        while b"\n" in self._rest:
            line, _, self._rest = self._rest.partition(b"\n")
            if (message := answer_in(line)) is not None:
                return message
        return None

    def _receive(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if selector.select(_LOOK_S):
                data = os.read(self._process.stdout.fileno(), 65536)
                if not data:
                    raise self._gone()
                self._rest += data

    def _gone(self) -> ClientError:
        self._process.wait(1.0)
        return ClientError(
            f"the {self._part} ended with exit code {self._process.returncode}; {self._tail()}"
        )

    def _tail(self) -> str:
        return f"the end of {self._process.log.name}:\n{self._process.log_tail(15)}"
