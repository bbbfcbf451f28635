"""The workload `task` as a frozen value: tasks of an application of the user's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from harness.probe.workloads.drawing import EXPECTATIONS, EXPRESSIONS
from harness.scenario.files.fields import Frozen, Items, Name, NonEmptyItems
from harness.scenario.files.wording import did_you_mean, listed, shown
from harness.scenario.models.messages import MessageOptions, PartOptions
from harness.scenario.workloads.base import WorkloadBase

_MOST_TEXT = 64 * 1024 * 1024
_MOST_WHOLE = 2**62
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
    if whole and operand[0] <= operand[1] and all(_fits(one) for one in operand):
        return ""
    return (
        "range needs two whole numbers from -2^62 to 2^62, the smaller one first: {range: [1, 100]}"
    )


def _fits(number: int) -> bool:
    return -_MOST_WHOLE <= number <= _MOST_WHOLE


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


class _Schema(BaseModel):
    """Only for the JSON Schema: what an editor is told."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ArgumentExpression(_Schema):
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


class ExpectExpression(_Schema):
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
_APP = r"^[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*(\.[^\W\d]\w*)*)?$"


def _app_name(name: str) -> str:
    if not re.match(_APP, name):
        raise ValueError('expected "package.module:attribute", as `celery -A` takes it')
    return name


def _task_name(name: str) -> str:
    if not name or name.split() != [name]:
        raise ValueError("expected the name of a task, such as shop.tasks.resize")
    return name


TaskName = Annotated[str, Field(max_length=200), AfterValidator(_task_name)]
AppName = Annotated[
    str, Field(max_length=200, json_schema_extra={"pattern": _APP}), AfterValidator(_app_name)
]
"""`package.module:attribute`, as `celery -A` takes it."""


# --- the workload -------------------------------------------------------------------------------


class Part(Frozen):
    """One task of a mix. Loads and measure are the whole mix's."""

    task: TaskName
    """By the name under which the app knows it."""
    name: Name | None = None
    """How reports call it, where a mix has the same task twice."""
    args: Items[Argument] = ()
    kwargs: dict[str, Argument] = {}
    expect: Expectation = {"unchecked": True}
    """What its result has to be, type and all; without it, only that it succeeds."""
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many of the mix's units run it, in proportion to the others' weights."""
    options: PartOptions = PartOptions()
    """Of its messages only; what stands here wins over the options of the whole mix."""

    @property
    def label(self) -> str:
        """How reports call it."""
        return self.name or self.task

    @property
    def unchecked(self) -> bool:
        """Whether any result will do."""
        return "unchecked" in self.expect


class OwnTaskWorkload(WorkloadBase):
    """A task of an application of your own, or several mixed. Its code stays as it is."""

    workload: Literal["task"]
    app: AppName
    project: str | None = None
    """The folder that the app is imported from, relative to the scenario's file. Without it, the
    one where `harness` is started."""
    task: TaskName | None = None
    args: Items[Argument] = ()
    kwargs: dict[str, Argument] = {}
    expect: Expectation = {"unchecked": True}
    mix: NonEmptyItems[Part] | None = None
    """Instead of `task`: several, each with its arguments and a weight."""

    @model_validator(mode="after")
    def _one_or_several(self) -> OwnTaskWorkload:
        if (self.task is None) == (self.mix is None):
            raise ValueError('give "task:" or "mix:"')
        given = {"args", "kwargs", "expect"} & self.model_fields_set
        if self.mix is not None and any(getattr(self, name) != _default(name) for name in given):
            raise ValueError("in a mix, args, kwargs and expect belong to its entries")
        _check_options(self.options, self.mix or ())
        labels = [part.label for part in self.parts]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f'{shown(twice[0])} stands here twice: give each a "name:"')
        return self

    @property
    def parts(self) -> tuple[Part, ...]:
        """The tasks of the mix; a single task is a mix of one."""
        if self.mix is not None:
            return self.mix
        task = self.task or ""
        return (Part(task=task, args=self.args, kwargs=self.kwargs, expect=self.expect),)

    @property
    def message_options(self) -> tuple[MessageOptions, ...]:
        """Of each part: the mix's own, and above them what the part says."""
        return tuple(part.options.above(self.options) for part in self.parts)

    def told(self) -> dict[str, Any]:
        """The tasks of the mix, each with the options that hold for it."""
        options = [each.model_dump() for each in self.message_options]
        parts = [part.model_dump() for part in self.parts]
        return {
            "workload": self.workload,
            "steps": self.steps,
            "parts": [one | {"options": its} for one, its in zip(parts, options, strict=True)],
        }

    @property
    def short_name(self) -> str:
        """What cells are called by: the last words of the tasks' names, as far as there is room."""
        words = [part.name or part.task.rpartition(".")[2] for part in self.parts]
        kind = "task" if self.mix is None else "mix"
        shown = len(words)
        while shown > 1 and len(_label(kind, words, shown)) > _MOST_LABEL:
            shown -= 1
        return _label(kind, words, shown)[:_MOST_LABEL]


def _check_options(options: MessageOptions, parts: Iterable[Part]) -> None:
    """ValueError where those of a part and of the whole mix do not go together."""
    for part in parts:
        if options.in_turn and part.options.priority is not None:
            raise ValueError(
                f"{shown(part.label)} has a priority, and the mix has several in turn: give each "
                "entry its own"
            )
        if part.options.above(options).expire_first:
            raise ValueError(
                f"{shown(part.label)} would expire before its countdown is over: one of the two "
                "is the mix's"
            )


_MOST_LABEL = 40


def _label(kind: str, words: list[str], shown: int) -> str:
    more = [str(len(words) - shown)] if shown < len(words) else []
    return f"{kind}-{'+'.join([*words[:shown], *more])}"


def _default(name: str) -> Any:
    return OwnTaskWorkload.model_fields[name].default


class OwnTaskFields(_Schema):
    """Only for the JSON Schema: `workload: {task: ..., app: ...}`, the keys below `workload`."""

    app: AppName
    project: str | None = None
    task: TaskName | None = None
    args: Items[Argument] = ()
    kwargs: dict[str, Argument] = {}
    expect: Expectation = None
    mix: NonEmptyItems[Part] | None = None


class NestedOwnTask(_Schema):
    """Only for the JSON Schema: the workload `task` with its keys below `workload`."""

    workload: OwnTaskFields
