"""The two ways to write the workload `task`, made one.

`- workload: {task: ..., app: ...}` becomes `- workload: task` with the keys beside it. Every key
and value keeps its place in the file, so that what is wrong is said there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    outside = {name: value for name, value in entry.items() if name != _KEY}
    twice = [name for name in inside if name in entry]
    for name in twice:
        mark = document.key_mark((*below, name))
        problems.append(mark.problem(f"{shown(name)} stands beside workload, too"))

    def within(locations: Iterable[Location]) -> Iterator[tuple[Location, Location]]:
        """Where places of the entry stand in what it is written out to, and where they stood."""
        for location in locations:
            if location[: len(below)] != below:
                if location[: len(place)] == place:
                    yield location[len(place) :], location
            elif len(location) > len(below) and location[len(below)] not in outside:
                yield location[len(below) :], location

    spots = {now: document.spots[before] for now, before in within(document.spots)}
    part = Document(
        {_KEY: "task", **{name: v for name, v in inside.items() if name != _KEY}, **outside},
        {**spots, (_KEY,): document.spots[below]},
        frozenset(now for now, _ in within(document.unknown)).union((name,) for name in twice),
        frozenset(now for now, _ in within(document.partial)),
    )
    if below in document.partial:
        part = part.doubted(partial=[()])
    return document.placed(place, part)
