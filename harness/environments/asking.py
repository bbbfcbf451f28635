"""What an interpreter says of itself when it is asked: its version, and what is installed there."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.environments.building import BuildError
from harness.environments.interpreter import without_python

_TELL_S = 60.0

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
    told = tuple(sorted(without_python(environ).items()))
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
