"""Kinds of workloads and loads, told apart by a key: their models and their names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BeforeValidator, ValidationError

from harness.scenario.files.fields import Frozen


@dataclass(frozen=True)
class CellWord:
    """What a kind says of itself in the names of cells: `closed-8` by `CellWord("in_flight", "8")`.

    Behind it stands every other field that differs from its default: `,clients=2`.
    """

    field: str = ""
    """The field that `main` says; without it, where an axis of the matrix says that field."""
    main: str | None = None
    kind: str = ""
    """What stands in names instead of the kind's own name."""
    also: Collection[str] = ()
    """Further fields that are said by it, or by nothing."""


def or_bare_name(key: str, union: Any, *others: Any) -> BeforeValidator:
    """Lets a list of workloads or loads hold a bare name: `- add` for `- workload: add`.

    `others` are forms that editors are told of besides.
    """
    bare_name: Any = Literal.__getitem__(tuple(_complete_names(key, union)))

    def write_out(value: object) -> object:
        return {key: value} if isinstance(value, str) else value

    told = union | bare_name
    for form in others:
        told |= form
    return BeforeValidator(write_out, json_schema_input_type=told)


def _complete_names(key: str, union: Any) -> Iterator[str]:
    """Names that say all that is needed: `rate` alone does not."""
    for model in kinds(union):
        name = name_of(model, key)
        with suppress(ValidationError):
            model.model_validate({key: name})
            yield name


def kinds(union: Any) -> tuple[type[Frozen], ...]:
    """The models of a union that a key tells apart: of Broker, Backend, Workload or Load."""
    return get_args(get_args(union)[0])


def name_of(model: type[Frozen], key: str) -> str:
    """What a kind is called in a file: the one value of its key.

    Raises:
        TypeError: the model has no such key, or one that may have any other value.
    """
    field = model.model_fields.get(key)
    words = () if field is None else get_args(field.annotation)
    if len(words) != 1 or not isinstance(words[0], str):
        raise TypeError(f"{model.__name__} has no field `{key}: Literal[...]` of one word")
    return words[0]
