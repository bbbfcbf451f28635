"""What a command of a test starts of Celery's and of the probe's programs, forked from a process
that has imported them: half a second of processor time less for each of some thousand.

The command forks a nursery before it does anything else: one thread, and no open files but a
socket. For each program the nursery forks a process and lets it become the command's own child. As
far as others can see it is what `python -m MODULE` would have made of it: its parent, group,
session, cores and streams, its variables and its command line. Where more than that is needed of a
new interpreter, the command executes one, as it does for a user: see `_suits`.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import json
import multiprocessing
import os
import pickle
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from harness import processes
from harness.probe.app_variables import SPEC_VARIABLE

_PROGRAMS = ("celery", "harness.probe.client", "harness.probe.observer", "harness.probe.cleanup")
_PATCHED_AT_IMPORT = ("gevent", "eventlet")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_REQUEST_BYTES = 200_000
_REPLY_BYTES = 1000
_NAP_S = 0.0005


@dataclass(frozen=True)
class _Request:
    """What a new process becomes; its streams are sent beside it."""

    argv: Sequence[str]
    environ: Mapping[str, str]
    cores: frozenset[int] | None


class _Child:
    """As much of `Popen` as `harness.processes.Process` asks for."""

    def __init__(self, pid: int, stdin: IO[bytes] | None, stdout: IO[bytes] | None) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, minus the signal that killed it; None while it runs."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def wait(self, timeout: float) -> int:
        """Wait for its end. TimeoutExpired if that takes longer."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a child", timeout)
            time.sleep(_NAP_S)
        return code


@contextlib.contextmanager
def forked_children() -> Iterator[None]:
    """Within, the harness' own programs are forked. In a process with one thread, before anything
    else has been done in it. Elsewhere than on Linux they are executed."""
    if sys.platform != "linux":
        yield
        return
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = os.getpid()
    nursery = os.fork()
    if nursery == 0:
        near.close()
        _serve(far, command)
    far.close()
    executed = processes._popen
    processes._popen = _starting(near, executed)
    try:
        yield
    finally:
        processes._popen = executed
        near.close()
        os.waitpid(nursery, 0)


# --- in the command -----------------------------------------------------------------------------


def _starting(near: socket.socket, executed: Callable[..., Any]) -> Callable[..., Any]:
    """What starts a process instead of `harness.processes._popen`."""

    def start(argv: Sequence[str | Path], env: Mapping[str, str], **how: Any) -> Any:
        words = [str(word) for word in argv]
        if not _suits(words, env, how.get("cwd")):
            return executed(argv, env, **how)
        log: Path = how["log"]
        log.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as far_ends:

            def kept_for_a_moment(descriptor: int) -> int:
                far_ends.callback(os.close, descriptor)
                return descriptor

            written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            kept_for_a_moment(written)
            stdin = stdout = None
            if how.get("stdin", subprocess.DEVNULL) == subprocess.PIPE:
                read, write = os.pipe()
                stdin, its_input = os.fdopen(write, "wb"), kept_for_a_moment(read)
            else:
                its_input = kept_for_a_moment(os.open(os.devnull, os.O_RDONLY))
            its_output = written
            if how.get("stdout") == subprocess.PIPE:
                read, write = os.pipe()
                stdout, its_output = os.fdopen(read, "rb"), kept_for_a_moment(write)
            request = pickle.dumps(_Request(words, dict(env), how.get("cores")))
            with _orphans_come_here():
                socket.send_fds(near, [request], [its_input, its_output, written])
                reply = near.recv(4 * _REPLY_BYTES).decode()
        if not reply.isdecimal():
            raise processes.SpawnError(f"cannot fork {how['name']}: {reply or 'no nursery'}")
        return _Child(int(reply), stdin, stdout)

    return start


def _suits(argv: Sequence[str], env: Mapping[str, str], cwd: Path | None) -> bool:
    """Whether a fork will do: of a program that is known, under this very Python and with nothing
    that a new one would do at its start; not of an app of the user's, to which the harness'
    modules must not be there already, nor of pools that patch what has been imported."""
    if argv[:2] != [sys.executable, "-m"] or argv[2] not in _PROGRAMS or cwd is not None:
        return False
    if any(name in argv for name in _PATCHED_AT_IMPORT) or env.get("PYTHONSAFEPATH"):
        return False
    folders = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    if any((Path(folder) / "sitecustomize.py").exists() for folder in folders):
        return False
    spec = env.get(SPEC_VARIABLE)
    return spec is None or "app" not in json.loads(Path(spec).read_text(encoding="utf-8"))


