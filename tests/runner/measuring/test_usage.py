"""CPU time and memory of process trees, against programs that say what they used."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.usage import Usage, connections, forget_peaks, listening_ports, usage, usage_of

BURN = """
import os, sys, time

def burn(seconds):
    "Use that much CPU time, by this process' own clock."
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

def say(*words):
    print(*words, flush=True)
    sys.stdin.readline()
"""


@contextmanager
def program(body: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", BURN + body],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_cpu_of_one_process_is_exact() -> None:
    """Between two looks 0.3 s are burnt: the difference is that, not a multiple of 10 ms."""
    with program("say(0)\nburn(0.3)\nsay(time.process_time_ns())") as process:
        heard(process)
        before = usage([process.pid])
        go_on(process)
        own_ns = int(heard(process))
        after = usage([process.pid])
        burnt_s = (after.cpu_ns - before.cpu_ns) / 1e9
        assert 0.3 <= burnt_s < 0.31
        assert abs(after.cpu_ns - own_ns) < 5e6


def test_cpu_of_living_children_counts() -> None:
    body = """
child = os.fork()
if child == 0:
    burn(0.2)
    say("burnt")
else:
    os.wait()
"""
    with program(body) as process:
        assert heard(process) == "burnt"
        assert 0.2 <= usage([process.pid]).cpu_ns / 1e9 < 0.39, "once each, and Python's own start"


def test_cpu_of_reaped_children_counts() -> None:
    """What a pool child used that `max_tasks_per_child` has ended."""
    body = """
say(0)
for _ in range(3):
    child = os.fork()
    if child == 0:
        burn(0.1)
        os._exit(0)
    os.waitpid(child, 0)
say("burnt")
"""
    with program(body) as process:
        heard(process)
        before = usage([process.pid])
        go_on(process)
        assert heard(process) == "burnt"
        burnt_s = (usage([process.pid]).cpu_ns - before.cpu_ns) / 1e9
        assert 0.28 <= burnt_s < 0.36  # the kernel counts the reaped in ticks of 10 ms


def test_several_roots_add_up_and_the_dead_count_nothing() -> None:
    with program("burn(0.1)\nsay(0)") as one, program("burn(0.1)\nsay(0)") as other:
        heard(one)
        heard(other)
        both = usage([one.pid, other.pid])
        assert both.cpu_ns == pytest.approx(
            usage([one.pid]).cpu_ns + usage([other.pid]).cpu_ns, abs=5_000_000
        )
        gone = one.pid
        one.kill()
        one.wait()
        assert usage([gone]) == Usage(0, 0)
        assert usage([gone, other.pid]).cpu_ns >= 100_000_000
    assert usage([]) == Usage(0, 0)


def test_peak_memory_is_remembered_after_it_was_given_back() -> None:
    body = """
say(0)
block = b"x" * 100_000_000
del block
say("freed")
"""
    with program(body) as process:
        heard(process)
        before = usage([process.pid]).peak_rss_bytes
        go_on(process)
        assert heard(process) == "freed"
        grown = usage([process.pid]).peak_rss_bytes - before
        assert 95_000_000 <= grown < 110_000_000


def test_given_processes_alone_count_and_not_their_children() -> None:
    body = """
burnt, told = os.pipe()
child = os.fork()
burn(0.1)
if child:
    os.read(burnt, 1)
    say(child)
else:
    os.write(told, b"x")
    sys.stdin.readline()
"""
    with program(body) as process:
        child = int(heard(process))
        both = usage_of([process.pid, child])
        assert both.cpu_ns == pytest.approx(usage([process.pid]).cpu_ns, abs=5_000_000)
        assert usage_of([process.pid]).cpu_ns <= both.cpu_ns - 100_000_000
        assert usage_of([2**22]) == Usage(0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="no other system can")
def test_a_peak_can_be_forgotten() -> None:
    """So that a server's peak is that of one block, not of all the blocks before it."""
    body = """
block = b"x" * 100_000_000
del block
say("freed")
block = b"x" * 50_000_000
say("again")
"""
    with program(body) as process:
        assert heard(process) == "freed"
        first = usage([process.pid]).peak_rss_bytes
        assert forget_peaks([2**22, process.pid])
        assert usage([process.pid]).peak_rss_bytes < first - 95_000_000
        go_on(process)
        assert heard(process) == "again"
        assert 45_000_000 < first - usage([process.pid]).peak_rss_bytes < 55_000_000


def test_ports_that_processes_listen_on_are_seen() -> None:
    """A child's, too; a connection of its own is none."""
    body = """
import os, socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
say(server.getsockname()[1])
"""
    with program(body) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert listening_ports([process.pid]) == (port,)
    assert listening_ports([process.pid]) == ()


def test_connections_of_a_tree_are_counted_once() -> None:
    """Three that a child shares with its parent, and one of its own; not what waits for
    connections, nor one that is closed, nor those of others."""
    body = """
import socket
port = int(sys.stdin.readline())
held = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
held.pop().close()
waits = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:
    own = socket.create_connection(("127.0.0.1", port))
    say("ready")
    os._exit(0)
os.wait()
say("alone")
"""
    with socket.create_server(("127.0.0.1", 0)) as server, program(body) as process:
        assert process.stdin is not None
        process.stdin.write(f"{server.getsockname()[1]}\n")
        process.stdin.flush()
        assert heard(process) == "ready"
        assert connections([process.pid]) == 4
        go_on(process)
        assert heard(process) == "alone"
        assert connections([process.pid]) == 3
    assert connections([process.pid]) == 0
