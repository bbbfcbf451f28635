"""Children end when told, when their parent ends, and with all their descendants."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from harness.crew.falls import Fall
from harness.crew.workers import Workers
from harness.environments.interpreter import Interpreter
from harness.processes import (
    Process,
    SpawnError,
    create_time,
    is_alive,
    kill_marked,
    pid_lives,
    spawn,
    wait_ended,
)
from harness.scenario.models.configuration import Worker
from harness.services.redaction import redact
from harness.working_place import WorkingPlace
from harness.workspace import open_workspace

DEADLINE_S = 10.0
FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""
GRANDPARENT = """
import os, sys, time
from pathlib import Path
from harness.processes import spawn
child = spawn(["sleep", "600"], name="child", log=Path(sys.argv[1]), env=os.environ)
print(child.pid, flush=True)
time.sleep(600)
"""

NEGLECTFUL = """
import subprocess, time
child = subprocess.Popen(["true"])
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., Process]:
    def start(code: str, *words: str) -> Process:
        return spawn(
            [sys.executable, "-c", code, *words],
            name="child",
            log=tmp_path / "child.log",
            env={
                **os.environ,
                "PYTHONPATH": str(Path(__file__).parent.parent.parent),
                "TEST_FOLDER": str(tmp_path),
            },
            stdout=subprocess.PIPE,
        )

    return start


def line(process: Process) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def test_an_exit_code_is_seen_without_reaping(python: Callable[..., Process]) -> None:
    process = python("raise SystemExit(3)")
    assert process.wait(DEADLINE_S)
    assert not process.alive()
    assert process.returncode == 3
    assert os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT) is not None
    process.stop()
    assert process.returncode == 3


def test_stop_is_a_sigterm_to_the_leader(python: Callable[..., Process]) -> None:
    process = python("print('ready', flush=True); import time; time.sleep(600)")
    assert line(process) == "ready"
    process.stop()
    process.stop()
    process.kill()
    assert process.returncode == -signal.SIGTERM


def test_who_ignores_sigterm_is_killed(python: Callable[..., Process]) -> None:
    process = python(STUBBORN)
    assert line(process) == "ready"
    process.stop(grace_s=0.1)
    assert process.returncode == -signal.SIGKILL


def test_descendants_go_with_the_leader(python: Callable[..., Process]) -> None:
    process = python(FAMILY)
    child = psutil.Process(int(line(process)))
    process.stop()
    assert wait_ended([child], DEADLINE_S) == []


def test_leftovers_of_a_leader_that_died_are_killed(python: Callable[..., Process]) -> None:
    process = python(FAMILY)
    child = psutil.Process(int(line(process)))
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(DEADLINE_S)
    assert is_alive(child)
    process.stop()
    assert wait_ended([child], DEADLINE_S) == []


def test_a_zombie_is_nobody(python: Callable[..., Process], tmp_path: Path) -> None:
    """It has ended; its parent, like many a container's PID 1, never asks how."""
    parent = python(NEGLECTFUL)
    zombie = psutil.Process(int(line(parent)))
    deadline = time.monotonic() + DEADLINE_S
    while zombie.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
    assert psutil.pid_exists(zombie.pid)
    assert (is_alive(zombie), pid_lives(zombie.pid), wait_ended([zombie], 0)) == (False, False, [])
    leader = psutil.Process(parent.pid)
    assert (is_alive(leader), wait_ended([leader, zombie], 0)) == (True, [leader])
    assert kill_marked(f"TEST_FOLDER={tmp_path}") == [parent.pid]


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux'")
def test_a_child_dies_with_its_parent(python: Callable[..., Process], tmp_path: Path) -> None:
    parent = python(GRANDPARENT, str(tmp_path / "grandchild.log"))
    child = psutil.Process(int(line(parent)))
    os.kill(parent.pid, signal.SIGKILL)
    assert wait_ended([child], DEADLINE_S) == []
    parent.kill()


def test_a_child_leads_its_own_session(python: Callable[..., Process]) -> None:
    process = python("print('ready', flush=True); import time; time.sleep(600)")
    line(process)
    assert os.getsid(process.pid) == os.getpgid(process.pid) == process.pid
    process.kill()


def test_the_log_is_private_and_has_a_tail(tmp_path: Path) -> None:
    log = tmp_path / "new" / "child.log"
    process = spawn(["sh", "-c", "seq 1 50; echo bad >&2"], name="sh", log=log, env=os.environ)
    assert process.wait(DEADLINE_S)
    process.stop()
    assert log.stat().st_mode & 0o777 == 0o600
    assert process.log_tail(3) == "49\n50\nbad"


def test_a_missing_program_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(SpawnError, match=r"cannot start ghost \(/no/such/program\)"):
        spawn(["/no/such/program"], name="ghost", log=tmp_path / "log", env={})


def test_a_failing_callback_leaves_no_child(tmp_path: Path) -> None:
    seen: list[Process] = []

    def fail(process: Process) -> None:
        seen.append(process)
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        spawn(["sleep", "600"], name="s", log=tmp_path / "l", env=os.environ, on_spawn=fail)
    assert not seen[0].alive()


