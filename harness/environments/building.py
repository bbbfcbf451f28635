"""Builds an environment once, by one process at a time, and finds it again."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import platform
import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness.environments.interpreter import without_python
from harness.environments.kept import ABOUT, COMPLETE, LOCK, PINS, home_of
from harness.errors import HarnessError
from harness.processes import Process, kill_marked, spawn

_BUILD_S = 600.0
_LOCK_S = 900.0
_POLL_S = 0.1
_MARK = "HARNESS_BUILDS"
_LOG_LINES = 500
_REASONS = 4
"""Of pip's own errors, and of those of what it calls, how many are quoted."""
_BUILD_OUTPUT = re.compile(r"\[\d+ lines? of output\]")
_TELLING = re.compile(r"error|no such file|not found|cannot|unable", re.IGNORECASE)
_ADVICE = "It needs the package index once; run `harness doctor --fix` while online"


class BuildError(HarnessError):
    """An environment could not be built; the message names the command to repeat."""


@dataclass(frozen=True)
class Source:
    """Something to install that has no name in a package index, such as what a git revision of the
    user's project needs."""

    key: str
    """Tells it from every other one: part of the environment's name."""
    folder: Path
    """pip runs there. It need not outlive the building."""
    calls: Sequence[Sequence[str]]
    """What to install, in pip's words, in calls of their own: requirements with hashes bear no
    others beside them. What an earlier one has chosen is kept by later ones."""
    constraints: str = ""
    """Versions that hold for whatever is installed, a requirement a line."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """Variables that its build needs."""
    repeat: str = ""
    """A shell command that leads to a folder like that, for people who repeat what failed."""
    about: str = ""
    """What it is, for people who look at what is kept."""


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
    by one process at a time; a build that was interrupted is started afresh, and nothing is left of
    one that failed but its log. Raises BuildError, which ends with `advice`.
    """
    folder = environment_folder(pins, environ, source)
    order = _Order(folder, tuple(pins), source, advice)
    _ensure(order, _build, is_complete, environ, timeout_s)
    return folder / "bin" / "python"


def ensure_layer(
    python: Path,
    *,
    environ: Mapping[str, str],
    source: Source,
    timeout_s: float = _BUILD_S,
    advice: str = _ADVICE,
) -> Path:
    """Folder with what `source` installs for an environment's interpreter beside what it has
    itself, and nothing of what that needs: a project, whose requirements several commits share.
    It is to be laid in front of the environment's path. Raises BuildError as `ensure_environment`.
    """
    folder = layer_folder(python, environ, source)
    order = _Order(folder, (), source, advice)
    _ensure(order, partial(_build_layer, python), is_layer_complete, environ, timeout_s)
    return folder


def environment_folder(
    pins: Sequence[str], environ: Mapping[str, str], source: Source | None = None
) -> Path:
    """The folder that keeps the environment for these pins and this interpreter."""
    parts = [sorted(pins), sys.version, sys.base_prefix, platform.machine()]
    return _folder(parts if source is None else [*parts, source.key], environ)


def layer_folder(python: Path, environ: Mapping[str, str], source: Source) -> Path:
    """The folder that keeps the layer of a source over an environment."""
    return _folder([str(python), source.key], environ)


def _folder(parts: Sequence[object], environ: Mapping[str, str]) -> Path:
    return home_of(environ) / hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def is_complete(folder: Path) -> bool:
    """Whether an environment was built to its end and its interpreter still exists."""
    return is_layer_complete(folder) and (folder / "bin" / "python").exists()


def is_layer_complete(folder: Path) -> bool:
    """Whether a layer was built to its end."""
    return (folder / COMPLETE).is_file()


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

    @property
    def calls(self) -> list[tuple[str, ...]]:
        """What is installed, call by call, in pip's words."""
        told = () if self.source is None else self.source.calls
        bound = ("-c", str(self.constraints)) if self.source and self.source.constraints else ()
        return [(*words, *bound) for words in (*told, self.pins) if words]

    @property
    def constraints(self) -> Path:
        """The file of the source's constraints."""
        return self.folder.with_suffix(".constraints")


def _ensure(
    order: _Order,
    build: Callable[[_Order, Mapping[str, str], float], None],
    is_there: Callable[[Path], bool],
    environ: Mapping[str, str],
    timeout_s: float,
) -> None:
    folder = order.folder
    if is_there(folder):
        _mark_used(folder)
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(folder.with_suffix(LOCK), timeout_s=_LOCK_S):
            if not is_there(folder):
                _fresh(order)
                _kept_if_whole(order, build, environ, timeout_s)
    except OSError as error:
        raise BuildError(
            f"cannot keep an environment in {folder}: {error}. "
            "Point XDG_CACHE_HOME at a folder that can be written"
        ) from error


