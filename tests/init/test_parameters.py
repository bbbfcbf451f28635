"""What a task's function asks for, read from its types."""

from __future__ import annotations

import collections.abc
import enum
from types import SimpleNamespace
from typing import Annotated, Any, Literal, NewType, Optional, TypedDict, Union

import pytest
from celery import Celery, Task
from pydantic import BaseModel, Field

from harness.probe.own_app.parameters import parameters_of, schema_of

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
OLD_OPTIONAL = Optional[str]  # noqa: UP045 - as before Python 3.10
UserId = NewType("UserId", int)


class Colour(enum.StrEnum):
    RED = "red"


class Plain(enum.Enum):
    RED = "red"


OLD_UNION = Union[int, Plain]  # noqa: UP007 - as above


class Place(TypedDict):
    street: str
    number: int


class Tree(TypedDict):
    trees: list[Tree]


class Order(BaseModel):
    number: Annotated[int, Field(gt=3)]
    note: str | None = None


def taken(  # type: ignore[no-untyped-def] # as many a task is
    a: int,
    b: str,
    c: Order,
    d,
    e: float = 1.5,
    secret: str = "hunter2",  # noqa: S107 - none
    *args: int,
    f: bool | None,
    **kwargs: Any,
) -> None: ...


def only(a: int, *, b: int) -> None: ...


def broken(a: Nowhere, b: int) -> None: ...  # type: ignore[name-defined] # noqa: F821


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (int, WHOLE),
        (None, {"type": "null"}),
        (UserId, WHOLE),
        (OLD_OPTIONAL, {"anyOf": [TEXT, {"type": "null"}]}),
        (int | str, {"anyOf": [WHOLE, TEXT]}),
        (OLD_UNION, {"anyOf": [WHOLE, {}]}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (list[int], {"type": "array", "items": WHOLE}),
        (collections.abc.Iterable[str], {"type": "array", "items": TEXT}),
        (list, {"type": "array", "items": {}}),
        (tuple[int, str], {"type": "array", "prefixItems": [WHOLE, TEXT]}),
        (tuple[int, ...], {"type": "array", "items": WHOLE}),
        (dict[str, int], {"type": "object", "additionalProperties": WHOLE}),
        (dict[int, int], {}),
        (dict, {}),
        (Colour, {"enum": ["red"]}),
        (Plain, {}),
        (Place, {"type": "object", "properties": {"number": WHOLE, "street": TEXT},
                 "required": ["number", "street"]}),
        (bytes, {}),
        (object, {}),
        (Any, {}),
        (Order, {}),
    ],
)  # fmt: skip
def test_the_schema_of_a_type(hint: Any, schema: dict[str, Any]) -> None:
    assert schema_of(hint) == schema


def made(function: Any, **options: Any) -> Any:
    return Celery("x", set_as_current=False).task(name="t", shared=False, **options)(function)


def test_a_signature_hides_defaults_that_may_be_secrets() -> None:
    signature, needed = parameters_of(made(taken))
    assert signature == (
        "(a: int, b: str, c: tests.init.test_parameters.Order, d, e: float = 1.5, secret: str = "
        "..., *args: int, f: bool | None, **kwargs: Any)"
    )
    assert [(one["name"], one["keyword"]) for one in needed] == [
        ("a", False),
        ("b", False),
        ("c", False),
        ("d", False),
        ("f", True),
    ]
    assert [one["type"] for one in needed][3] == ""
    assert [one["schema"] for one in needed] == [
        WHOLE,
        TEXT,
        {},
        {},
        {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
    ]
    assert parameters_of(made(only))[0] == "(a: int, *, b: int)"


@pytest.mark.parametrize("options", [{}, {"bind": True}, {"autoretry_for": (OSError,)}])
def test_models_where_celery_makes_them(options: dict[str, Any]) -> None:
    def with_self(self: Task, c: Order) -> None: ...
    def alone(c: Order) -> None: ...

    function = with_self if options.get("bind") else alone
    _, (needed,) = parameters_of(made(function, pydantic=True, **options))
    assert needed["schema"]["properties"]["number"]["exclusiveMinimum"] == 3
    assert needed["schema"]["required"] == ["number"]
    _, (plain,) = parameters_of(made(function, **options))
    assert plain["schema"] == {}


def test_a_class_of_its_own() -> None:
    class Resize(Task):  # type: ignore[misc]
        name = "resize"

        def run(self, width: int) -> None: ...

    app = Celery("x", set_as_current=False)
    signature, (needed,) = parameters_of(app.register_task(Resize()))
    assert (signature, needed["schema"]) == ("(width: int)", WHOLE)


def test_types_that_cannot_be_found_are_named_and_not_known() -> None:
    signature, (first, second) = parameters_of(made(broken))
    assert signature == "(a: Nowhere, b: int)"
    assert (first["type"], first["schema"], second["schema"]) == ("Nowhere", {}, {})


def test_a_type_that_holds_itself_is_not_followed() -> None:
    trees = {"type": "array", "items": {}}
    assert schema_of(Tree) == {
        "type": "object",
        "properties": {"trees": trees},
        "required": ["trees"],
    }


def test_a_function_without_a_signature_says_nothing() -> None:
    def run() -> None: ...

    run.__signature__ = "none"  # type: ignore[attr-defined]
    assert parameters_of(SimpleNamespace(run=run)) == ("(...)", [])
