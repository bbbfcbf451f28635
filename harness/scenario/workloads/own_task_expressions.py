"""Expressions of the workload `task`: arguments that are drawn, and results that are expected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from harness.probe.workloads.drawing import EXPECTATIONS, EXPRESSIONS
from harness.scenario.files.wording import did_you_mean, listed

_MOST_TEXT = 64 * 1024 * 1024
_MOST_APART = 2**62
"""What is drawn for a unit has 64 bits."""
_ALONE = ("raises", "unchecked")


# --- expressions --------------------------------------------------------------------------------


def _problem(value: Any, known: tuple[str, ...], *, top: bool = True) -> str:
    """What is wrong with an expression; empty if nothing is. What is no mapping is a value."""
    if not isinstance(value, dict):
        return ""
    if top and "raises" in value and "raises" in known:
        return _raises_problem(value)
    names = [name for name in value if name in known and (top or name not in _ALONE)]
    usable = [name for name in known if top or name not in _ALONE]
    if len(value) != 1 or not names:
        word = next(iter(value), "")
        guess = did_you_mean(word, usable) if len(value) == 1 and isinstance(word, str) else ""
        return (
            f"a mapping here is an expression with one key of {listed(usable)}, not "
            f"{listed([str(key) for key in value]) or 'empty'}{guess}. A mapping that is itself "
            "the value: {value: {...}}"
        )
    ((name, operand),) = value.items()
    return _CHECKS[name](operand, known)


def _raises_problem(value: Mapping[str, Any]) -> str:
    if set(value) <= {"raises", "message"} and all(isinstance(one, str) for one in value.values()):
        return ""
    return "expected {raises: NAME} or {raises: NAME, message: TEXT}, both text"


def _anything(_: Any, __: tuple[str, ...]) -> str:
    return ""


def _choice(operand: Any, _: tuple[str, ...]) -> str:
    good = isinstance(operand, list) and operand
    return "" if good else "choice needs a list of values, at least one"


def _range(operand: Any, _: tuple[str, ...]) -> str:
    whole = isinstance(operand, list) and [type(one) for one in operand] == [int, int]
    if whole and 0 <= operand[1] - operand[0] <= _MOST_APART:
        return ""
    return (
        "range needs two whole numbers, at most 2^62 apart, the smaller one first: "
        "{range: [1, 100]}"
    )


def _text(operand: Any, _: tuple[str, ...]) -> str:
    good = type(operand) is int and 0 <= operand <= _MOST_TEXT
    return "" if good else f"text needs a number of characters, 0 to {_MOST_TEXT}"


def _true(name: str) -> Callable[[Any, tuple[str, ...]], str]:
    return lambda operand, _: "" if operand is True else f"write {{{name}: true}}"


def _argument(operand: Any, _: tuple[str, ...]) -> str:
    good = isinstance(operand, str) or (type(operand) is int and operand >= 0)
    return "" if good else "argument needs a place from 0 on, or the name of one of kwargs"


def _several(name: str) -> Callable[[Any, tuple[str, ...]], str]:
    def check(operand: Any, known: tuple[str, ...]) -> str:
        if not isinstance(operand, list):
            return f"{name} needs a list"
        return next(_problems(operand, known), "")

    return check


def _mapping(operand: Any, known: tuple[str, ...]) -> str:
    if not isinstance(operand, dict):
        return 'mapping needs a mapping ("key: value" lines)'
    return next(_problems(list(operand.values()), known), "")


def _problems(operands: list[Any], known: tuple[str, ...]) -> Iterator[str]:
    return filter(None, (_problem(one, known, top=False) for one in operands))


_CHECKS: Mapping[str, Callable[[Any, tuple[str, ...]], str]] = {
    "value": _anything,
    "choice": _choice,
    "range": _range,
    "text": _text,
    "unit": _true("unit"),
    "list": _several("list"),
    "mapping": _mapping,
    "argument": _argument,
    "sum": _several("sum"),
    "product": _several("product"),
    "concat": _several("concat"),
    "unchecked": _true("unchecked"),
}


def _checked_argument(value: Any) -> Any:
    if problem := _problem(value, EXPRESSIONS):
        raise ValueError(problem)
    return value


def _checked_expectation(value: Any) -> Any:
    """Always a mapping then, so that `expect: null` and no `expect` can be told apart."""
    if problem := _problem(value, EXPECTATIONS):
        raise ValueError(problem)
    return value if isinstance(value, dict) else {"value": value}


class SchemaOnly(BaseModel):
    """Only for the JSON Schema: what an editor is told."""

    model_config = ConfigDict(extra="forbid")


class ArgumentExpression(SchemaOnly):
    """One of these keys. What is no mapping is passed as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )
    value: JsonValue = None
    """The value itself, where that is a mapping."""
    choice: Annotated[list[JsonValue], Field(min_length=1)] = []
    """One of these, drawn for each unit."""
    range: Annotated[list[int], Field(min_length=2, max_length=2)] = []
    """A whole number from the first to the second, drawn for each unit."""
    text: Annotated[int, Field(ge=0, le=_MOST_TEXT)] = 0
    """A text of so many characters, another one for each unit."""
    unit: Literal[True] = True
    """The unit's number."""
    list_of: Annotated[list[JsonValue], Field(alias="list")] = []
    """A list of expressions."""
    mapping: dict[str, JsonValue] = {}
    """A mapping with expressions as its values."""


class ExpectExpression(SchemaOnly):
    """One of these keys, or `raises` with `message`. What is no mapping is the value itself."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 2}
    )
    value: JsonValue = None
    """The value itself, where that is a mapping."""
    argument: Annotated[int, Field(ge=0)] | str = 0
    """What the unit was called with: a place in args from 0 on, or a name in kwargs."""
    unit: Literal[True] = True
    """The unit's number."""
    sum: list[JsonValue] = []
    """Expressions, added up."""
    product: list[JsonValue] = []
    """Expressions, multiplied."""
    concat: list[JsonValue] = []
    """Expressions, joined as text."""
    list_of: Annotated[list[JsonValue], Field(alias="list")] = []
    """A list of expressions."""
    mapping: dict[str, JsonValue] = {}
    """A mapping with expressions as its values."""
    raises: str = ""
    """The name of the exception the task has to end with ..."""
    message: str = ""
    """... and what it has to say; without it, anything."""
    unchecked: Literal[True] = True
    """Any value will do, as without `expect`."""


_Plain = str | int | float | bool | list[JsonValue] | None
Argument = Annotated[
    Any,
    BeforeValidator(_checked_argument, json_schema_input_type=ArgumentExpression | _Plain),
]
Expectation = Annotated[
    Any,
    BeforeValidator(_checked_expectation, json_schema_input_type=ExpectExpression | _Plain),
]
