"""Handlers of Celery's signals, which are the user's own: what they raise, and how long they take.

Celery logs what a handler raises and goes on: no task fails of it, and no signal tells. So that
log is listened to where it is written, which costs nothing where nothing is raised. How long
the handlers of a signal take is measured around sending it, which Celery does where it has any.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import os
import sys
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from celery import signals
from celery.app import trace
from celery.utils.dispatch import Signal
from celery.utils.dispatch import signal as dispatching

from harness.probe.answers import cut, printable
from harness.probe.recording.events import (
    MOST_HANDLER_BYTES,
    NO_ID,
    RAISED,
    TIMED_SIGNALS,
    Kind,
    name_parts,
)
from harness.probe.recording.recorder import Recorder

_LEAST_TIME_NS = 1_000_000
"""Less than that is in no figure's way."""
_MOST_TOLD = 64
"""Different failures that a process tells by name; further ones only count."""
_LONGEST_NAME = 120
_LONGEST_MESSAGE = 200
_OUR_TASKS = "harness.probe."

Failure = tuple[str, str, str, str]
"""Signal, handler, type of the exception and its message."""


class Handlers:
    """Listens from its creation on, and records as soon as there is a recorder: an app's handlers
    may raise while it is imported."""

    def __init__(self) -> None:
        self._recorder: Recorder | None = None
        self._before: list[tuple[int, Failure]] = []
        self._numbers: dict[tuple[str, str, str], int] = {}
        self._next = itertools.count(1)
        self._pid = os.getpid()
        dispatching.logger = _Listening(dispatching.logger, self._raised)

    def record_into(self, recorder: Recorder) -> None:
        """Record what was heard so far, and from now on; and what handlers take."""
        self._recorder = recorder
        for at_ns, failure in self._before:
            self._record(recorder, at_ns, failure)
        self._before.clear()
        for number, name in enumerate(TIMED_SIGNALS):
            _time(getattr(signals, name), number, recorder)

    def _raised(self, receiver: Any, error: BaseException) -> None:
        sending = _sending(sys._getframe(2))
        if sending is None or _is_for_our_own(sending):
            return
        signal = str(getattr(sending["self"], "name", None) or "a signal of the app's own")
        failure = (signal, _name_of(receiver), type(error).__name__, _message_of(error))
        if self._recorder is None:
            self._before.append((time.monotonic_ns(), failure))
        else:
            self._record(self._recorder, time.monotonic_ns(), failure)

    def _record(self, recorder: Recorder, at_ns: int, failure: Failure) -> None:
        recorder.record(Kind.HANDLED, NO_ID, at_ns, self._number(recorder, failure), 0, RAISED)

    def _number(self, recorder: Recorder, failure: Failure) -> int:
        """Of a failure of this kind in this process' log, which says what it is; 0 beyond."""
        if self._pid != os.getpid():  # the parent's numbers stand in the parent's log
            self._pid, self._numbers, self._next = os.getpid(), {}, itertools.count(1)
        kind = failure[:3]
        if kind not in self._numbers:
            if len(self._numbers) >= _MOST_TOLD:
                return 0
            number = next(self._next)
            for part, text in enumerate(name_parts("\n".join(failure), MOST_HANDLER_BYTES)):
                recorder.record(Kind.HANDLER, text, time.monotonic_ns(), number, part)
            self._numbers[kind] = number
        return self._numbers[kind]


class _Listening:
    """The logger of Celery's signals, but for what it is told of failures. A filter or a handler of
    it would go silent with it, which an app's own logging configuration may well ask for."""

    def __init__(self, logger: Any, raised: Callable[[Any, BaseException], None]) -> None:
        self._logger = logger
        self._raised = raised

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)

    def exception(self, message: str, *args: Any, **kwargs: Any) -> None:
        """Called by Celery where a handler raised: note the handler and its error, then log it."""
        error = sys.exc_info()[1]
        if error is not None and args:
            self._raised(args[0], error)
        self._logger.exception(message, *args, **{"stacklevel": 2, **kwargs})

    def error(self, message: str, *args: Any, **kwargs: Any) -> None:
        """A handler raised that is connected with `retry`: it is called again, without end."""
        error, frame = sys.exc_info()[1], sys._getframe(1)
        if error is not None and "retry_fun" in frame.f_locals:
            self._raised(frame.f_locals["retry_fun"], error)
        self._logger.error(message, *args, **{"stacklevel": 2, **kwargs})


def _sending(frame: FrameType | None) -> Mapping[str, Any] | None:
    """The local variables of `Signal.send` that called the handler."""
    while frame is not None:
        if isinstance(frame.f_locals.get("self"), Signal) and "named" in frame.f_locals:
            return frame.f_locals
        frame = frame.f_back
    return None


def _is_for_our_own(sending: Mapping[str, Any]) -> bool:
    """Whether the signal is about a task of the harness, of which a user's code knows nothing."""
    about = (sending.get("sender"), sending["named"].get("request"))
    names = (one if isinstance(one, str) else getattr(one, "name", None) for one in about)
    return any(isinstance(name, str) and name.startswith(_OUR_TASKS) for name in names)


def _name_of(receiver: Any) -> str:
    """Module and name of a function, a method, or an object that can be called."""
    named = getattr(receiver, "func", receiver)  # a functools.partial
    if not hasattr(named, "__qualname__"):
        named = type(named)
    module = getattr(named, "__module__", None)
    name = f"{module}.{named.__qualname__}" if module else str(named.__qualname__)
    return printable(name)[:_LONGEST_NAME]


def _message_of(error: BaseException) -> str:
    try:
        text = printable(str(error))
    except Exception:  # an exception whose own code fails  # noqa: BLE001
        return "its message cannot be shown"
    return text if len(text) <= _LONGEST_MESSAGE else cut(text, _LONGEST_MESSAGE)


def _time(signal: Any, number: int, recorder: Recorder) -> None:
    send: Callable[..., Any] = signal.send
    record, now = recorder.record, time.monotonic_ns

    @functools.wraps(send)
    def timed(*args: Any, **kwargs: Any) -> Any:
        begin_ns = now()
        responses = send(*args, **kwargs)
        end_ns = now()
        if end_ns - begin_ns >= _LEAST_TIME_NS:
            record(Kind.HANDLED, NO_ID, end_ns, (end_ns - begin_ns) // 1000, number)
        return responses

    # Celery takes `send` of the object when it is about to use it, but for what this module took
    # when it was imported.
    for name, value in list(vars(trace).items()):
        if inspect.ismethod(value) and value == send:  # proxies of old Celery cannot be compared
            setattr(trace, name, timed)
    signal.send = timed
