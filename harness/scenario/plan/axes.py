"""The matrix' axes: what a path may lead to, and how its values get there.

`worker.concurrency` leads into every configuration, `workload.payload_bytes` into every workload,
`load.in_flight` into every load. Several paths joined by `+` take the same value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import Problem
from harness.scenario.files.document import Document, Location
from harness.scenario.files.overrides import find_group, indexed, with_entry_written_out
from harness.scenario.files.wording import shown
from harness.scenario.models.configuration import OTHER_FORM
from harness.scenario.plan.value_words import canonical, named_value

_NOT_MEASURED = ("name", "description")
_OF_WORK = ("workload", "load")

Point = Mapping[str, int]
"""Axis -> index of the value that is taken."""


def parts(axis: str) -> tuple[str, ...]:
    """The dotted paths of an axis."""
    return tuple(axis.split("+"))


def axes_of(scenario: Document, problems: list[Problem]) -> dict[str, list[Any]]:
    """The usable axes. What is no mapping of lists was reported with the scenario's own types."""
    matrix = scenario.get(("matrix",))
    if not isinstance(matrix, dict):
        return {}
    axes = {}
    for axis, values in matrix.items():
        if message := _wrong_with(axis, matrix):
            problems.append(scenario.key_mark(("matrix", axis)).problem(message))
        elif isinstance(values, list) and values:
            axes[axis] = values
    return axes


def _wrong_with(axis: str, matrix: Collection[str]) -> str | None:
    for path in parts(axis):
        if path in _NOT_MEASURED:
            return f"{path} does not change what is measured"
        if "" in path.split("."):
            return f"{shown(axis)} is not a dotted path, nor several of them joined by +"
    around = [
        (mine, theirs)
        for other in matrix
        for mine in parts(axis)
        for theirs in parts(other)
        if (lies_in(mine, theirs) and mine != theirs) or (other != axis and mine == theirs)
    ]
    if around:
        return f"overlaps with {shown(around[0][1])}"
    repeated = len(set(parts(axis))) < len(parts(axis))
    return f"{shown(axis)} names a path twice" if repeated else None


def lies_in(path: str, other: str) -> bool:
    """Whether a value at the path `other` decides what is at `path`, too: it is that place, one
    around it, or says which workers there are, in whichever of the two forms."""
    head = path.partition(".")[0]
    return f"{path}.".startswith(f"{other}.") or OTHER_FORM.get(head) == other


def short_names(axes: Sequence[str]) -> dict[str, str]:
    """The last word of each path, or more of them where that is ambiguous."""
    paths = [path for axis in axes for path in parts(axis)]
    return {axis: "+".join(_short_name(path, paths) for path in parts(axis)) for axis in axes}


def _short_name(path: str, paths: Sequence[str]) -> str:
    words = path.split(".")
    others = [other.split(".") for other in paths if other != path]
    length = next(
        length
        for length in range(1, len(words) + 1)
        if length == len(words) or all(other[-length:] != words[-length:] for other in others)
    )
    return ".".join(words[-length:])


def fields_of(kind: str, axes: Collection[str]) -> frozenset[str]:
    """What the axes say of a `workload` or a `load`: fields by their dotted names."""
    head = f"{kind}."
    return frozenset(
        path.removeprefix(head) for axis in axes for path in parts(axis) if path.startswith(head)
    )


def about_work(axis: str) -> bool:
    """Whether any of its paths leads into workloads or loads."""
    return any(is_of_work(path) for path in parts(axis))


def in_configuration(scenario: Document, configuration: Document, point: Point) -> Document:
    """The configuration at a point. NoSuchPlaceError where a path leads nowhere."""
    for axis, index in point.items():
        for path in parts(axis):
            if not is_of_work(path):
                part, place = _part(scenario, axis, index), tuple(path.split("."))
                find_group(configuration, place)
                other = OTHER_FORM.get(path)  # a value says which workers there are, all of them
                configuration = configuration if other is None else configuration.without((other,))
                configuration = configuration.placed(place, part)
    return configuration


def in_work(scenario: Document, point: Point) -> Document:
    """The scenario with its workloads and loads at a point. NoSuchPlaceError as above."""
    at_point = scenario
    for axis, index in point.items():
        for path in parts(axis):
            if is_of_work(path):
                kind, *field = path.split(".")
                part = _part(scenario, axis, index)
                for entry in _entries(at_point, kind):
                    place = indexed(at_point, (*entry, *field))
                    at_point = with_entry_written_out(at_point, place).placed(place, part)
    return at_point


