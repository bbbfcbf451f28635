"""What a faulty file leaves unknown, and judging without it.

A bad value is mended so that the rest can be read, but nothing may be concluded from what stands
there instead. So models made of a mended document lack these fields, and asking for one raises
`NotKnownError`: whatever check wants to know it is left out, and every other is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel

from harness.scenario.files.document import Document, Location

T = TypeVar("T")
P = ParamSpec("P")
Model = TypeVar("Model", bound=BaseModel)


class NotKnownError(Exception):
    """Somebody asks for what the file does not say in a way that could be read."""


def as_far_as_known(
    judge: Callable[P, Iterable[T]], *args: P.args, **kwargs: P.kwargs
) -> Iterator[T]:
    """What a check finds before it needs something that is not known."""
    try:
        yield from judge(*args, **kwargs)
    except NotKnownError:
        return


def known_part(model: Model, document: Document) -> Model:
    """A model of a mended document without what is not known of it."""
    known: Any = model
    for place in sorted(document.unknown, key=len):
        known = _without(known, place)
    for place in sorted(document.partial, key=len):
        known = _part(known, place, document.get(place))
    return known  # type: ignore[no-any-return] # a model stays one, by construction


def is_known(value: object) -> bool:
    """Whether nothing is unknown in a model, a list or a mapping, however deep."""
    if isinstance(value, BaseModel):
        fields = value.__dict__
        return len(fields) == len(type(value).model_fields) and all(map(is_known, fields.values()))
    if isinstance(value, _PartOfList | _PartOfMapping):
        return False
    if isinstance(value, tuple | list):
        return all(map(is_known, value))
    return not isinstance(value, dict) or all(map(is_known, value.values()))


def in_full(model: Model) -> Model:
    """A model to be taken as it is, with all that is in it. NotKnownError if that is not known."""
    if not is_known(model):
        raise NotKnownError
    return model


def told(model: BaseModel) -> dict[str, Any]:
    """The fields of a model that are known."""
    return dict(model.__dict__)


def only(model: Model, fields: dict[str, Any]) -> Model:
    """A copy of a model that has these fields, and whose others are not known."""
    copy = model.model_copy()
    object.__setattr__(copy, "__dict__", fields)
    return copy


def entries(values: tuple[T, ...]) -> tuple[T, ...]:
    """The entries of a list that could be read, whether or not there are others."""
    return values.readable if isinstance(values, _PartOfList) else values


def entries_of(model: BaseModel, field: str) -> tuple[Any, ...]:
    """Entries of a list in a model that could be read; none where the list is not known at all."""
    return entries(told(model).get(field, ()))


class _PartOfList(tuple[Any, ...]):
    """A list that lacks entries: who wants to see all of it comes to what is not known."""

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        raise NotKnownError

    def __len__(self) -> int:
        raise NotKnownError

    def __bool__(self) -> bool:
        if not self.readable:
            raise NotKnownError
        return True

    @property
    def readable(self) -> tuple[Any, ...]:
        """The entries that are known, for who can do with a part."""
        return self[:]


NOT_KNOWN = _PartOfList()
"""A list of which nothing is known."""


class _PartOfMapping(dict[str, Any]):
    """A mapping of which some keys, or all that are not there, are not known."""

    unknown: frozenset[str] = frozenset()
    lacks_keys = False

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(self._known(key))

    def get(self, key: str, default: Any = None) -> Any:
        """As of any mapping; NotKnownError for what is not known."""
        return super().get(self._known(key), default)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(self._known(key))

    def _known(self, key: Any) -> Any:
        if key in self.unknown or (self.lacks_keys and not super().__contains__(key)):
            raise NotKnownError
        return key


# --- what a model loses -------------------------------------------------------------------------


def _without(value: Any, place: Location) -> Any:
    """A value that does not know what is at a place in it, or at the nearest it can tell apart."""
    if not place:
        return value
    if len(place) > 1 and _holds(value, place[0]):
        inner = _inner(value, place[0])
        if (changed := _without(inner, place[1:])) is not inner:
            return _with(value, place[0], changed)
    if isinstance(value, BaseModel) and place[0] in type(value).model_fields:
        return only(value, {name: one for name, one in told(value).items() if name != place[0]})
    if isinstance(value, dict):
        part = _PartOfMapping(dict.items(value))
        part.unknown = getattr(value, "unknown", frozenset()) | {str(place[0])}
        part.lacks_keys = getattr(value, "lacks_keys", False)
        return part
    return value  # an entry of a list: the list as a whole, which whoever holds it knows


def _part(value: Any, place: Location, given: Any) -> Any:
    """A value that knows of what is at a place in it only what is given there."""
    if place:
        if not _holds(value, place[0]):
            return value
        return _with(value, place[0], _part(_inner(value, place[0]), place[1:], given))
    if isinstance(value, BaseModel):
        there = given if isinstance(given, dict) else ()
        return only(value, {name: one for name, one in told(value).items() if name in there})
    if isinstance(value, dict):
        part = _PartOfMapping(dict.items(value))
        part.unknown, part.lacks_keys = getattr(value, "unknown", frozenset()), True
        return part
    return _PartOfList(entries(value)) if isinstance(value, tuple) else value


def _holds(value: Any, key: str | int) -> bool:
    if isinstance(value, BaseModel):
        return key in told(value)
    if isinstance(value, dict):
        return dict.__contains__(value, key)
    return isinstance(value, tuple) and isinstance(key, int) and key < tuple.__len__(value)


def _inner(value: Any, key: Any) -> Any:
    if isinstance(value, BaseModel):
        return told(value)[key]
    return dict.__getitem__(value, key) if isinstance(value, dict) else entries(value)[key]


def _with(value: Any, key: Any, inner: Any) -> Any:
    """The same with one thing in it changed."""
    if isinstance(value, BaseModel):
        return only(value, {**told(value), key: inner})
    if isinstance(value, dict):
        copy = type(value)(dict.items(value))
        for name in ("unknown", "lacks_keys") if isinstance(value, _PartOfMapping) else ():
            setattr(copy, name, getattr(value, name))
        dict.__setitem__(copy, key, inner)
        return copy
    changed = (inner if index == key else one for index, one in enumerate(entries(value)))
    return type(value)(changed)
