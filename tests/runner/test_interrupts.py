"""Interrupting signals, sent for real, to a process that says where it is."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.runner.telling.interrupts import Interrupts

PROGRAM = """
import os, signal, sys
from harness.runner.telling.interrupts import Interrupts

def say(*words):
    print(*words, flush=True)

arrived, told = os.pipe()
os.set_blocking(told, False)
signal.set_wakeup_fd(told)

def nap():
    "Until a signal has arrived, and no longer."
    os.read(arrived, 1)

interrupts = Interrupts()
try:
    with interrupts:
        if sys.argv[1] == "plain":
            say("ready")
            nap()
            say("went on")
        with interrupts.deferred():
            for _ in range(int(sys.argv[2])):
                say("ready", interrupts.requested)
                nap()
            say("deferred over", interrupts.requested)
        if sys.argv[1] == "after":
            say("ready again")
            nap()
            say("went on")
except KeyboardInterrupt:
    say("interrupted", interrupts.requested)
say("end")
"""


@contextmanager
def program(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_while_starting_the_first_signal_interrupts(number: signal.Signals) -> None:
    with program("plain", "0") as process:
        assert line(process) == "ready"
        process.send_signal(number)
        assert line(process) == "interrupted True"
        assert line(process) == "end"
        assert process.wait(60) == 0


@pytest.mark.parametrize("number", SIGNALS)
def test_while_measuring_the_first_signal_only_asks(number: signal.Signals) -> None:
    with program("deferred", "1") as process:
        assert line(process) == "ready False"
        process.send_signal(number)
        assert line(process) == "deferred over True"
        assert line(process) == "end"
        assert process.wait(60) == 0


@pytest.mark.parametrize("second", SIGNALS)
def test_while_measuring_the_second_signal_interrupts(second: signal.Signals) -> None:
    with program("deferred", "2") as process:
        assert line(process) == "ready False"
        process.send_signal(signal.SIGINT)
        assert line(process) == "ready True"
        process.send_signal(second)
        assert line(process) == "interrupted True"
        assert process.wait(60) == 0


def test_after_the_measurement_a_signal_interrupts_again() -> None:
    with program("after", "1") as process:
        assert line(process) == "ready False"
        process.send_signal(signal.SIGTERM)
        assert line(process) == "deferred over True"
        assert line(process) == "ready again"
        process.send_signal(signal.SIGINT)
        assert line(process) == "interrupted True"
        assert process.wait(60) == 0


def test_leaving_gives_the_handlers_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interrupts() as interrupts:
        assert [signal.getsignal(number) for number in SIGNALS] != before
        assert not interrupts.requested
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_an_error_while_measuring_ends_the_deferral() -> None:
    """Otherwise the next Ctrl-C would only set a flag that nobody looks at."""
    with Interrupts() as interrupts:
        with pytest.raises(ZeroDivisionError), interrupts.deferred():
            _ = 1 / 0
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
