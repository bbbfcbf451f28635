"""Python environments of their own, for programs that must not share the harness' packages.

An SQS emulator that pins botocore exactly, or another version of Celery, gets a virtual
environment named by the hash of its pins and of the interpreter. It is built once per user and
machine, and used by every later run, also offline.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import HarnessError
from harness.processes import spawn

_BUILD_S = 600.0
_LOCK_S = 900.0
_POLL_S = 0.1
_ADVICE = "It needs the package index once; run `harness doctor --fix` while online"


class BuildError(HarnessError):
    """An environment could not be built; the message names the command to repeat."""


@dataclass(frozen=True)
class Interpreter:
    """Which Python runs clients and workers, and where it finds the probe."""

    python: Path = Path(sys.executable)
    folder: Path | None = None
    """Holds the `harness` package and nothing else; None where it is installed already."""

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment of a process: with a folder of its own, no other code is in reach."""
        if self.folder is None:
            return dict(environ)
        kept = {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
        return kept | {"PYTHONPATH": str(self.folder)}


OWN = Interpreter()
"""The one that the harness itself runs under."""


@dataclass(frozen=True)
class Source:
    """Something to install that has no name in a package index, such as a git revision."""

    key: str
    """Tells it from every other one: part of the environment's name."""
    unpack: Callable[[Path], Sequence[str]]
    """Fills a fresh folder, and says in pip's words what to install from there. The folder stays
    as long as the environment does; pip runs in it."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """Variables that its build needs."""


def ensure_environment(
    pins: Sequence[str],
    *,
    environ: Mapping[str, str],
    timeout_s: float = _BUILD_S,
    source: Source | None = None,
    advice: str = _ADVICE,
) -> Path:
    """Path of the interpreter of an environment with exactly `pins` and `source` installed.

    Pins are requirements as pip reads them, e.g. `ministack==1.5.33`. Built on first use,
    by one process at a time; a build that was interrupted is started afresh. Raises BuildError,
    which ends with `advice`.
    """
    folder = environment_folder(pins, environ, source)
    python = folder / "bin" / "python"
    if is_complete(folder):
        return python
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(folder.with_suffix(".lock"), timeout_s=_LOCK_S):
            if not is_complete(folder):
                _build(_Order(folder, tuple(pins), source, advice), environ, timeout_s)
    except OSError as error:
        raise BuildError(
            f"cannot keep an environment in {folder}: {error}. "
            "Point XDG_CACHE_HOME at a folder that can be written"
        ) from error
    return python


def environment_folder(
    pins: Sequence[str], environ: Mapping[str, str], source: Source | None = None
) -> Path:
    """Where the environment for these pins and this interpreter is kept."""
    parts = [sorted(pins), sys.version, sys.base_prefix, platform.machine()]
    identity = json.dumps(parts if source is None else [*parts, source.key])
    home = environ.get("HOME") or str(Path.home())
    cache = Path(environ.get("XDG_CACHE_HOME") or Path(home) / ".cache")
    return cache / "harness" / "envs" / hashlib.sha256(identity.encode()).hexdigest()[:16]


def is_complete(folder: Path) -> bool:
    """Whether an environment was built to its end and its interpreter still exists."""
    return (folder / ".complete").is_file() and (folder / "bin" / "python").exists()


@dataclass(frozen=True)
class _Order:
    """What is to be built."""

    folder: Path
    pins: tuple[str, ...]
    source: Source | None
    advice: str


def _build(order: _Order, environ: Mapping[str, str], timeout_s: float) -> None:
    folder, deadline = order.folder, time.monotonic() + timeout_s
    sources = folder.with_suffix(".source")
    for stale in (folder, sources):
        shutil.rmtree(stale, ignore_errors=True)
    log = folder.with_suffix(".log")
    log.unlink(missing_ok=True)
    words = list(order.pins)
    if order.source is not None:
        sources.mkdir()
        words += order.source.unpack(sources)
        environ = {**environ, **order.source.environ}
    # pip of the fresh environment, and no setting of the harness' own environment.
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-input", *words]
    env = {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
    for argv in ([sys.executable, "-m", "venv", str(folder)], install):
        _run(
            argv,
            log=log,
            env=env,
            timeout_s=deadline - time.monotonic(),
            cwd=None if order.source is None else sources,
            advice=order.advice,
        )
    (folder / ".pins").write_text("\n".join(words) + "\n")
    marker = folder / ".complete.new"
    marker.touch()
    marker.rename(folder / ".complete")


def _run(
    argv: list[str],
    *,
    log: Path,
    env: Mapping[str, str],
    timeout_s: float,
    cwd: Path | None,
    advice: str,
) -> None:
    process = spawn(argv, name="environment", log=log, env=env, cwd=cwd)
    try:
        ended = process.wait(timeout_s)
        code = process.returncode
    finally:
        process.kill()
    if not ended or code != 0:
        what = f"failed (exit code {code})" if ended else f"did not end within {timeout_s:.0f} s"
        raise BuildError(
            f"building a private Python environment {what}:\n{process.log_tail(8)}\n"
            f"The command was: {shlex.join(argv)}\n{advice}"
        )


@contextlib.contextmanager
def _locked(path: Path, *, timeout_s: float) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise BuildError(
                        f"another process has been building {path.stem} for {timeout_s:.0f} s; "
                        f"end it, or remove {path}"
                    ) from error
                time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)
