"""Extras: packages that only a part of what the harness can do needs, and how to install them here.

docs/installing.md has the table; pyproject.toml says what each brings.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shlex
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PACKAGE = "celery-config-bench"
_OF_DEVELOPMENT = ("all", "dev", "pytest")


def needs(who: str, extra: str, *modules: str) -> str:
    """What is to be said where a module of an extra is not here, with the command that installs
    it; nothing where all are. Imports none of them.

    Example: `needs("pool gevent", "gevent", "gevent")`.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    return f"{who} needs {' and '.join(missing)}, not installed here: {to_install(extra)}"


def to_install(*extras: str) -> str:
    """The command that adds extras to the environment that this process runs in.

    >>> to_install("sqs").endswith("pip install 'celery-config-bench[sqs]'")
    True
    """
    wanted = shlex.quote(f"{PACKAGE}[{','.join(extras)}]")
    home = Path(sys.prefix)
    if (home / "pipx_metadata.json").is_file():
        return f"pipx runpip {shlex.quote(home.name)} install {wanted}"
    if importlib.util.find_spec("pip") is None:  # as `uv tool` and `uv venv` make environments
        return f"uv pip install --python {shlex.quote(sys.executable)} {wanted}"
    return f"pip install {wanted}"


def requirements(extra: str) -> list[str]:
    """What an extra stands for, as pip reads it: by its own name pip would look for a newer
    harness, too. Empty where the harness runs without having been installed."""
    found = []
    for one in _brought_by(extra):
        extras = f"[{','.join(sorted(one.extras))}]" if one.extras else ""
        found.append(f"{one.name}{extras}{one.specifier}")
    return found


@lru_cache
def there() -> Mapping[str, bool]:
    """Every extra, and whether all that it brings is installed."""
    try:
        named = importlib.metadata.metadata(PACKAGE).get_all("Provides-Extra") or []
    except importlib.metadata.PackageNotFoundError:
        named = []
    return {
        extra: all(_is_installed(one.name) for one in _brought_by(extra))
        for extra in named
        if extra not in _OF_DEVELOPMENT
    }


def _brought_by(extra: str) -> Iterator[Requirement]:
    from packaging.requirements import Requirement  # noqa: PLC0415 - not for whoever lacks nothing

    try:
        texts = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return
    for one in map(Requirement, texts):
        always = one.marker is None or one.marker.evaluate({"extra": ""})
        if not always and one.name != PACKAGE and _is_for(one, extra):
            yield one


def _is_for(one: Requirement, extra: str) -> bool:
    return one.marker is None or one.marker.evaluate({"extra": extra})


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
