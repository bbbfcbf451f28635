"""Copies of what is shipped, for people to edit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from harness import shipped
from harness.errors import UsageError
from harness.scenario.files.yaml12 import read_document, shown_path
from harness.scenario.plan.finding import SUFFIXES, find_shipped, unknown_either


def copy_shipped(name: str, folder: Path) -> list[tuple[Path, bool]]:
    """Copy the shipped configuration or scenario of a name below `folder`, and the configurations
    that a scenario names; `folder` holds `configs/` and `scenarios/` then.

    Returns what there is now, and whether it was written: a configuration that is there already is
    kept. UsageError where there is nothing of the name, where the file of that name itself is there
    already, or where it cannot be written; nothing has been written then.
    """
    source = find_shipped("configs", name) or find_shipped("scenarios", name)
    if source is None:
        raise UsageError(unknown_either(name))
    target = folder / _place(source)
    if os.path.lexists(target):
        raise UsageError(f"{shown_path(target)} is there already, and is kept as it is")
    return [
        _copied(source, target),
        *(_copied(one, folder / _place(one)) for one in _named(source)),
    ]


def _place(source: Path) -> Path:
    return source.relative_to(shipped.root())


def _named(source: Path) -> Iterator[Path]:
    """The shipped configurations that a scenario names."""
    document = read_document(source, [])
    entries = None if document is None else document.get(("configurations",))
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, str):
            continue
        if entry.endswith(SUFFIXES):
            yield Path(os.path.normpath(source.parent / entry))
        elif (found := find_shipped("configs", entry)) is not None:
            yield found


def _copied(source: Path, target: Path) -> tuple[Path, bool]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(source.read_bytes())
    except FileExistsError:
        return target, False
    except OSError as error:
        raise UsageError(f"cannot write {shown_path(target)}: {error.strerror}") from error
    return target, True
