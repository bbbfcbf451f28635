"""Types of fields that every YAML model shares.

Durations are written as `250ms`, `10s` or as plain seconds, rates as `200/s` or as plain units per
second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from harness.scenario.files.unknown import NotKnownError
from harness.units import parse_duration_s, parse_rate_per_s

Duration = Annotated[
    float,
    BeforeValidator(parse_duration_s, json_schema_input_type=str | float),
]
PositiveDuration = Annotated[Duration, Field(gt=0)]
Rate = Annotated[
    float,
    BeforeValidator(parse_rate_per_s, json_schema_input_type=str | float),
    Field(gt=0, le=1_000_000),
]
"""Units per second."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
"""Stands in file and folder names, so it is kept to what every file system takes."""

T = TypeVar("T")
Items = Annotated[tuple[T, ...], Field(strict=False)]
"""A YAML list. Only the container is lenient (list -> tuple); its items stay strict."""
NonEmptyItems = Annotated[tuple[T, ...], Field(strict=False, min_length=1)]


class Frozen(BaseModel):
    """Base of every model: unknown keys and wrong types are errors, nothing is ever changed."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Of what a faulty file leaves unknown, see `harness.scenario.files.unknown`."""
            if name in type(self).model_fields:
                raise NotKnownError
            return super().__getattr__(name)