@contextlib.contextmanager
def _orphans_come_here() -> Iterator[None]:
    """Not for longer: those whom a worker leaves behind are nobody's, as they are at a user's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        _prctl(_PR_SET_CHILD_SUBREAPER, 0)


def _prctl(option: int, value: int) -> None:
    libc = processes._LIBC
    assert libc is not None
    libc.prctl(option, value, 0, 0, 0)


# --- in the nursery -----------------------------------------------------------------------------


def _serve(far: socket.socket, command: int) -> NoReturn:
    """Until the command has gone."""
    try:
        os.setsid()  # what a terminal sends is for the command
        _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != command:
            os._exit(1)
        _close_all_but(far.fileno())
        gc.freeze()  # or each of them would copy what it looks at
        while True:
            request, streams, *_ = socket.recv_fds(far, _REQUEST_BYTES, 3)
            if not request:
                os._exit(0)
            between = os.fork()
            if between == 0:
                between = os.getpid()
                if os.fork() == 0:
                    _wait_for(command, between)
                    _become(pickle.loads(request), streams, far)  # noqa: S301 - our own
                os._exit(0)
            os.waitpid(between, 0)
            for stream in streams:
                os.close(stream)
    finally:
        os._exit(1)


def _close_all_but(kept: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    for descriptor in [int(link.name) for link in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2 and descriptor != kept:
            with contextlib.suppress(OSError):  # of the listing itself
                os.close(descriptor)


# --- in the program -----------------------------------------------------------------------------


def _wait_for(command: int, between: int) -> None:
    """Wait until the one between has ended and this is the command's child, to end with it."""
    while os.getppid() == between:
        time.sleep(_NAP_S)
    _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != command:
        os._exit(1)


def _become(request: _Request, streams: Sequence[int], far: socket.socket) -> NoReturn:
    """Become the program, tell the command, and run it to its end."""
    try:
        os.setsid()
        if request.cores is not None:
            os.sched_setaffinity(0, request.cores)
        for standard, stream in enumerate(streams):
            os.dup2(stream, standard)
            os.close(stream)
        _show(request.argv, request.environ)
        _prepare(request)
        far.send(str(os.getpid()).encode())
        far.close()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the command is to know
        far.send(repr(error)[:_REPLY_BYTES].encode(errors="replace"))
        os._exit(1)
    _end(_run(request.argv[2]))


def _prepare(request: _Request) -> None:
    """What the interpreter and its modules would know from their start."""
    os.environ.clear()
    os.environ.update(request.environ)
    time.tzset()
    tempfile.tempdir = None  # found anew, from these variables
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    ours = [str(Path.cwd()), *given]
    sys.path[:] = [*ours, *(path for path in sys.path if path not in ours)]
    sys.orig_argv = list(request.argv)
    sys.argv = list(request.argv[2:])
    sys.stdin = sys.__stdin__ = os.fdopen(0, encoding="utf-8", closefd=False)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", encoding="utf-8", closefd=False)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = os.fdopen(  # type: ignore[misc]
        2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
    multiprocessing.current_process().name = "MainProcess"


def _show(argv: Sequence[str], environ: Mapping[str, str]) -> None:
    """Let others see these words and variables: they stand in /proc where the first program of the
    process was given its own, for which `forked.py` has made room."""
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    words_at, words_end, variables_at, variables_end = map(int, fields[45:49])
    variables = [f"{name}={value}" for name, value in environ.items()]
    for told, begin, end in ((argv, words_at, words_end), (variables, variables_at, variables_end)):
        data = b"".join(os.fsencode(one) + b"\0" for one in told)
        assert len(data) <= end - begin, "no room for what others are to see"
        ctypes.memset(begin, 0, end - begin)
        ctypes.memmove(begin, data, len(data))


def _run(module: str) -> int:
    """The exit code of the program."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> NoReturn:
    """As the interpreter does it: its threads, what was registered, its streams."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code & 0xFF)
