"""Python environments of their own, for programs that must not share the harness' packages.

An SQS emulator that pins botocore exactly, or another version of Celery, gets a virtual
environment named by the hash of its pins and of the interpreter. It is built once per user and
machine, and used by every later run, also offline. One that is the user's own is only asked what
it has.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.processes import Process, kill_marked, spawn

_BUILD_S = 600.0
_LOCK_S = 900.0
_POLL_S = 0.1
_COMPLETE = ".complete"
_MARK = "HARNESS_BUILDS"
_LOG_LINES = 500
_TELL_S = 60.0
_REASONS = 4
"""Of pip's own errors, how many are quoted."""
_ADVICE = "It needs the package index once; run `harness doctor --fix` while online"


class BuildError(HarnessError):
    """An environment could not be built; the message names the command to repeat."""


@dataclass(frozen=True)
class Interpreter:
    """Which Python runs clients and workers, and where it finds the probe."""

    python: Path = Path(sys.executable)
    folder: Path | None = None
    """Holds the `harness` package and nothing else; None where it is installed already."""
    modules: Path | None = None
    """Folder in which modules that the user's settings import are looked for, after all else."""
    project: Path | None = None
    """Folder from which the user's own application is imported, if it is what runs."""
    queues: tuple[str, ...] = ()
    """The queues of that application, where they are kept."""
    consumed: tuple[str, ...] = ()
    """Those of them that its workers consume if nobody says otherwise."""
    commit: str | None = None
    """Commit of the user's project, if it is a revision that was installed and not the folder as it
    is."""

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment of a process: with a folder of its own, no other code is in reach, and a
        virtual environment is as active as its `activate` makes it."""
        if self.folder is None:
            return dict(environ)
        found = _without_python(environ) | {"PYTHONPATH": str(self.folder)}
        found.pop("VIRTUAL_ENV", None)
        home = self.python.parent.parent
        if (home / "pyvenv.cfg").is_file():
            path = os.pathsep.join(filter(None, (str(self.python.parent), found.get("PATH"))))
            found |= {"VIRTUAL_ENV": str(home), "PATH": path}
        return found


OWN = Interpreter()
"""The one that the harness itself runs under."""


def _without_python(environ: Mapping[str, str]) -> dict[str, str]:
    """Without the settings of the Python that the harness runs under."""
    return {name: value for name, value in environ.items() if not name.startswith("PYTHON")}


# For any Python: what is said of an old one is that it is old. Nothing of the current folder.
_TELL = """
import sys, json
sys.path = [place for place in sys.path if place]
if sys.version_info < (3, 4):
    nothing = {"versions": {}, "modules": [], "trouble": "", "of_transport": ""}
    print("\\n" + json.dumps(dict(nothing, python=list(sys.version_info[:3]))))
    sys.exit()
import importlib.util
found, trouble, of_transport = {}, "", ""
try:
    from importlib.metadata import PackageNotFoundError, version
except ImportError:
    asked = []
else:
    asked = json.loads(sys.argv[1])
for name in asked:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
modules = [name for name in json.loads(sys.argv[2]) if importlib.util.find_spec(name)]
try:
    import celery
except BaseException as error:
    trouble = "%s: %s" % (type(error).__name__, error)
try:
    if sys.argv[3] and not trouble:
        from kombu.transport import resolve_transport
        resolve_transport(sys.argv[3])
except ImportError as error:
    of_transport = "%s: %s" % (type(error).__name__, error)
except Exception:
    pass  # nobody else's transport is known here
