"""Commands of the harness in processes of their own, forked from one that has imported it.

That is half a second of processor time for each of some three hundred commands.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from subprocess import TimeoutExpired

from tests.runner.children import forked_children

PRELOADED = (
    *("harness.cli.run", "harness.cli.resume", "harness.cli.report", "harness.cli.check"),
    *(
        "harness.cli.watching.lines",
        "harness.report.formats.as_text",
        "harness.report.formats.files",
    ),
    # What `harness run` imports when it is told to run; DuckDB starts no thread before it is asked.
    *("harness.runner.run", "harness.cli.watching.json_lines", "duckdb"),
    *("harness.services.redis.driver", "harness.services.rabbitmq.driver"),
    *("celery.bin.celery", "celery.apps.worker", "celery.apps.beat", "celery.beat"),
    *("celery.concurrency.prefork", "celery.concurrency.thread", "celery.concurrency.solo"),
    *("celery.worker.components", "celery.worker.consumer", "celery.events.state"),
    *("kombu.transport.redis", "celery.backends.redis"),
    *("kombu.transport.pyamqp", "celery.backends.rpc", "celery.backends.filesystem"),
)


_ROOM = "HARNESS_TESTS_ROOM"
_ROOM_BYTES = 32_000
"""For the variables of a forked program that others are to see: `children.py`."""


@cache
def fork_server() -> ForkServerContext:
    """One for a whole test process; for Celery's programs, too."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    os.environ[_ROOM] = "x" * _ROOM_BYTES
    try:
        forkserver.ensure_running()
    finally:
        del os.environ[_ROOM]
    return context


_MEASURING = frozenset({"run", "resume", "ab"})


class Command:
    """`harness ARGUMENTS` in a folder and with variables of its own; what `Popen` would be.

    `said` is its standard error, a file or a terminal; `printed` its standard output, a file: that
    of the same name with `.stdout` if none is given, and not there before the other one is open.
    What it starts of Celery's and the probe's programs is forked, too, unless it `executes` them.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        said: Path,
        printed: Path | None = None,
        *,
        executes: bool = False,
    ) -> None:
        self._arguments = arguments
        self._stdout = printed or said.with_name(f"{said.name}.stdout")
        forks = not executes and bool(_MEASURING.intersection(arguments))
        self._process = fork_server().Process(
            target=_main, args=(list(arguments), folder, dict(environ), self._stdout, said, forks)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """As far as it is known: minus the signal that killed it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same, after a look."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. TimeoutExpired if that takes longer."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutExpired(["harness", *self._arguments], timeout or 0.0)
        return self._process.exitcode

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self._stdout.read_text(encoding="utf-8")

    def kill(self) -> None:
        """SIGKILL, if it still runs, and wait for its end."""
        self._process.kill()
        self._process.join()


def _main(
    arguments: list[str],
    folder: Path,
    environ: dict[str, str],
    stdout: Path,
    stderr: Path,
    forks: bool,
) -> None:
    """In the new process: become what `python -m harness` is when it has been imported."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    tempfile.tempdir = None  # found anew, from these variables
    sys.path.insert(0, str(folder))
    sys.argv = ["harness", *arguments]
    with forked_children() if forks else nullcontext():
        _as_command(stdout, stderr)


def _as_command(stdout: Path, stderr: Path) -> None:
    _redirect(stderr, 2)
    _redirect(stdout, 1)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    from harness.cli import main  # noqa: PLC0415 - has been imported

    main()


def _redirect(path: Path, number: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, number)
    os.close(descriptor)
