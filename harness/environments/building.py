"""Builds an environment once, by one process at a time, and finds it again."""

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

from harness.environments.interpreter import without_python
from harness.environments.kept import COMPLETE, home_of
from harness.errors import HarnessError
from harness.processes import Process, kill_marked, spawn

_BUILD_S = 600.0
_LOCK_S = 900.0
_POLL_S = 0.1
_MARK = "HARNESS_BUILDS"
_LOG_LINES = 500
_REASONS = 4
"""Of pip's own errors, how many are quoted."""
_ADVICE = "It needs the package index once; run `harness doctor --fix` while online"


class BuildError(HarnessError):
    """An environment could not be built; the message names the command to repeat."""


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
    commit: str | None = None
    """Which one a git revision is."""


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
        _mark_used(folder)
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
    """The folder that keeps the environment for these pins and this interpreter."""
    parts = [sorted(pins), sys.version, sys.base_prefix, platform.machine()]
    identity = json.dumps(parts if source is None else [*parts, source.key])
    return home_of(environ) / hashlib.sha256(identity.encode()).hexdigest()[:16]


def is_complete(folder: Path) -> bool:
    """Whether an environment was built to its end and its interpreter still exists."""
    return (folder / COMPLETE).is_file() and (folder / "bin" / "python").exists()


def source_folder(environment: Path) -> Path:
    """The folder into which the source of an environment was unpacked, if it has one."""
    return environment.with_suffix(".source")


def _mark_used(folder: Path) -> None:
    """The marker's time is that of the last use, so that who cleans up can tell."""
    with contextlib.suppress(OSError):  # somebody else's cache, or one that cannot be written
        os.utime(folder / COMPLETE)


@dataclass(frozen=True)
class _Order:
    """What is to be built."""

    folder: Path
    pins: tuple[str, ...]
    source: Source | None
    advice: str


def _build(order: _Order, environ: Mapping[str, str], timeout_s: float) -> None:
    folder, deadline = order.folder, time.monotonic() + timeout_s
    sources = source_folder(folder)
    # Under the lock, a builder of this folder can only be what a killed harness left: its pip is
    # gone with it, but not what that had started, which would write between the new files.
    kill_marked(f"{_MARK}={folder}")
    for stale in (folder, sources):
        shutil.rmtree(stale, ignore_errors=True)
    folder.with_suffix(".log").unlink(missing_ok=True)
    installs = [order.pins]
    if order.source is not None:
        sources.mkdir()
        # By itself, and first: requirements with hashes bear no others beside them, and what
        # the source has chosen is kept by the second call.
        installs.insert(0, tuple(order.source.unpack(sources)))
        environ = {**environ, **order.source.environ}
    # pip of the fresh environment, and no setting of the harness' own environment.
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
    env = {**without_python(environ), _MARK: str(folder)}
    commands = [[*pip, *words] for words in installs if words]
    for argv in ([sys.executable, "-m", "venv", str(folder)], *commands):
        _run(argv, order, env=env, timeout_s=deadline - time.monotonic())
    (folder / ".pins").write_text("\n".join(word for words in installs for word in words) + "\n")
    marker = folder / f"{COMPLETE}.new"
    marker.touch()
    marker.rename(folder / COMPLETE)


def _run(argv: list[str], order: _Order, *, env: Mapping[str, str], timeout_s: float) -> None:
    log = order.folder.with_suffix(".log")
    cwd = None if order.source is None else source_folder(order.folder)
    process = spawn(argv, name="environment", log=log, env=env, cwd=cwd)
    code = process.finished(timeout_s)
    if code != 0:
        late = f"did not end within {timeout_s:.0f} s"
        what = late if code is None else f"failed (exit code {code})"
        raise BuildError(
            f"building a private Python environment {what}:\n{_reason(process)}\n"
            f"The command was: {shlex.join(argv)}\nIts whole output is in {log}\n{order.advice}"
        )


def _reason(process: Process) -> str:
    """pip's own errors, which may stand far above the end of its output; else that end."""
    lines = [line.strip() for line in process.log_tail(_LOG_LINES).splitlines()]
    errors = list(dict.fromkeys(line for line in lines if line.startswith("ERROR:")))
    return "\n".join(errors[-_REASONS:]) or process.log_tail(8)


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
