"""What this process runs under, as it says itself."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from celery.app.defaults import NAMESPACES, flatten

from harness.probe.own_app.celery_sources import installed


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Version by name, Python's own among them; of those packages that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def unknown_settings(names: Iterable[str]) -> list[str]:
    """Settings that this Celery does not have: it would ignore them without a word."""
    known = dict(flatten(NAMESPACES))
    unlisted = [name for name in names if name not in known]
    # Its code reads some that its table lacks. Half a second to find, so only where it matters.
    asked_for = installed().settings if unlisted else ()
    return sorted(name for name in unlisted if name not in asked_for)
