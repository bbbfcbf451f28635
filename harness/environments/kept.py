"""Where environments are kept, and which there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

COMPLETE = ".complete"
"""The file that an environment has that was built to its end. Its time is that of the last use."""


def kept_environments(environ: Mapping[str, str]) -> tuple[Path, Sequence[Path]]:
    """The folder that holds every environment, and those that are complete."""
    home = home_of(environ)
    return home, sorted(marker.parent for marker in home.glob(f"*/{COMPLETE}"))


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The folder that keeps what is costly to make, for this user on this machine."""
    cache = environ.get("XDG_CACHE_HOME")
    if not cache:
        cache = str(Path(environ.get("HOME") or str(Path.home())) / ".cache")
    return Path(cache) / "harness"


def home_of(environ: Mapping[str, str]) -> Path:
    """The folder that holds every environment."""
    return cache_folder(environ) / "envs"
