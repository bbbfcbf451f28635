"""`--set PATH=VALUE`: changes to a scenario, or with `config.` in front to every configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.errors import Problem
from harness.scenario.files.document import Document, Location, Mark, NoSuchPlaceError, Spot
from harness.scenario.files.wording import did_you_mean, printable
from harness.scenario.files.yaml12 import parse
from harness.scenario.models.configuration import OTHER_FORM

CONFIGURATION_PREFIX = "config"
_EXCLUSIVE = {"units": "duration", "duration": "units"}
_NAMED_BY = {"workloads": "workload", "loads": "load", "parts": "workload"}


@dataclass(frozen=True)
class Change:
    """One `--set`, parsed: what to put where. Positions count within `PATH=VALUE`."""

    location: Location
    part: Document
    of_configurations: bool


def parse_changes(sets: Iterable[str], problems: list[Problem]) -> tuple[Change, ...]:
    """The changes that the `--set` options ask for, in their order."""
    changes = (_parse_change(text, problems) for text in sets)
    return tuple(change for change in changes if change is not None)


def changed(document: Document, changes: Sequence[Change], problems: list[Problem]) -> Document:
    """A new document with the changes applied, the last of equal ones winning."""
    for change in changes:
        location = indexed(document, change.location)
        mark = change.part.spots[()].key
        try:
            if change.of_configurations:
                find_group(document, location)
            written_out = with_entry_written_out(document, location)
            document = _without_rival(written_out, change, changes).placed(location, change.part)
        except NoSuchPlaceError as error:
            problems.append(mark.problem(str(error)))
    return document


def _parse_change(text: str, problems: list[Problem]) -> Change | None:
    path, equals, value = text.partition("=")
    # Only the path is shown: the value may hold what a terminal or a log should not.
    start = Mark(f"--set {printable(path)}", 1, 1)
    if not equals or not path or "" in path.split("."):
        example = "PATH=VALUE, for example measure.units=100 or config.worker.concurrency=4"
        problems.append(start.problem(f"expected {example}"))
        return None
    head, _, rest = path.partition(".")
    of_configurations = head == CONFIGURATION_PREFIX and bool(rest)
    key = replace(start, column=len(path) - len(path.rpartition(".")[2]) + 1)
    value_start = replace(start, column=len(path) + 2)
    if value.strip():
        part = parse(value, value_start, problems)
    else:
        part = Document(None, {(): Spot(value_start, value_start)})
    if part is None:
        return None
    spots = {**part.spots, (): Spot(key, part.spots[()].value)}
    return Change(_location(path), replace(part, spots=spots), of_configurations)


def _location(path: str) -> Location:
    head, _, rest = path.partition(".")
    if head == "matrix" and rest:
        return head, rest  # an axis is one key, although it has dots
    return tuple(rest.split(".") if head == CONFIGURATION_PREFIX and rest else path.split("."))


def indexed(document: Document, location: Location) -> Location:
    """The same location, with numbers where the document has lists."""
    result: Location = ()
    for element in location:
        inside = document.get(result)
        is_index = isinstance(inside, list) and str(element).isdecimal()
        result = (*result, int(element) if is_index else element)
    return result


def with_entry_written_out(document: Document, location: Location) -> Document:
    """`- add` becomes `- workload: add` where a change goes into it."""
    for length in range(2, len(location)):
        entry, key = location[:length], _NAMED_BY.get(str(location[length - 2]))
        name = document.get(entry)
        if key is not None and isinstance(name, str):
            spot = document.spots[entry]
            part = Document({key: name}, {(): spot, (key,): spot})
            document = document.placed(entry, part)
    return document


def find_group(configuration: Document, location: Location) -> None:
    """NoSuchPlaceError where a location leads into a group of workers that there is not: it would
    be a new one."""
    field, *name = location[:2]
    if field != OTHER_FORM["worker"] or len(location) <= _GROUP:
        return
    groups = configuration.get((field,)) or {}
    if isinstance(groups, dict) and name[0] not in groups:
        guess = did_you_mean(str(name[0]), [str(group) for group in groups])
        raise NoSuchPlaceError(f'there is no group "{name[0]}" of workers{guess}')


_GROUP = len(("workers", "fast"))


def _without_rival(document: Document, change: Change, changes: Sequence[Change]) -> Document:
    """Setting measure.units takes measure.duration away, and worker workers, each the other way
    round.

    Unless the other one is set by hand as well: then it is an error like in a file.
    """
    whole = change.of_configurations and len(change.location) == 1
    exclusive = OTHER_FORM if whole else _EXCLUSIVE
    rival = exclusive.get(str(change.location[-1]))
    if not (whole or change.location[-2:-1] == ("measure",)):
        return document
    if rival is None or change.part.data is None:
        return document
    place = (*indexed(document, change.location[:-1]), rival)
    set_by_hand = any(indexed(document, other.location) == place for other in changes)
    return document if set_by_hand else document.without(place)