def _fresh(order: _Order) -> None:
    """Nothing of an earlier attempt. Under the lock, a builder of this folder can only be what a
    killed harness left: its pip is gone with it, but not what that had started, which would write
    between the new files."""
    kill_marked(f"{_MARK}={order.folder}")
    shutil.rmtree(order.folder, ignore_errors=True)
    order.folder.with_suffix(".log").unlink(missing_ok=True)
    if order.source is not None and order.source.constraints:
        order.constraints.write_text(order.source.constraints, encoding="utf-8")


def _kept_if_whole(
    order: _Order,
    build: Callable[[_Order, Mapping[str, str], float], None],
    environ: Mapping[str, str],
    timeout_s: float,
) -> None:
    told = {} if order.source is None else order.source.environ
    # No setting of the harness' own environment.
    env = {**without_python(environ), **told, _MARK: str(order.folder)}
    try:
        build(order, env, time.monotonic() + timeout_s)
        asked = "\n".join(word for words in order.calls for word in words)
        (order.folder / PINS).write_text(f"{asked}\n", encoding="utf-8")
        if order.source is not None and order.source.about:
            (order.folder / ABOUT).write_text(f"{order.source.about}\n", encoding="utf-8")
        marker = order.folder / f"{COMPLETE}.new"
        marker.touch()
        marker.rename(order.folder / COMPLETE)
    except BaseException:
        shutil.rmtree(order.folder, ignore_errors=True)
        raise


def _build(order: _Order, env: Mapping[str, str], deadline: float) -> None:
    _run([sys.executable, "-P", "-m", "venv", str(order.folder)], order, env, deadline)
    for words in order.calls:
        _run([*_pip(order.folder / "bin" / "python"), *words], order, env, deadline)


def _build_layer(python: Path, order: _Order, env: Mapping[str, str], deadline: float) -> None:
    beside = ("--no-deps", "--target", str(order.folder))
    for words in order.calls:
        _run([*_pip(python), *beside, *words], order, env, deadline)


def _pip(python: Path) -> list[str]:
    # Not from the current folder (-P): its modules may be called as the standard library's.
    return [str(python), "-P", "-m", "pip", "install", "--quiet", "--no-input"]


def _run(argv: list[str], order: _Order, env: Mapping[str, str], deadline: float) -> None:
    log = order.folder.with_suffix(".log")
    cwd = None if order.source is None else order.source.folder
    process = spawn(argv, name="environment", log=log, env=env, cwd=cwd)
    timeout_s = deadline - time.monotonic()
    code = process.finished(timeout_s)
    if code != 0:
        late = f"did not end within {timeout_s:.0f} s"
        what = late if code is None else f"failed (exit code {code})"
        raise BuildError(
            f"building a private Python environment {what}:\n{_reason(process)}\n"
            f"{_to_repeat(argv, order)}\nIts whole output is in {log}\n{order.advice}"
        )


def _to_repeat(argv: list[str], order: _Order) -> str:
    """What to type to see it fail again: nothing is left of the environment."""
    if order.source is None or not order.source.repeat:
        return f"The command was: {shlex.join(argv)}"
    installs = (shlex.join([".venv/bin/python", "-m", "pip", "install", *w]) for w in order.calls)
    make = shlex.join([sys.executable, "-m", "venv", ".venv"])
    return f"To repeat it: {' && '.join([order.source.repeat, make, *installs])}"


def _reason(process: Process) -> str:
    """What pip says of the cause, which may stand far above the end of its output; else that
    end."""
    lines = [line.strip() for line in process.log_tail(_LOG_LINES).splitlines()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    told = dict.fromkeys([*_of_a_build(lines), *errors[-_REASONS:]])
    return "\n".join(told) or process.log_tail(8)


def _of_a_build(lines: Sequence[str]) -> Iterator[str]:
    """The telling lines of the last of those programs that pip calls to build something: its output
    stands within its own."""
    begins = [number for number, line in enumerate(lines) if _BUILD_OUTPUT.search(line)]
    if not begins:
        return
    within = itertools.takewhile(
        lambda line: "[end of output]" not in line, lines[begins[-1] + 1 :]
    )
    said = [line for line in within if line]
    telling = [line for line in said if _TELLING.search(line)][-_REASONS:]
    yield from (line for line in said if line in telling or line in said[-1:])


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
