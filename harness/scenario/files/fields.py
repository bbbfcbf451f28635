"""Types of fields that every YAML model shares.

Durations are written as `250ms`, `10s` or as plain seconds, rates as `200/s` or as plain units per
second.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from harness.scenario.files.unknown import NotKnownError
from harness.scenario.files.wording import shown
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

_QUEUE_NAME = r"^[^\s,]+$"


def queue_name_fault(name: str) -> str | None:
    """Why a queue cannot be called so, whoever its broker is."""
    if re.match(_QUEUE_NAME, name) is None or not name.isprintable():
        return f"the name of a queue has no spaces and no commas, not {shown(name)}"
    return None


def _queue_name(name: str) -> str:
    if message := queue_name_fault(name):
        raise ValueError(message)
    return name


QueueName = Annotated[
    str,
    Field(max_length=200, json_schema_extra={"pattern": _QUEUE_NAME}),
    AfterValidator(_queue_name),
]
"""As Celery knows the queue. No commas, as `celery worker --queues` takes a list of them; what else
a broker does not take, its vendor's room says."""

T = TypeVar("T")
Items = Annotated[tuple[T, ...], Field(strict=False)]
"""A YAML list. Only the container is lenient (list -> tuple); its items stay strict."""
NonEmptyItems = Annotated[tuple[T, ...], Field(strict=False, min_length=1)]


class Frozen(BaseModel):
    """Base of every model: unknown keys and wrong types are errors, nothing is ever changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Of what a faulty file leaves unknown, see `harness.scenario.files.unknown`."""
            if name in type(self).model_fields:
                raise NotKnownError
            return super().__getattr__(name)
