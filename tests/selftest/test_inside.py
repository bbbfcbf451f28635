"""Standing still: just as long as asked for, and never for good."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest

from harness.probe.app_variables import ROLE_VARIABLE
from harness.selftest.inside import Inside, MeddlingError

FAMILY = """
import subprocess, sys
code = "import sys; print('up', flush=True); sys.stdin.read()"
child = subprocess.Popen([sys.executable, "-c", code])
child.wait()
"""


@pytest.fixture
def family() -> Iterator[list[psutil.Process]]:
    """A process and its child, which say that they are workers."""
    environ = {**os.environ, ROLE_VARIABLE: "worker"}
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        parent = psutil.Process(process.pid)
        try:
            yield [parent, *parent.children()]
        finally:
            for one in [*parent.children(), parent]:
                one.kill()


def _stopped(family: list[psutil.Process]) -> list[bool]:
    return [process.status() == psutil.STATUS_STOPPED for process in family]


def test_parents_come_first(family: list[psutil.Process]) -> None:
    found = Inside(threading.Event()).processes("worker")
    assert [process.pid for process in found] == [process.pid for process in family]
    assert Inside(threading.Event()).processes("client") == []


def test_all_stand_still_as_long_as_asked_for(family: list[psutil.Process]) -> None:
    inside = Inside(threading.Event())
    with inside.standing("worker"):
        assert _stopped(family) == [True, True]
    assert _stopped(family) == [False, False]
    stall = inside.stall("worker", 0.2)
    assert 0.2 <= stall.duration_s < 20
    assert _stopped(family) == [False, False]


def test_they_go_on_when_the_block_ends_early(family: list[psutil.Process]) -> None:
    over = threading.Event()
    threading.Timer(0.2, over.set).start()
    with pytest.raises(MeddlingError, match="the block ended before"):
        Inside(over).stall("worker", 60.0)
    assert _stopped(family) == [False, False]


def test_they_go_on_when_planting_fails(family: list[psutil.Process]) -> None:
    with pytest.raises(ZeroDivisionError), Inside(threading.Event()).standing("worker"):
        raise ZeroDivisionError
    assert _stopped(family) == [False, False]


def test_nothing_is_waited_for_once_the_block_is_over() -> None:
    over = threading.Event()
    over.set()
    with pytest.raises(MeddlingError, match="waited in vain for the begin"):
        Inside(over).wait(lambda: False, "the begin")
