"""Arguments for a task, guessed from what its parameters are: pure, and careful to guess nothing
that it does not know."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.init.looking import Parameter, Task
from harness.probe.spoken import Line

_TEXT = 20
_WIDTH = 99
"""How far apart the ends of a range are that has one end at most."""
_DEEPEST = 8
_FORMATS = {
    "email": "ann@example.org",
    "uri": "https://example.org/",
    "date": "2026-01-01",
    "date-time": "2026-01-01T12:00:00Z",
    "time": "12:00:00",
    "duration": "PT1S",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
"""Texts of a form, of names that are nobody's (RFC 2606, 5737, 3849)."""
_NUMBERS = frozenset(
    (
        *("a", "b", "i", "j", "k", "m", "n", "x", "y", "z", "count", "number", "num", "size"),
        *("width", "height", "limit", "amount", "seconds", "times", "total", "volume"),
    )
)
_TEXTS = frozenset(("name", "text", "message", "title", "subject", "body", "word", "s"))


@dataclass(frozen=True)
class Guess:
    """How a task is called, as `args` and `kwargs` of the workload `task`."""

    task: Task
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    """What nothing could be guessed for, each with the reason; its place holds FILL_IN."""
    by_name: tuple[str, ...] = ()
    """Parameters without a type, of which the name alone says something."""


FILL_IN = "FILL IN"


class _UnknownError(Exception):
    """No value can be guessed; the message says of what."""


def guess(task: Task) -> Guess:
    """Values for what has to be given, and for nothing else: defaults are the author's choice."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    unknown, by_name = [], []
    for one in task.needed:
        try:
            value = _by_name(one) if not one.schema and not one.type else _of(one)
        except _UnknownError as error:
            value = FILL_IN
            unknown.append(f"{one.name} ({error})")
        else:
            by_name += [one.name] if not one.type else []
        if one.keyword:
            kwargs[one.name] = value
        else:
            args.append(value)
    return Guess(task, tuple(args), kwargs, tuple(unknown), tuple(by_name))


def _by_name(parameter: Parameter) -> Any:
    if parameter.name.lower() in _NUMBERS:
        return {"range": [1, 1 + _WIDTH]}
    if parameter.name.lower() in _TEXTS:
        return {"text": _TEXT}
    raise _UnknownError("no type")


def _of(parameter: Parameter) -> Any:
    if not parameter.schema:
        raise _UnknownError(parameter.type)
    try:
        return _value(parameter.schema, parameter.schema.get("$defs", {}))
    except _UnknownError as error:
        inside = str(error)
        raise _UnknownError(f"{parameter.type}: {inside}" if inside else parameter.type) from None


# --- values of a JSON Schema --------------------------------------------------------------------


def _value(schema: Line, defs: Mapping[str, Line], depth: int = 0) -> Any:
    """An expression of the workload `task` for it."""
    if depth > _DEEPEST:
        raise _UnknownError("it holds itself")
    if "$ref" in schema:
        return _value(defs.get(str(schema["$ref"]).rpartition("/")[2], {}), defs, depth + 1)
    if "const" in schema:
        return _plain(schema["const"])
    chosen = schema.get("examples") or schema.get("enum")
    if isinstance(chosen, list) and chosen:
        return _one_of(chosen)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _first(schema[several], defs, depth)
    maker = _MAKERS.get(schema.get("type", ""))
    if maker is None:
        raise _UnknownError("")
    return maker(schema, defs, depth)


def _one_of(values: Sequence[Any]) -> Any:
    return {"choice": [*values]} if len(values) > 1 else _plain(values[0])


def _plain(value: Any) -> Any:
    """A mapping that is itself the value has to say so."""
    return {"value": value} if isinstance(value, dict) else value


def _first(schemas: Sequence[Line], defs: Mapping[str, Line], depth: int) -> Any:
    """The first of several that can be guessed, nothing (null) last."""
    reason = ""
    for one in sorted(schemas, key=lambda one: one.get("type") == "null"):
        if one.get("type") == "null" and reason:
            break  # what it is when it is something cannot be guessed: nothing would be too easy
        try:
            return _value(one, defs, depth + 1)
        except _UnknownError as error:
            reason = reason or str(error) or "of no known type"
    raise _UnknownError(reason)


def _integer(schema: Line, _: Mapping[str, Line], __: int) -> Any:
    low, high = _bounds(schema, 1)
    if low is None:
        low = 1 if high is None or high >= 1 else high - _WIDTH
    high = low + _WIDTH if high is None else high
    low, high, step = math.ceil(low), math.floor(high), schema.get("multipleOf")
    if step:
        low = high = math.ceil(low / step) * step
    if low > high:
        raise _UnknownError(f"no number from {low} to {high}")
    return {"range": [low, high]} if low < high else low


def _bounds(schema: Line, step: int) -> tuple[Any, Any]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + step
    if "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - step
    return low, high


def _number(schema: Line, _: Mapping[str, Line], __: int) -> Any:
    low, high = _bounds(schema, 0)
    if low is not None and high is not None:
        return (low + high) / 2
    if low is not None:
        return low + 1.5
    return 1.5 if high is None or high > 1.5 else high - 1.5


def _text(schema: Line, _: Mapping[str, Line], __: int) -> Any:
    if form := schema.get("format"):
        if form not in _FORMATS:
            raise _UnknownError(f"a text of the form {form}")
        return _FORMATS[form]
    if "pattern" in schema:
        raise _UnknownError(f"a text like {schema['pattern']}")
    least, most = schema.get("minLength", 0), schema.get("maxLength", _TEXT)
    return {"text": max(least, min(_TEXT, most))}


def _list(schema: Line, defs: Mapping[str, Line], depth: int) -> Any:
    if "prefixItems" in schema:
        return {"list": [_value(one, defs, depth + 1) for one in schema["prefixItems"]]}
    count = max(schema.get("minItems", 0), min(2, schema.get("maxItems", 2)))
    return {"list": [_value(schema.get("items", {}), defs, depth + 1) for _ in range(count)]}


def _mapping(schema: Line, defs: Mapping[str, Line], depth: int) -> Any:
    needed, known = schema.get("required", ()), schema.get("properties", {})
    found = dict(_fields(needed, known, defs, depth))
    others = schema.get("additionalProperties")
    if not known and isinstance(others, Mapping):
        found = {"a": _value(dict(others), defs, depth + 1)}
    return {"mapping": found} if found else {"value": {}}


def _fields(
    needed: Sequence[str], known: Mapping[str, Line], defs: Mapping[str, Line], depth: int
) -> Iterator[tuple[str, Any]]:
    for name in needed:
        try:
            yield name, _value(known.get(name, {}), defs, depth + 1)
        except _UnknownError as error:
            raise _UnknownError(f"{name} of it {error}".rstrip()) from None


_MAKERS = {
    "integer": _integer,
    "number": _number,
    "string": _text,
    "boolean": lambda *_: {"choice": [False, True]},
    "null": lambda *_: None,
    "array": _list,
    "object": _mapping,
}