def test_when_a_process_started(python: Callable[..., Process]) -> None:
    process = python("print('ready', flush=True); import time; time.sleep(600)")
    line(process)
    assert create_time(os.getpid()) < create_time(process.pid) == process.create_time
    process.kill()
    assert create_time(process.pid) == 0.0


def test_marked_processes_are_found_wherever_they_went(tmp_path: Path) -> None:
    mark = f"HARNESS_TEST_MARK={tmp_path}"
    name, _, value = mark.partition("=")
    process = spawn(
        ["setsid", "--wait", "sh", "-c", "echo ready; exec sleep 600"],
        name="marked",
        log=tmp_path / "log",
        env={**os.environ, name: value},
        stdout=subprocess.PIPE,
    )
    assert line(process) == "ready"
    assert process.pid in kill_marked(mark)
    assert kill_marked(mark) == []
    process.kill()


UNRECOVERABLE = """
[2026-11-30 23:38:26,909: CRITICAL/MainProcess] Unrecoverable error: SpecialError('x', 1)
Traceback (most recent call last):
SpecialError: x
[2026-11-30 23:38:27,443: ERROR/MainProcess] Task handler raised error: WorkerLostError('no')
billiard.exceptions.WorkerLostError: Worker exited prematurely: signal 9 (SIGKILL) Job: 25.
"""
NOT_ALLOWED = "[x: CRITICAL/MainProcess] Unrecoverable error: NotAllowed(530)"
NOT_READY = "NotReady = type('NotReady', (Exception,), {'__module__': '__main__'})"
TASKS_OWN = "Traceback (most recent call last):\n  at work\nValueError: of a task"
NO_HOSTNAME = "AttributeError: 'NoneType' object has no attribute 'hostname'"


def test_no_half_of_a_secret_is_told() -> None:
    """Where what is told is cut."""
    url = "amqp://user:" + 50 * "s3cret" + "@host"
    fall = Fall(1, "worker1", "worker1 ended with exit code 1: " + 240 * "x" + url, "", 0)
    told = fall.told(lambda text: redact(text, ()))
    assert "s3cret" not in told
    assert "amqp://" in told


@pytest.mark.parametrize(
    ("script", "said", "why"),
    [
        ("import os; print('no room\\n', flush=True); os._exit(3)", "exit code 3: no room", None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit code -9 (SIGKILL)", None),
        ("print(' ------ w@h v5\\n[queues]\\n  .> q  exchange=q(direct)')", "exit code 0", None),
        ("None.hostname", f"exit code 1: {NO_HOSTNAME}", "AttributeError"),
        (
            "import binascii; raise binascii.Error('Error: no')",
            "exit code 1: binascii.Error: Error: no",
            "Error",
        ),
        ("raise KeyError", "exit code 1: KeyError", "KeyError"),
        (f"print({UNRECOVERABLE!r}); exit(1)", "exit code 1: SpecialError: 'x', 1", "SpecialError"),
        (
            f"print({UNRECOVERABLE!r} + 'the.SpecialError: x'); exit(1)",
            "exit code 1: the.SpecialError: x",
            "SpecialError",
        ),
        ("print('Errors.of: mine'); exit(2)", "exit code 2: Errors.of: mine", None),
        (f"{NOT_READY}; raise NotReady('no\\napps')", "exit code 1: apps", "NotReady"),
        (f"{NOT_READY}; raise NotReady", "exit code 1: NotReady", "NotReady"),
        (f"print({NOT_ALLOWED!r}); exit(1)", "exit code 1: NotAllowed: 530", "NotAllowed"),
        (
            f"import os; print({TASKS_OWN!r}, flush=True); os.kill(os.getpid(), 9)",
            "exit code -9 (SIGKILL): ValueError: of a task",
            None,
        ),
    ],
)
def test_how_a_process_fell_is_said(
    tmp_path: Path, script: str, said: str, why: str | None
) -> None:
    """With its last words, but for the banner that every worker begins with; and in a word why,
    where these are the end of a traceback."""
    began_ns = time.monotonic_ns()
    command = [sys.executable, "-c", script]
    process = spawn(command, name="worker1", log=tmp_path / "log", env=os.environ)
    try:
        assert process.wait(60)
        fall = Fall.of(process)
        assert (fall.pid, fall.name) == (process.pid, "worker1")
        assert fall.said == f"worker1 ended with {said}"
        assert fall.why == (why or said.partition(":")[0])
        assert began_ns <= fall.at_ns <= time.monotonic_ns()
    finally:
        process.kill()


def test_no_worker_is_left_where_its_stop_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk, too, where they cannot be told that nothing is measured any more."""

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    program = tmp_path / "python"
    program.write_text("#!/bin/sh\ntrap '' TERM\nsleep 600\n")
    program.chmod(0o700)
    (tmp_path / "over").symlink_to("/proc/no-such-folder/over")
    with open_workspace({"TMPDIR": str(tmp_path)}) as workspace:
        place = WorkingPlace(workspace, tmp_path, os.environ, Interpreter(program))
        workers = Workers.start({"worker": Worker(count=2)}, "label", place)
        monkeypatch.setattr(Process, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            workers.stop()
        assert not any(pid_lives(pid) for pid in workers.pids)
