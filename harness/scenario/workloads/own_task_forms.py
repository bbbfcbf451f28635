"""The two ways to write the workload `task`, made one.

`- workload: {task: ..., app: ...}` becomes `- workload: task` with the keys beside it. Every key
and value keeps its place in the file, so that what is wrong is said there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from harness.errors import Problem
from harness.scenario.files.document import Document, Location, Spot
from harness.scenario.files.wording import closest, shown
from harness.scenario.workloads.own_tasks import OwnTaskFields
from harness.scenario.workloads.registry import WORKLOADS

_KEY = "workload"


def with_own_tasks(document: Document, problems: list[Problem]) -> Document:
    """The scenario with every nested entry of `workloads` written out."""
    entries = document.get(("workloads",))
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if not (isinstance(entry, dict) and isinstance(entry.get(_KEY), dict)):
            continue
        place = ("workloads", index)
        if (name := _named_by_a_key(entry[_KEY])) is None:
            document = _written_out(document, place, entry, problems)
        else:
            document = _with_name(document, (*place, _KEY), name, problems)
    return document


def _named_by_a_key(inside: Iterable[object]) -> str | None:
    """The first key where none is, or may be meant as, one of an own task's: somebody took it for
    the place of a workload's name."""
    keys = [str(key) for key in inside]
    if any(closest(key, OwnTaskFields.model_fields) for key in keys):
        return None
    return keys[0] if keys else None


def _with_name(document: Document, at: Location, name: str, problems: list[Problem]) -> Document:
    """`workload: {group: ...}` as `workload: group`, where the name, if it is none, is told to be
    none; one that is known is told how to be written."""
    inside = document.get(at)
    mark = document.key_mark((*at, next(iter(inside))))
    if name in WORKLOADS:
        message = f'write "workload: {name}", with its fields beside it: its name is no key'
        problems.append(mark.problem(message))
    named = Document(name, {(): Spot(document.key_mark(at), mark)})
    return document.placed(at, named).doubted(partial=[at[:-1]])


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
