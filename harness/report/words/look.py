"""What a report may assume of the place where it is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """Used by formats for the terminal, ignored by those for files."""

    width: int = 100
    color: bool = False
    encoding: str = "utf-8"
