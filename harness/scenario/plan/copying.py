"""Copies of what is shipped, for people to edit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from harness import shipped
from harness.errors import UsageError
from harness.scenario.files.yaml12 import read_document, shown_path
from harness.scenario.plan.finding import SUFFIXES, find_shipped, unknown_either

Copied = Literal["wrote", "same", "differs"]
"""What became of a file: written; or it was there already, as a copy would be or another one."""
_OF_EDITORS = "# yaml-language-server:"


def copy_shipped(name: str, folder: Path) -> list[tuple[Path, Copied]]:
    """Copy the shipped configuration or scenario of a name below `folder`, and the configurations
    that a scenario names; `folder` holds `configs/` and `scenarios/` then.

    Returns what there is now; what was there already is kept. UsageError where there is nothing of
    the name, or where a file cannot be written.
    """
    source = find_shipped("configs", name) or find_shipped("scenarios", name)
    if source is None:
        raise UsageError(unknown_either(name))
    return [_copied(one, folder / _place(one)) for one in (source, *_named(source))]


def text_of_copy(source: Path) -> str:
    """A shipped file for a folder of somebody's own: without the line that tells editors where the
    schema is, which lies beside what is shipped."""
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(_OF_EDITORS))


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


def _copied(source: Path, target: Path) -> tuple[Path, Copied]:
    text = text_of_copy(source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return target, "same" if _holds(target, text) else "differs"
    except OSError as error:
        raise UsageError(f"cannot write {shown_path(target)}: {error.strerror}") from error
    return target, "wrote"


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:  # a folder, or nothing that may be read
        return False
