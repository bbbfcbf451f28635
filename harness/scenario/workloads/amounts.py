"""Amounts of the workload `work`: durations and sizes, each fixed or drawn for every unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, create_model, model_serializer, model_validator

from harness.probe.workloads.amounts import quantile, sigma
from harness.scenario.files.fields import Duration, Frozen, NonEmptyItems
from harness.units import parse_bytes, parse_duration_s

Bytes = Annotated[int, BeforeValidator(parse_bytes, json_schema_input_type=str | int)]
_OFTEN, _RARELY = 0.99, 0.9999


class _Kind(Frozen):
    """A model of which there is one of durations and one of sizes: see `_amounts_of`."""


class Lognormal(_Kind):
    """Most are small, and a few very large, as durations and sizes of real tasks are: half of them
    are below the median, and one in a hundred is above p99."""

    median: float
    p99: float
    max: float | None = None
    """What would be more is that much."""

    @model_validator(mode="after")
    def _in_order(self) -> Lognormal:
        if self.p99 < self.median:
            raise ValueError("p99 is below the median")
        if self.max is not None and self.max < self.p99:
            raise ValueError("max is below p99")
        return self

    @property
    def average(self) -> float:
        """Of all draws: E[min(X, max)], see Johnson, Kotz and Balakrishnan, Continuous Univariate
        Distributions, ch. 14."""
        width = sigma(self.median, self.p99)
        whole = self.median * math.exp(width**2 / 2)
        if self.max is None or not width:
            return whole
        above = (math.log(self.max / self.median)) / width
        normal = NormalDist()
        return whole * normal.cdf(above - width) + self.max * (1 - normal.cdf(above))


class Uniform(_Kind):
    """Each amount between two is as likely as any other."""

    to: float

    @property
    def least(self) -> float:
        """What a file calls `from`, as Python could not."""
        return float(getattr(self, "from"))

    @model_validator(mode="after")
    def _in_order(self) -> Uniform:
        if self.to < self.least:
            raise ValueError("to is below from")
        return self


class Exponential(_Kind):
    """One in a hundred is 4.6 times the mean or more."""

    mean: float
    max: float | None = None
    """What would be more is that much."""

    @model_validator(mode="after")
    def _in_order(self) -> Exponential:
        if self.max is not None and self.max < self.mean:
            raise ValueError("max is below the mean")
        return self

    @property
    def average(self) -> float:
        """Of all draws."""
        return self.mean * (1.0 if self.max is None else -math.expm1(-self.max / self.mean))


class Choice(_Kind):
    """One of several amounts, drawn as often as its weight says in proportion to the others'."""

    value: float
    weight: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class Amount(_Kind):
    """One of these keys, or just the amount itself. What is drawn follows from the run's seed and
    the unit's number."""

    value: float | None = None
    lognormal: Lognormal | None = None
    uniform: Uniform | None = None
    exponential: Exponential | None = None
    choice: NonEmptyItems[Choice] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Amount:
        said = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(said) != 1:
            few = f"{' and '.join(said)} stand here" if said else "nothing stands here"
            raise ValueError(
                f"{few}: give an amount, or one of lognormal, uniform, exponential and choice"
            )
        return self

    @model_serializer
    def plain(self) -> Any:
        """As clients are told, and as records have it: a number, or `{lognormal: {...}}`."""
        if self.value is not None:
            return self.value
        if self.lognormal is not None:
            return {"lognormal": self.lognormal.model_dump(exclude_none=True)}
        if self.uniform is not None:
            return {"uniform": {"from": getattr(self.uniform, "from"), "to": self.uniform.to}}
        if self.exponential is not None:
            return {"exponential": self.exponential.model_dump(exclude_none=True)}
        return {"choice": [{"value": one.value, "weight": one.weight} for one in self.choice or ()]}

    @property
    def word(self) -> str:
        """In the name of a cell: `0.02`, `lognormal:0.02..2`; seconds or bytes."""
        if self.lognormal is not None:
            most = "" if self.lognormal.max is None else f"..{self.lognormal.max:g}"
            return f"lognormal:{self.lognormal.median:g}..{self.lognormal.p99:g}{most}"
        if self.uniform is not None:
            return f"uniform:{self.uniform.least:g}..{self.uniform.to:g}"
        if self.exponential is not None:
            most = "" if self.exponential.max is None else f"..{self.exponential.max:g}"
            return f"exponential:{self.exponential.mean:g}{most}"
        if self.choice is not None:
            return "choice:" + "+".join(f"{one.value:g}*{one.weight}" for one in self.choice)
        return f"{self.value:g}"

    @property
    def mean(self) -> float:
        """Of all draws."""
        if self.lognormal is not None:
            return self.lognormal.average
        if self.uniform is not None:
            return (self.uniform.least + self.uniform.to) / 2
        if self.exponential is not None:
            return self.exponential.average
        if self.choice is not None:
            whole = sum(one.weight for one in self.choice)
            return sum(one.value * one.weight for one in self.choice) / whole
        return self.value or 0

    @property
    def often(self) -> float:
        """What some units are sure to reach: the largest of a choice and of a range, and of what
        has no largest the 99th percentile."""
        if self.uniform is not None:
            return self.uniform.to
        if self.choice is not None:
            return max(one.value for one in self.choice)
        return self.at(_OFTEN)

    @property
    def rarely(self) -> float:
        """What one draw in 10,000 exceeds, or none."""
        return self.at(_RARELY)

    def at(self, share: float) -> float:
        """The amount that this share of the draws does not exceed."""
        plain = self.plain()
        return quantile(plain)(share) if isinstance(plain, Mapping) else plain


def _amounts_of(what: str, one: Any, written: Any, parse: Callable[[Any], Any]) -> Any:
    """The type of a field that is an amount of durations, or of sizes. `one` is the type of a
    number of them, `written` what a file may have instead of it, `parse` reads that."""
    positive = Annotated[one, Field(gt=0)]
    several: Any = NonEmptyItems

    def made(base: type[_Kind], **fields: Any) -> Any:
        return create_model(
            f"{base.__name__}Of{what}", __base__=base, __doc__=base.__doc__, **fields
        )

    most: Any = (positive | None, None)
    lognormal = made(Lognormal, median=(positive, ...), p99=(positive, ...), max=most)
    uniform = made(Uniform, **{"from": (one, ...)}, to=(one, ...))
    exponential = made(Exponential, mean=(positive, ...), max=most)
    choice = made(Choice, value=(one, ...))
    amount = made(
        Amount,
        value=(one | None, None),
        lognormal=(lognormal | None, None),
        uniform=(uniform | None, None),
        exponential=(exponential | None, None),
        choice=(several[choice] | None, None),
    )

    def written_out(given: Any) -> Any:
        return given if isinstance(given, dict | Amount) else {"value": parse(given)}

    return Annotated[amount, BeforeValidator(written_out, json_schema_input_type=amount | written)]


if TYPE_CHECKING:
    DurationAmount = Amount
    BytesAmount = Amount
else:
    DurationAmount = _amounts_of("Durations", Duration, str | float, parse_duration_s)
    BytesAmount = _amounts_of("Bytes", Bytes, str | int, parse_bytes)
