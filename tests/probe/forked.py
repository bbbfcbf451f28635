"""Celery's and the probe's programs in processes of their own, forked from one that has imported
Celery.

That is two thirds of a second of processor time for each of some hundred workers, and a third for
each client. What a program imports of the harness it imports itself, by its own variables.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from tests.runner.forked import fork_server


@dataclass(frozen=True)
class _Start:
    """What a new process becomes."""

    module: str
    arguments: Sequence[str]
    environ: Mapping[str, str]
    folder: Path
    log: Path
    stdin: Connection | None
    stdout: Connection | None
    own_session: bool


class Program:
    """`python -m MODULE ARGUMENTS`; what `Popen` would be. What it says goes to a log, but with
    `piped` its standard output to a pipe, and its input comes from one."""

    stdin: IO[str]
    stdout: IO[str]

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        log: Path,
        *,
        folder: Path | None = None,
        piped: bool = False,
        own_session: bool = False,
    ) -> None:
        context = fork_server()
        far_in: Connection | None = None
        far_out: Connection | None = None
        self._pipes: list[IO[str]] = []
        if piped:
            far_in, near = context.Pipe(duplex=False)
            self.stdin = _as_text(near, "w")
            near, far_out = context.Pipe(duplex=False)
            self.stdout = _as_text(near, "r")
            self._pipes = [self.stdin, self.stdout]
        cwd = folder or Path.cwd()
        start = _Start(module, arguments, environ, cwd, log, far_in, far_out, own_session)
        self._process = context.Process(target=_become, args=(start,))
        self._process.start()
        for end in (far_in, far_out):
            if end is not None:
                end.close()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code, minus the signal that killed it; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. TimeoutExpired if that takes longer."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("a program", timeout or 0.0)
        return self._process.exitcode

    def terminate(self) -> None:
        """SIGTERM, if it still runs."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL, if it still runs, and wait for its end."""
        self._process.kill()
        self._process.join()
        for pipe in self._pipes:
            try:
                pipe.close()
            except BrokenPipeError:
                continue


def _as_text(end: Connection, mode: str) -> IO[str]:
    text: IO[str] = os.fdopen(os.dup(end.fileno()), mode, encoding="utf-8")
    end.close()
    return text


def _become(start: _Start) -> None:
    """In the new process."""
    if start.own_session:
        os.setsid()
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.environ)
    tempfile.tempdir = None  # found anew, from these variables
    given = filter(None, start.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:0] = [str(start.folder), *given]
    sys.argv = [start.module, *start.arguments]
    log = os.open(start.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null if start.stdin is None else start.stdin.fileno(), 0)
    os.dup2(log if start.stdout is None else start.stdout.fileno(), 1)
    os.dup2(log, 2)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    multiprocessing.current_process().name = "MainProcess"
    try:
        runpy.run_module(start.module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
