"""What a task's function asks for, as far as its types say it: a JSON Schema for each parameter.

JSON Schema, as pydantic tells its models by it and a message's arguments are JSON. What no value of
JSON can be has no schema: `{}`.
"""

from __future__ import annotations

import collections.abc
import enum
import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any

from harness.probe.answers import printable
from harness.probe.spoken import Line

_PLAIN = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
_LISTS = (
    *(list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable),
    *(collections.abc.Collection, collections.abc.Set, collections.abc.MutableSequence),
)
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_LONGEST = 60


def parameters_of(task: Any) -> tuple[str, list[Line]]:
    """A task's signature in words, without `self`, and the parameters that have to be given, of
    each `name`, `keyword` (it cannot be given by its place), `type` in words and `schema`."""
    try:
        parameters = [*inspect.signature(task.run).parameters.values()]
    except (TypeError, ValueError):  # a function of C
        return "(...)", []
    hints, validates = _hints(task.run), _validates_models(task.run)
    needed = [
        {
            "name": one.name,
            "keyword": one.kind is inspect.Parameter.KEYWORD_ONLY,
            "type": _words(hints.get(one.name, one.annotation)),
            "schema": _schema(hints.get(one.name, one.annotation), validates),
        }
        for one in parameters
        if one.default is inspect.Parameter.empty and one.kind not in _VARIABLE
    ]
    return f"({', '.join(_written(parameters, hints))})", needed


def _schema(hint: Any, validates: bool) -> Line:
    try:
        return schema_of(hint, validates)
    except Exception:  # a model that JSON cannot tell  # noqa: BLE001
        return {}


def _hints(function: Any) -> dict[str, Any]:
    """Its types, those that are written as text, too; what cannot be found is left out."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    try:
        return typing.get_type_hints(function)
    except Exception:  # a name that only a type checker imports, say  # noqa: BLE001
        return {
            name: hint
            for name, hint in getattr(function, "__annotations__", {}).items()
            if not isinstance(hint, str)
        }


def _validates_models(function: Any) -> bool:
    """Whether Celery makes pydantic's models of the arguments (`pydantic=True`): its wrapper is
    somewhere around the function."""
    inner = getattr(function, "__func__", function)
    while inner is not None:
        code = getattr(inner, "__code__", None)
        if code is not None and code.co_name == "wrapper" and "task_signature" in code.co_freevars:
            return True
        inner = getattr(inner, "__wrapped__", None)
    return False


# --- types --------------------------------------------------------------------------------------


def schema_of(hint: Any, validates: bool = False, inside: tuple[Any, ...] = ()) -> Line:
    """The JSON Schema of a type; `{}` where none is known. `validates`: of a parameter whose model
    Celery makes of JSON; `inside`: of types that the type is part of."""
    while hasattr(hint, "__supertype__"):  # a NewType
        hint = hint.__supertype__
    hint = type(None) if hint is None else hint
    cls, inner = typing.get_origin(hint) or hint, typing.get_args(hint)
    if cls in _UNIONS:
        return {"anyOf": [schema_of(one, validates, inside) for one in inner]}
    if cls is typing.Literal:
        return {"enum": [*inner]}
    if not isinstance(cls, type) or cls is inspect.Parameter.empty or cls in inside:
        return {}
    if validates and hasattr(cls, "model_json_schema"):
        return _of_model(cls)
    return _of(cls, inner, inside)


def _of(cls: Any, inner: tuple[Any, ...], inside: tuple[Any, ...]) -> Line:
    if cls in _PLAIN:
        return {"type": _PLAIN[cls]}
    if cls in _LISTS:
        return _of_list(cls, inner, inside)
    if cls in _MAPPINGS:
        return _of_mapping(inner, inside)
    if hasattr(cls, "__required_keys__"):
        return _of_typed_dict(cls, (*inside, cls))
    if issubclass(cls, enum.Enum) and issubclass(cls, (str, int)):
        return {"enum": [one.value for one in cls]}  # a message carries the value, which equals it
    return {}


def _of_list(cls: type, inner: tuple[Any, ...], inside: tuple[Any, ...]) -> Line:
    if cls is tuple and inner and inner[-1] is not Ellipsis:
        places = [schema_of(one, inside=inside) for one in inner]
        return {"type": "array", "prefixItems": places}
    return {"type": "array", "items": schema_of(inner[0], inside=inside) if inner else {}}


def _of_mapping(inner: tuple[Any, ...], inside: tuple[Any, ...]) -> Line:
    """Of a mapping whose keys nobody names, nothing is known that a task would find in it."""
    values = schema_of(inner[1], inside=inside) if inner and inner[0] is str else {}
    return {"type": "object", "additionalProperties": values} if values else {}


def _of_typed_dict(cls: Any, inside: tuple[Any, ...]) -> Line:
    hints, needed = _hints(cls), sorted(cls.__required_keys__)
    unknown = inspect.Parameter.empty
    values = {name: schema_of(hints.get(name, unknown), inside=inside) for name in needed}
    return {"type": "object", "properties": values, "required": needed}


def _of_model(cls: Any) -> Line:
    schema: Line = cls.model_json_schema()
    return schema


# --- words --------------------------------------------------------------------------------------


def _words(hint: Any) -> str:
    """How a person would write the type; nothing where there is none."""
    if hint is inspect.Parameter.empty:
        return ""
    name = hint if isinstance(hint, str) else inspect.formatannotation(hint)
    text = printable(name.replace("typing.", ""))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _written(parameters: list[inspect.Parameter], hints: dict[str, Any]) -> Iterator[str]:
    """Each as in the source, but defaults only where they are short and plain: what a text says
    might be a secret."""
    star, empty = False, inspect.Parameter.empty
    for one in parameters:
        if one.kind is inspect.Parameter.KEYWORD_ONLY and not star:
            star = True
            yield "*"
        star = star or one.kind is inspect.Parameter.VAR_POSITIONAL
        name = str(one.replace(annotation=empty, default=empty))  # with its stars
        words = _words(hints.get(one.name, one.annotation))
        typed = f"{name}: {words}" if words else name
        if one.default is empty:
            yield typed
        else:
            plain = one.default is None or isinstance(one.default, (bool, int, float))
            yield f"{typed} = {one.default!r}" if plain else f"{typed} = ..."
