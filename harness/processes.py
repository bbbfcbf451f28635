"""Child processes that cannot outlive the harness.

Every child leads a session of its own: a Ctrl-C in the terminal reaches the harness
alone, which then stops its children in order, and one `killpg` reaches all that a child
started. On Linux the kernel kills the child at once when the harness dies, however it
dies (PR_SET_PDEATHSIG).

**Spawn from the main thread.** The kernel binds PR_SET_PDEATHSIG to the *thread* that
forked: a child spawned by a helper thread is killed when that thread ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Required, TypedDict, Unpack

import psutil

from harness.errors import HarnessError

_PR_SET_PDEATHSIG = 1
_LEFTOVERS_S = 2.0
"""How long killed members of a group may take to disappear."""
_KILL_S = 5.0
_TAIL_BYTES = 64 * 1024
_INTERRUPTING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL_S = 0.01
_ENDED = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)

# Loaded here and not between fork and exec, where taking the loader's lock could deadlock.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class SpawnError(HarnessError):
    """A program is not there or may not be executed."""


class Process:
    """A running or ended child. Ends by `stop()` or `kill()`, both idempotent and bounded."""

    def __init__(self, popen: subprocess.Popen[bytes], name: str, log: Path) -> None:
        self._popen = popen
        self._reaped = False
        self._exit: int | None = None
        self.name = name
        self.log = log
        self.create_time = create_time(popen.pid)
        """Distinguishes the process from a later one with the same pid."""

    def __repr__(self) -> str:
        return f"Process({self.name!r}, pid={self.pid}, returncode={self.returncode})"

    @property
    def pid(self) -> int:
        """Process id, and id of the process group it leads."""
        return self._popen.pid

    @property
    def stdin(self) -> IO[bytes] | None:
        """The pipe to the child if it was asked for."""
        return self._popen.stdin

    @property
    def stdout(self) -> IO[bytes] | None:
        """The pipe from the child if it was asked for."""
        return self._popen.stdout

    @property
    def returncode(self) -> int | None:
        """Exit code, minus the signal that killed it, or None while it runs."""
        if self._exit is None:
            self._exit = self._peek()
        return self._exit

    def alive(self) -> bool:
        """Whether the leader of the group still runs."""
        return self.returncode is None

    def wait(self, timeout_s: float) -> bool:
        """Wait for the leader to end by itself; False if it still runs after the time."""
        deadline = time.monotonic() + timeout_s
        with contextlib.suppress(OSError), _pidfd(self.pid, self._reaped) as descriptor:
            poller = select.poll()
            poller.register(descriptor, select.POLLIN)
            poller.poll(max(0.0, timeout_s) * 1000)
        while self.alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def finished(self, timeout_s: float) -> int | None:
        """The exit code of a child that ends by itself, waited for; None if it did not in time.
        However it went, nothing of it runs afterwards."""
        try:
            return self.returncode if self.wait(timeout_s) else None
        finally:
            self.kill()

    def stop(self, grace_s: float = 10.0) -> None:
        """SIGTERM to the leader, up to `grace_s` for it to end, then SIGKILL to the whole group."""
        if not self._reaped and self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            self.wait(grace_s)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole group, then reap the leader."""
        if self._reaped:
            return
        # The leader is not reaped yet: its zombie keeps the group's id from being reused.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._reap()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # a full pipe to a dead reader
                    pipe.close()
        deadline = time.monotonic() + _LEFTOVERS_S
        while _group_lives(self.pid) and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    @property
    def ending(self) -> str:
        """Words on how the process ended: its exit code, and the signal that killed it."""
        code = self.returncode
        if code is None or code >= 0:
            return f"exit code {code}"
        try:
            return f"exit code {code} ({signal.Signals(-code).name})"
        except ValueError:  # a real-time signal
            return f"exit code {code}"

    @property
    def killed(self) -> bool:
        """Whether a signal has ended it."""
        return (self.returncode or 0) < 0

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the child's log, for an error message."""
        try:
            with self.log.open("rb") as stream:
                stream.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
                text = stream.read().decode(errors="replace")
        except OSError as error:
            return f"(no log: {error})"
        return "\n".join(text.splitlines()[-lines:])

    def _peek(self) -> int | None:
        """Exit code without reaping, where the platform can."""
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return self._popen.poll()
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            result = os.waitid(os.P_PID, self.pid, flags)
        except ChildProcessError:
            return self._popen.poll()
        if result is None:
            return None
        return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status

    def _reap(self) -> None:
        try:
            self._exit = self._popen.wait(timeout=_KILL_S)
        except subprocess.TimeoutExpired as error:
            raise HarnessError(
                f"process {self.pid} ({self.name}) did not die within {_KILL_S:g} s of SIGKILL: "
                "it hangs in the kernel; look at its state with `ps`"
            ) from error
        self._reaped = True


