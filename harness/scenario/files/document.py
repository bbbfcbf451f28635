"""A parsed file as plain data that remembers where each key and value stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import Problem

Location = tuple[str | int, ...]
"""The way to a value: keys and list indices from the root, e.g. ("workloads", 0, "size")."""


@dataclass(frozen=True)
class Mark:
    """One place in an input: a file, or a `--set` on the command line. Counts from 1."""

    file: str
    line: int
    column: int

    def problem(self, message: str) -> Problem:
        """A problem that points here."""
        return Problem(self.file, self.line, self.column, message)


@dataclass(frozen=True)
class Spot:
    """Where a key and its value stand; for a list item and for the root both are the value."""

    key: Mark
    value: Mark


class NoSuchPlaceError(Exception):
    """A location leads through something that is neither a mapping nor a list that long."""


@dataclass(frozen=True)
class Document:
    """Plain data (dict, list, str, int, float, bool, None) and the spot of every value in it."""

    data: Any
    spots: Mapping[Location, Spot]

    def key_mark(self, location: Location) -> Mark:
        """Where the key of a value stands, or that of the nearest value around it."""
        return self._nearest(location).key

    def value_mark(self, location: Location) -> Mark:
        """Where a value stands, or the nearest thing around it."""
        while location and location not in self.spots:
            location = location[:-1]
            if location in self.spots:
                return self.spots[location].key
        return self._nearest(location).value

    def get(self, location: Location) -> Any:
        """The value at a location, None where there is none."""
        value = self.data
        for element in location:
            try:
                value = value[element]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def below(self, location: Location, key: Mark) -> Document:
        """The part under a location as a document of its own, reached through another key."""
        depth = len(location)
        spots = {
            place[depth:]: spot for place, spot in self.spots.items() if place[:depth] == location
        }
        spots[()] = Spot(key, spots[()].value)
        return Document(self.get(location), spots)

    def placed(self, location: Location, part: Document) -> Document:
        """A new document with `part` at a location; mappings on the way there are created.

        Raises NoSuchPlaceError with a message fit for a user.
        """
        depth = len(location)
        spots = {place: spot for place, spot in self.spots.items() if place[:depth] != location}
        for length in range(1, depth):
            spots.setdefault(location[:length], part.spots[()])
        spots |= {location + place: spot for place, spot in part.spots.items()}
        return Document(_put(self.data, location, part.data), spots)

    def without(self, location: Location) -> Document:
        """A new document in which a mapping lacks one key, if it had it."""
        parent = self.get(location[:-1])
        if not isinstance(parent, dict) or location[-1] not in parent:
            return self
        kept = {key: value for key, value in parent.items() if key != location[-1]}
        return Document(_put(self.data, location[:-1], kept), self.spots)

    def without_entry(self, location: Location) -> Document:
        """A new document in which a list lacks one entry; those behind it move up."""
        around, index, depth = location[:-1], int(location[-1]), len(location) - 1
        entries = self.get(around)
        spots = {}
        for place, spot in self.spots.items():
            within = place[:depth] == around and len(place) > depth
            number = place[depth] if within else -1
            if isinstance(number, int) and number > index:
                place = (*around, number - 1, *place[depth + 1 :])  # noqa: PLW2901 - moved up
            if number != index:
                spots[place] = spot
        return Document(_put(self.data, around, entries[:index] + entries[index + 1 :]), spots)

    def _nearest(self, location: Location) -> Spot:
        while location not in self.spots:
            location = location[:-1]
        return self.spots[location]


def _put(data: Any, location: Location, value: Any) -> Any:
    """A copy of the data with one value replaced; what is not on the way is shared."""
    if not location:
        return value
    head, rest = location[0], location[1:]
    if isinstance(data, list):
        index = _index(head, len(data))
        return [*data[:index], _put(data[index], rest, value), *data[index + 1 :]]
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise NoSuchPlaceError(f'"{head}" cannot be set below something that is not a mapping')
    return {**data, head: _put(data.get(head), rest, value)}


def _index(head: str | int, length: int) -> int:
    if isinstance(head, int) and head < length:
        return head
    raise NoSuchPlaceError(f'"{head}" is no entry of this list: its {length} entries count from 0')
