"""A parsed file as plain data that remembers where each key and value stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import Problem

Location = tuple[str | int, ...]
"""The way to a value: keys and list indices from the root, e.g. ("workloads", 0, "size")."""
Conflict = tuple[Location, str]
"""A place in the YAML, and what cannot work there."""


@dataclass(frozen=True)
class Mark:
    """One place in an input: a file, or a `--set` on the command line. Counts from 1."""

    file: str
    """Path as it was given, or `--set`."""
    line: int
    column: int

    def problem(self, message: str) -> Problem:
        """A problem that points here."""
        return Problem(self.file, self.line, self.column, message)


@dataclass(frozen=True)
class Spot:
    """The marks of a key and of its value in the file; for a list item and for the root both are
    the value's."""

    key: Mark
    value: Mark


class NoSuchPlaceError(Exception):
    """A location leads through something that is neither a mapping nor a list that long, or to what
    has to be there by now."""


@dataclass(frozen=True)
class Document:
    """Plain data (dict, list, str, int, float, bool, None) and the spot of every value in it."""

    data: Any
    spots: Mapping[Location, Spot]
    unknown: frozenset[Location] = frozenset()
    """Values that could not be read; whatever stands there instead, nothing follows from it."""
    partial: frozenset[Location] = frozenset()
    """Lists that lack entries, and mappings that lack keys, because those could not be read."""

    def key_mark(self, location: Location) -> Mark:
        """Line and column of the key of a value, or of the key of the nearest value around it."""
        return self._nearest(location).key

    def value_mark(self, location: Location) -> Mark:
        """Line and column of a value, or of the nearest thing around it."""
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
        unknown, partial = (
            frozenset(place[depth:] for place in places if place[:depth] == location)
            for places in (self.unknown, self.partial)
        )
        return Document(self.get(location), spots, unknown, partial)

    def placed(self, location: Location, part: Document) -> Document:
        """A new document with `part` at a location; mappings on the way there are created.

        Raises NoSuchPlaceError with a message fit for a user.
        """
        depth = len(location)
        spots = {place: spot for place, spot in self.spots.items() if place[:depth] != location}
        for length in range(1, depth):
            spots.setdefault(location[:length], part.spots[()])
        spots |= {location + place: spot for place, spot in part.spots.items()}
        unknown, partial = (
            frozenset(place for place in mine if place[:depth] != location)
            | frozenset(location + place for place in added)
            for mine, added in ((self.unknown, part.unknown), (self.partial, part.partial))
        )
        return Document(_put(self.data, location, part.data), spots, unknown, partial)

    def doubted(
        self, unknown: Iterable[Location] = (), partial: Iterable[Location] = ()
    ) -> Document:
        """A new document with more places of which nothing (`unknown`), or not all (`partial`), is
        known."""
        return replace(
            self, unknown=self.unknown.union(unknown), partial=self.partial.union(partial)
        )

    def without(self, location: Location) -> Document:
        """A new document in which a mapping lacks one key, if it had it."""
        parent = self.get(location[:-1])
        if not isinstance(parent, dict) or location[-1] not in parent:
            return self
        kept = {key: value for key, value in parent.items() if key != location[-1]}
        return replace(self, data=_put(self.data, location[:-1], kept))

    def without_entry(self, location: Location) -> Document:
        """A new document in which a list lacks one entry; those behind it move up."""
        around, index, depth = location[:-1], int(location[-1]), len(location) - 1

        def moved(place: Location) -> Location | None:
            """Where a place has come to lie; None for what has gone."""
            number = place[depth] if len(place) > depth and place[:depth] == around else -1
            if not isinstance(number, int) or number < index:
                return place
            return None if number == index else (*around, number - 1, *place[depth + 1 :])

        entries = self.get(around)
        left = {place: moved(place) for place in (*self.spots, *self.unknown, *self.partial)}
        return Document(
            _put(self.data, around, entries[:index] + entries[index + 1 :]),
            {now: spot for place, spot in self.spots.items() if (now := left[place]) is not None},
            frozenset(now for place in self.unknown if (now := left[place]) is not None),
            frozenset(now for place in self.partial if (now := left[place]) is not None),
        )

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
