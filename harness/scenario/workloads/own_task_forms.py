"""The two ways to write the workload `task`, made one.

`- workload: {task: ..., app: ...}` becomes `- workload: task` with the keys beside it. Every key
and value keeps its place in the file, so that what is wrong is said there.
"""

from __future__ import annotations

from typing import Any

from harness.errors import Problem
from harness.scenario.files.document import Document, Location
from harness.scenario.files.wording import shown

_KEY = "workload"


def with_own_tasks(document: Document, problems: list[Problem]) -> Document:
    """The scenario with every nested entry of `workloads` written out."""
    entries = document.get(("workloads",))
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict) and isinstance(entry.get(_KEY), dict):
            document = _written_out(document, ("workloads", index), entry, problems)
    return document


def _written_out(
    document: Document, place: Location, entry: dict[str, Any], problems: list[Problem]
) -> Document:
    inside: dict[str, Any] = entry[_KEY]
    below = (*place, _KEY)
    for name in inside:
        if name in entry:
            mark = document.key_mark((*below, name))
            problems.append(mark.problem(f"{shown(name)} stands beside workload, too"))
    outside = {name: value for name, value in entry.items() if name != _KEY}
    depth = len(below)
    spots = {}
    for location, spot in document.spots.items():
        if location[:depth] != below:
            spots[location] = spot
        elif len(location) > depth and location[depth] not in outside:
            spots[(*place, *location[depth:])] = spot
    spots[below] = document.spots[below]
    part = Document(
        {_KEY: "task", **{name: v for name, v in inside.items() if name != _KEY}, **outside},
        {
            location[len(place) :]: spot
            for location, spot in spots.items()
            if location[: len(place)] == place
        },
    )
    return document.placed(place, part)