told = {"python": sys.version_info[:3], "versions": found, "modules": modules, "trouble": trouble}
print("\\n" + json.dumps(dict(told, of_transport=of_transport)))
"""


@dataclass(frozen=True)
class Installed:
    """What an interpreter says of itself, and of what is installed there."""

    python: tuple[int, ...]
    """Its version, e.g. (3, 9, 18)."""
    versions: Mapping[str, str]
    """Of those packages that were asked for, by their names."""
    modules: frozenset[str]
    """Those that were asked for and can be found."""
    trouble: str
    """What importing Celery raised; empty where it can be imported."""
    of_transport: str
    """What the transport of a broker lacks; empty where it can be imported."""


def installed_in(
    python: Path,
    environ: Mapping[str, str],
    packages: Sequence[str],
    modules: Sequence[str] = (),
    transport: str = "",
) -> Installed:
    """What an interpreter has of `packages` (names to install by) and top-level `modules`, as a
    client or worker would find it, and whether kombu can load a transport, by its alias. Asked
    once. BuildError where it does not run, or does not end.
    """
    told = tuple(sorted(_without_python(environ).items()))
    asked = (json.dumps(list(packages)), json.dumps(list(modules)), transport)
    return _installed_in(python, told, asked)


@functools.lru_cache(maxsize=64)
def _installed_in(
    python: Path, environ: tuple[tuple[str, str], ...], asked: tuple[str, ...]
) -> Installed:
    argv = [str(python), "-c", _TELL, *asked]
    try:
        done = subprocess.run(
            argv, env=dict(environ), capture_output=True, timeout=_TELL_S, check=True
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{python} took more than {_TELL_S:g} s to import celery") from error
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise BuildError(f"{python} is no Python that runs: {' '.join(last) or error}") from error
    except (OSError, ValueError) as error:
        raise BuildError(f"{python} cannot be run: {error}") from error
    told = next((one for line in reversed(done.stdout.splitlines()) if (one := _told(line))), None)
    if told is None:
        raise BuildError(f"{python} is no Python: it does not run what it is given")
    found = {"python": tuple(told["python"]), "modules": frozenset(told["modules"])}
    return Installed(**{**told, **found})


def _told(line: bytes) -> dict[str, Any] | None:
    """What a line says, if it is that of `_TELL`: a Python may print more as it starts or ends."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    fields = Installed.__dataclass_fields__
    return told if isinstance(told, dict) and set(told) == set(fields) else None


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
    return _home(environ) / hashlib.sha256(identity.encode()).hexdigest()[:16]


def is_complete(folder: Path) -> bool:
    """Whether an environment was built to its end and its interpreter still exists."""
    return (folder / _COMPLETE).is_file() and (folder / "bin" / "python").exists()


def source_folder(environment: Path) -> Path:
    """The folder into which the source of an environment was unpacked, if it has one."""
    return environment.with_suffix(".source")


def kept_environments(environ: Mapping[str, str]) -> tuple[Path, Sequence[Path]]:
    """The folder that holds every environment, and those that are complete."""
    home = _home(environ)
    return home, sorted(marker.parent for marker in home.glob(f"*/{_COMPLETE}"))


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The folder that keeps what is costly to make, for this user on this machine."""
    cache = environ.get("XDG_CACHE_HOME")
    if not cache:
        cache = str(Path(environ.get("HOME") or str(Path.home())) / ".cache")
    return Path(cache) / "harness"


def _home(environ: Mapping[str, str]) -> Path:
    return cache_folder(environ) / "envs"


def _mark_used(folder: Path) -> None:
    """The marker's time is that of the last use, so that who cleans up can tell."""
    with contextlib.suppress(OSError):  # somebody else's cache, or one that cannot be written
        os.utime(folder / _COMPLETE)


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
    env = {**_without_python(environ), _MARK: str(folder)}
    commands = [[*pip, *words] for words in installs if words]
    for argv in ([sys.executable, "-m", "venv", str(folder)], *commands):
        _run(argv, order, env=env, timeout_s=deadline - time.monotonic())
    (folder / ".pins").write_text("\n".join(word for words in installs for word in words) + "\n")
    marker = folder / f"{_COMPLETE}.new"
    marker.touch()
    marker.rename(folder / _COMPLETE)


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
