"""Handlers of signals that raise, or take long: heard where Celery logs them and goes on."""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import signals
from celery.app import trace
from celery.utils.dispatch import Signal
from celery.utils.dispatch import signal as dispatching

from harness.probe.recording.events import TIMED_SIGNALS
from harness.probe.recording.handlers import Handlers
from harness.probe.recording.recorder import Recorder
from harness.results.diagnoses.clues import Clues, Raised, clues_in


class Named:
    """What signals are about: a task, a request."""

    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)


TASK = Named(name="shop.resize")


def raising(error: Exception) -> Callable[..., None]:
    def handler(**_: Any) -> None:
        raise error

    return handler


class Called:
    """An object that can be called, and has a method that can."""

    def __call__(self, **_: Any) -> None:
        raise KeyError("called")

    def method(self, **_: Any) -> None:
        raise KeyError("method")


class SilentError(Exception):
    """Cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.fixture(autouse=True)
def _put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "logger", dispatching.logger)
    for name in TIMED_SIGNALS:
        signal = getattr(signals, name)
        monkeypatch.setattr(signal, "send", signal.send)
    for name in ("send_prerun", "send_postrun", "send_success"):
        monkeypatch.setattr(trace, name, getattr(trace, name))


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    made = Recorder(str(tmp_path), "worker", child_role="child")
    yield made
    made.close()


def heard(folder: Path) -> list[Raised]:
    return list(clues_in(folder).raised)


def sent(handler: Callable[..., Any], *, times: int = 1, sender: Any = TASK, **named: Any) -> None:
    """Have a signal sent to it, so often."""
    signal = Signal(name="task_postrun")
    signal.connect(handler, weak=False)
    for _ in range(times):
        signal.send(sender=sender, **named)


def test_what_it_raised_and_how_often(recorder: Recorder, tmp_path: Path) -> None:
    """Also while the app is imported, when there is no recorder yet."""
    handlers = Handlers()
    sent(raising(KeyError("early")))
    handlers.record_into(recorder)
    sent(raising(ValueError("one\nof two \x1b[31m")), times=3)
    one = Called()
    for handler in (one, one.method, functools.partial(raising(OSError("part")), number=1)):
        sent(handler)
    sent(raising(SilentError()))
    sent(lambda **_: None)
    here, function = __name__, f"{__name__}.raising.<locals>.handler"
    assert heard(tmp_path) == [
        Raised("task_postrun", function, "ValueError", r"one\nof two \x1b[31m", 3),
        Raised("task_postrun", f"{here}.Called", "KeyError", "'called'", 1),
        Raised("task_postrun", f"{here}.Called.method", "KeyError", "'method'", 1),
        Raised("task_postrun", function, "KeyError", "'early'", 1),
        Raised("task_postrun", function, "OSError", "part", 1),
        Raised("task_postrun", function, "SilentError", "its message cannot be shown", 1),
    ]


def test_celery_is_told_as_before(
    recorder: Recorder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And an app that silences Celery's loggers hides nothing."""
    Handlers().record_into(recorder)
    sent(raising(ValueError("aloud")))
    (said,) = caplog.records
    assert "Signal handler" in said.getMessage()
    assert Path(said.pathname).name == "signal.py"
    logger = logging.getLogger(dispatching.__name__)
    logger.disabled = True
    try:
        sent(raising(ValueError("silent")))
    finally:
        logger.disabled = False
    assert len(caplog.records) == 1
    assert [one.times for one in heard(tmp_path)] == [2]


def test_a_handler_that_is_called_until_it_works(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Handlers().record_into(recorder)
    tries = iter((True, True, False))

    def patient(**_: Any) -> None:
        if next(tries):
            raise ConnectionError("not there")

    signal = Signal(name="worker_ready")
    signal.connect(patient, retry=True)
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _: None)
    signal.send(sender="worker@host")
    (raised,) = heard(tmp_path)
    assert raised.handler.endswith("patient")
    assert (raised.signal, raised.error, raised.message, raised.times) == (
        *("worker_ready", "ConnectionError", "not there"),
        2,
    )


@pytest.mark.parametrize(
    ("sender", "named"),
    [
        (Named(name="harness.probe.tasks.probe"), {}),
        ("harness.probe.tasks.probe", {}),
        (Named(), {"request": Named(name="harness.probe.tasks.probe")}),
    ],
)
def test_the_harness_own_tasks_are_nobodys_business(
    recorder: Recorder, tmp_path: Path, sender: Any, named: dict[str, Any]
) -> None:
    """A handler that looks them up in a table of the app's tasks fails for them only."""
    Handlers().record_into(recorder)
    recorder.open()
    sent(raising(KeyError("probe")), sender=sender, **named)
    assert heard(tmp_path) == []


def test_a_pool_process_has_numbers_of_its_own(recorder: Recorder, tmp_path: Path) -> None:
    Handlers().record_into(recorder)
    sent(raising(ValueError("parent")))
    if (pid := os.fork()) == 0:
        try:
            sent(raising(KeyError("child")))
            sent(raising(ValueError("parent's own")), times=2)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    found = {one.error: (one.message, one.times) for one in heard(tmp_path)}
    assert found["KeyError"] == ("'child'", 1)
    assert found["ValueError"][1] == 3


def test_failures_beyond_number_are_counted(recorder: Recorder, tmp_path: Path) -> None:
    Handlers().record_into(recorder)
    for number in range(70):
        sent(raising(type(f"Error{number:02}", (Exception,), {})()))
    found = heard(tmp_path)
    assert sum(one.times for one in found) == 70
    assert [one.times for one in found if not one.handler] == [6]


def test_credentials_in_messages_are_taken_out(recorder: Recorder, tmp_path: Path) -> None:
    """A message that is too long is cut between words: half a password is none that is known."""
    Handlers().record_into(recorder)
    sent(raising(OSError("x " * 95 + "redis://user:secret@host/0 is away")))
    (raised,) = clues_in(tmp_path, lambda text: text.replace("secret", "***")).raised
    assert raised.message.startswith("x x x")
    assert raised.message.endswith("...")
    assert "redis" not in raised.message


def test_what_the_handlers_of_a_signal_take(recorder: Recorder, tmp_path: Path) -> None:
    def slow(**_: Any) -> None:
        time.sleep(0.002)

    Handlers().record_into(recorder)
    recorder.open()
    signals.task_prerun.connect(slow)
    try:
        for _ in range(3):
            trace.send_prerun(sender=TASK)  # what the tracing of tasks calls
    finally:
        signals.task_prerun.disconnect(slow)
    handled = clues_in(tmp_path).handled
    assert [TIMED_SIGNALS[one] for one in handled["position"]] == ["task_prerun"] * 3
    assert handled["unit"].min() >= 2000
    assert Clues().raised == ()