class Spawning(TypedDict, total=False):
    """How a child is started, beside its command and environment."""

    name: Required[str]
    """What messages and the journal call it."""
    log: Required[Path]
    """Where its stderr goes; created with mode 0600, appended to."""
    cwd: Path | None
    cores: frozenset[int] | None
    """Linux: the only ones that it and whatever it starts may run on."""
    stdin: int
    """`subprocess.DEVNULL`, if it is not said, or `PIPE`."""
    stdout: int | None
    """None, into the log, or `PIPE`."""


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    on_spawn: Callable[[Process], None] | None = None,
    **how: Unpack[Spawning],
) -> Process:
    """Start `argv` as leader of a session of its own; call it from the main thread.

    `on_spawn` is called with the process at once, to have it written down somewhere.
    Raises SpawnError if the program cannot be executed.
    """
    process: Process | None = None
    try:
        with _uninterrupted():
            process = Process(_popen(argv, env, **how), how["name"], how["log"])
            if on_spawn is not None:
                on_spawn(process)
    except BaseException:
        if process is not None:
            process.kill()
        raise
    return process


def _popen(
    argv: Sequence[str | Path], env: Mapping[str, str], **how: Unpack[Spawning]
) -> subprocess.Popen[bytes]:
    log, stdout = how["log"], how.get("stdout")
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            [str(word) for word in argv],
            stdin=how.get("stdin", subprocess.DEVNULL),
            stdout=descriptor if stdout is None else stdout,
            stderr=descriptor,
            env=dict(env),
            cwd=how.get("cwd"),
            start_new_session=True,
            # Safe: between fork and exec it takes no lock, see _LIBC.
            preexec_fn=_before_exec(os.getpid(), how.get("cores")),  # noqa: PLW1509 - as said above
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SpawnError(f"cannot start {how['name']} ({argv[0]}): {error}") from error
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Interrupting signals that arrive in here take effect at its end.

    Otherwise KeyboardInterrupt could be raised inside one of Python's hooks around `fork`,
    where it is printed and dropped, or when the child runs but is not written down yet.
    (Blocking the signals would not do: another thread of ours would receive them.)
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread only
        return
    arrived: list[int] = []
    before = {number: signal.getsignal(number) for number in _INTERRUPTING}
    try:
        for number in _INTERRUPTING:
            signal.signal(number, lambda which, _: arrived.append(which))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for caught in arrived:
            signal.raise_signal(caught)


def create_time(pid: int) -> float:
    """When a process started, on a clock that never steps; 0.0 if there is no such process.

    On Linux seconds since boot: the wall-clock start that psutil derives moves when the
    system clock is set, and would make a living process look like another one.
    """
    try:
        if sys.platform == "linux":
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return psutil.Process(pid).create_time()
    except (OSError, psutil.NoSuchProcess, IndexError):
        return 0.0


def is_alive(process: psutil.Process) -> bool:
    """Whether a process still does anything. A zombie does not: it has ended, and only its parent
    has not asked how. Where the parent is a container's PID 1, it may never ask."""
    try:
        return process.is_running() and process.status() not in _ENDED
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:  # somebody else's
        return True


def pid_lives(pid: int) -> bool:
    """Whether the process that has that id now still does anything, as `is_alive` has it."""
    try:
        return is_alive(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def wait_ended(processes: Iterable[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Wait for processes to end, whoever's children they are; those that still live after the time.

    (psutil's own `wait_procs` waits for zombies until somebody reaps them.)
    """
    deadline = time.monotonic() + timeout_s
    alive = [process for process in processes if is_alive(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        alive = [process for process in alive if is_alive(process)]
    return alive


def kill_marked(mark: str) -> list[int]:
    """SIGKILL every process whose environment holds `mark` (`NAME=value`); returns their pids.

    Finds what a dead harness left behind even where the leader of a group is gone or a
    member left the group, and cannot hit a stranger that was given an old pid.
    """
    name, _, value = mark.partition("=")
    killed = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            own = process.pid == os.getpid()
            if not own and process.environ().get(name) == value and is_alive(process):
                process.kill()  # psutil compares start times first
                killed.append(process)
    wait_ended(killed, _KILL_S)
    return [process.pid for process in killed]


def _before_exec(parent: int, cores: frozenset[int] | None) -> Callable[[], None] | None:
    """What a child does between fork and exec: die with the harness, keep to its cores.

    So it has its cores before its program runs, and all its own children inherit them.
    """
    libc = _LIBC
    if libc is None:
        return None

    def prepare() -> None:
        if cores is not None:
            os.sched_setaffinity(0, cores)
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # the harness died before the call above took effect
            os._exit(1)

    return prepare


@contextlib.contextmanager
def _pidfd(pid: int, reaped: bool) -> Iterator[int]:
    if reaped or not hasattr(os, "pidfd_open"):
        raise OSError("no pidfd")
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _group_lives(group: int) -> bool:
    """Whether a process group has a living member."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and is_alive(process):
                return True
    return False
