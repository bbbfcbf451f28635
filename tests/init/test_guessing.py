"""Arguments are guessed from what is known, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from harness.init.guessing import FILL_IN, guess
from harness.init.looking import Parameter, Task


def task(*needed: Parameter) -> Task:
    return Task("t", "t.py:1", "(...)", needed)


def parameter(schema: dict[str, Any], type_: str = "T", name: str = "p") -> Parameter:
    return Parameter(name, False, type_, schema)


def value_of(schema: dict[str, Any]) -> Any:
    guessed = guess(task(parameter(schema)))
    return guessed.args[0] if not guessed.unknown else guessed.unknown[0]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, {"range": [1, 100]}),
        ({"type": "integer", "minimum": 0}, {"range": [0, 99]}),
        ({"type": "integer", "exclusiveMinimum": 9, "maximum": 12}, {"range": [10, 12]}),
        ({"type": "integer", "maximum": 5}, {"range": [1, 5]}),
        ({"type": "integer", "exclusiveMaximum": -5}, {"range": [-105, -6]}),
        ({"type": "integer", "minimum": 7, "maximum": 7}, 7),
        ({"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
        ({"type": "number"}, 1.5),
        ({"type": "number", "minimum": 2, "maximum": 3}, 2.5),
        ({"type": "number", "minimum": 10}, 11.5),
        ({"type": "number", "maximum": 0}, -1.5),
        ({"type": "string"}, {"text": 20}),
        ({"type": "string", "minLength": 30}, {"text": 30}),
        ({"type": "string", "maxLength": 4}, {"text": 4}),
        ({"type": "string", "format": "email"}, "ann@example.org"),
        ({"type": "boolean"}, {"choice": [False, True]}),
        ({"type": "null"}, None),
        ({"const": "x"}, "x"),
        ({"enum": ["a", "b"]}, {"choice": ["a", "b"]}),
        ({"enum": ["a"]}, "a"),
        ({"type": "integer", "examples": [3, 4]}, {"choice": [3, 4]}),
        ({"type": "object", "examples": [{"a": 1}]}, {"value": {"a": 1}}),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, {"range": [1, 100]}),
        ({"anyOf": [{}, {"type": "string"}]}, {"text": 20}),
        ({"type": "array", "items": {"type": "boolean"}, "maxItems": 1},
         {"list": [{"choice": [False, True]}]}),
        ({"type": "array", "items": {"type": "null"}, "minItems": 3}, {"list": [None, None, None]}),
        ({"type": "array", "prefixItems": [{"const": 1}, {"const": 2}]}, {"list": [1, 2]}),
        ({"type": "object", "additionalProperties": {"const": 1}}, {"mapping": {"a": 1}}),
        ({"type": "object", "properties": {"a": {"const": 1}, "b": {}}, "required": ["a"]},
         {"mapping": {"a": 1}}),
        ({"type": "object", "properties": {"b": {"type": "string"}}}, {"value": {}}),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"const": 5}}}, 5),
    ],
)  # fmt: skip
def test_a_value_of_a_schema(schema: dict[str, Any], value: Any) -> None:
    assert value_of(schema) == value


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({}, "p (T)"),
        ({"type": "string", "format": "binary"}, "p (T: a text of the form binary)"),
        ({"type": "string", "pattern": "^a+$"}, "p (T: a text like ^a+$)"),
        ({"type": "array", "items": {}}, "p (T)"),
        ({"type": "integer", "minimum": 9, "maximum": 3}, "p (T: no number from 9 to 3)"),
        ({"type": "object", "required": ["a"], "properties": {"a": {}}}, "p (T: a of it)"),
        ({"anyOf": [{}, {"type": "null"}]}, "p (T: of no known type)"),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "array", "items": {"$ref": "#/$defs/A"}}}},
         "p (T: it holds itself)"),
    ],
)  # fmt: skip
def test_what_cannot_be_guessed_is_said(schema: dict[str, Any], reason: str) -> None:
    guessed = guess(task(parameter({"type": "integer"}, name="n"), parameter(schema)))
    assert guessed.unknown == (reason,)
    assert guessed.args == ({"range": [1, 100]}, FILL_IN)


def test_without_a_type_a_name_may_say_something() -> None:
    needed = (parameter({}, "", "count"), parameter({}, "", "title"), parameter({}, "", "user"))
    guessed = guess(task(*needed))
    assert guessed.args == ({"range": [1, 100]}, {"text": 20}, FILL_IN)
    assert guessed.by_name == ("count", "title")
    assert guessed.unknown == ("user (no type)",)
    assert guess(task(parameter({}, "Order", "count"))).unknown == ("count (Order)",)


def test_a_keyword_stays_one() -> None:
    guessed = guess(task(Parameter("fast", True, "bool", {"type": "boolean"})))
    assert (guessed.args, guessed.kwargs) == ((), {"fast": {"choice": [False, True]}})