def _entries(scenario: Document, kind: str) -> Iterator[Location]:
    """Every workload, or every load: the scenario's own and those of its workloads."""
    lists: list[Location] = [(f"{kind}s",)]
    if kind == "load":
        workloads = scenario.get(("workloads",))
        count = len(workloads) if isinstance(workloads, list) else 0
        lists += [("workloads", number, "loads") for number in range(count)]
    for location in lists:
        entries = scenario.get(location)
        for index in range(len(entries) if isinstance(entries, list) else 0):
            yield (*location, index)


def is_of_work(path: str) -> bool:
    """Whether a path leads into workloads or loads."""
    return path.partition(".")[0] in _OF_WORK and "." in path


@dataclass(frozen=True)
class Lost:
    """Places at which axes that cannot be used would have said something, nobody knows what."""

    in_configurations: frozenset[Location]
    in_work: frozenset[Location]

    def __bool__(self) -> bool:
        return bool(self.in_configurations or self.in_work)


def lost_to(
    scenario: Document, good: Collection[str], problems: Collection[Problem], fields: Iterable[str]
) -> Lost:
    """What is not known because of axes that are not among the `good` ones. `problems` tell whether
    something is wrong with a path itself; `fields` are those of a configuration."""
    matrix = scenario.get(("matrix",))
    axes = {*matrix} if isinstance(matrix, dict) else set()
    axes |= {str(at[1]) for at in scenario.unknown if at[:1] == ("matrix",) and len(at) > 1}
    marks = {(one.file, one.line, one.column) for one in problems}
    everything: set[Location] = {(name,) for name in fields}
    configured, work = set[Location](), set[Location]()
    if _is_lost(scenario):
        configured, work = everything, {("workloads",), ("loads",)}
    for axis in axes - {*good}:
        key = scenario.key_mark(("matrix", axis))
        misspelt = (key.file, key.line, key.column) in marks
        for path in parts(axis):
            place: Location = tuple(path.split("."))
            place = place[:-1] if misspelt else place
            if is_of_work(path):
                kind = path.partition(".")[0]
                work |= {(*entry, *place[1:]) for entry in _entries(scenario, kind)}
            else:
                configured |= {place} if place[:1] in everything else everything
    return Lost(frozenset(configured), frozenset(work))


def _is_lost(scenario: Document) -> bool:
    """Whether the matrix as a whole cannot be read, or may be what stands under an unknown key."""
    if ("matrix",) in scenario.unknown | scenario.partial:
        return True
    left_out = (at[:1] for at in scenario.spots if len(at) > 1 and at[0] not in scenario.data)
    return "matrix" not in scenario.data and any(at not in scenario.unknown for at in left_out)


def _part(scenario: Document, axis: str, index: int) -> Document:
    key = scenario.key_mark(("matrix", axis))
    return scenario.below(place_of_value(scenario, axis, index), key)


def place_of_value(scenario: Document, axis: str, index: int) -> Location:
    """The place of an axis' value in the scenario: that of `{name: lean, value: ...}` is one level
    deeper."""
    place: Location = ("matrix", axis, index)
    name, _ = named_value(scenario.get(place))
    return place if name is None else (*place, "value")


def find_repeated(
    scenario: Document, path: str, values: list[Any], problems: list[Problem]
) -> None:
    """Values of an axis that stand there twice, and names that are none or not its own."""
    seen: dict[str, int] = {}
    names: dict[str, int] = {}
    for index, entry in enumerate(values):
        name, value = named_value(entry)
        mark = scenario.value_mark(place_of_value(scenario, path, index))
        first = seen.setdefault(canonical(value), index)
        if first != index:
            problems.append(mark.problem(f"the value {shown(value)} stands here twice"))
        if name is not None:
            name = entry["name"]
            mark = scenario.value_mark(("matrix", path, index, "name"))
            if not isinstance(name, str) or _VALUE_NAME.fullmatch(name) is None:
                problems.append(mark.problem(f"{shown(name)} is no name for a value: {_NAMES}"))
            elif names.setdefault(name, index) != index:
                problems.append(mark.problem(f"two values with the name {shown(name)}"))


_VALUE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}")
_NAMES = "letters, digits, dots, dashes, underscores and +, at most 40, no mark first"
