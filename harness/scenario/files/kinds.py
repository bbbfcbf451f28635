"""Kinds of workloads and loads, told apart by a key: their models and their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal, get_args

from pydantic import BeforeValidator, ValidationError

from harness.scenario.files.fields import Frozen


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
        name = get_args(model.model_fields[key].annotation)[0]
        with suppress(ValidationError):
            model.model_validate({key: name})
            yield name


def kinds(union: Any) -> tuple[type[Frozen], ...]:
    """The models of a union that a key tells apart: of Broker, Backend, Workload or Load."""
    return get_args(get_args(union)[0])
