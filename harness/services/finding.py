"""What `harness doctor` finds, and how it looks: drivers say it of their own servers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import OutOfReachError, ServiceError

PRIVATE = "private processes on free ports of 127.0.0.1"
_ASK_S = 15.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    usable: bool
    required: bool
    """Whether something that ships with the harness cannot run without it."""
    version: str = ""
    note: str = ""
    fix: str | None = None
    """The exact command that installs it; None where nothing is missing or nothing can be done."""
    debian: str = ""
    """Debian's package, where `harness doctor --fix` is to install it."""
    extra: str = ""
    """The extra of the harness that brings it, where it is to install that one."""
    environment: tuple[str, ...] = ()
    """Requirements of an environment that it is to build."""


def debian_program(
    name: str, note: str, find: Callable[[], Path], environ: Mapping[str, str], package: str
) -> Finding:
    """A server of a Debian package, which an ordinary user runs. `find` raises ServiceError if it
    is not here, OutOfReachError if installing it would not help."""
    try:
        server = find()
    except OutOfReachError as error:
        return Finding(name, False, True, note=f"{note}; {error}")
    except ServiceError:
        return missing_package(name, note, package)
    version = first_number(ask([str(server), "--version"], environ))
    return Finding(name, True, True, version, f"{note}; {server}: {PRIVATE}")


def missing_package(name: str, note: str, package: str, *, required: bool = True) -> Finding:
    """What Debian's package would bring."""
    return Finding(name, False, required, "", note, f"apt-get install {package}", debian=package)


def ask(argv: list[str], environ: Mapping[str, str]) -> str:
    """Standard output of a short command, or nothing."""
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_ASK_S, check=False, env=dict(environ)
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def first_number(text: str) -> str:
    """A version such as `8.1.2` within a sentence, or nothing."""
    match = re.search(r"\d+\.\d+(\.\d+)*", text)
    return match[0] if match else ""
