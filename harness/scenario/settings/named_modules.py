"""Modules that settings name and workers will import: whether they are there, without running any.

Workers look among what is installed, then in the folder where the harness is started.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import BuiltinImporter, ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from harness.scenario.files.document import Location
from harness.scenario.files.secrets import variables
from harness.scenario.files.wording import shown

_LISTS = ("imports", "include")
_CLASSES = ("worker_consumer", "worker_autoscaler", "worker_timer", "worker_agent")
"""Settings that name a class, as `package.module:Class`."""


def missing_modules(settings: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    """What no worker will find."""
    for place, name in _named(settings):
        if name and not variables(name) and _is_missing(name):
            message = f"there is no module {shown(name)}, neither installed nor in {Path.cwd()}"
            yield ("settings", *place), message


def _named(settings: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    for setting in _LISTS:
        value = settings.get(setting)
        if isinstance(value, str):
            yield (setting,), value
        for index, one in enumerate(value if isinstance(value, list | tuple) else ()):
            if isinstance(one, str):
                yield (setting, index), one
    for setting in _CLASSES:
        value = settings.get(setting)
        if isinstance(value, str) and ":" in value:
            yield (setting,), value.partition(":")[0]


def _is_missing(name: str) -> bool:
    """Package after package, each looked for where the one around it says that its modules are. The
    outermost is asked for of every finder there is, as those of editable installs; what only an
    imported module knows to be in it (`os.path`) is believed."""
    told = os.environ.get("PYTHONPATH", "")  # what workers will have, if it was set meanwhile
    places: Sequence[str] | None
    places = [*filter(None, told.split(os.pathsep)), *sys.path, str(Path.cwd())]
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        whole = ".".join(parts[:length])
        spec = BuiltinImporter.find_spec(whole) or PathFinder.find_spec(whole, places)
        spec = spec or (_found_otherwise(whole) if length == 1 else None)
        if spec is None:
            return True
        places = spec.submodule_search_locations
        if places is None:
            return 1 < length < len(parts)
    return False


def _found_otherwise(name: str) -> ModuleSpec | None:
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]
    found = (finder.find_spec(name, None) for finder in finders)
    return next((spec for spec in found if spec is not None), None)
