"""What is compared with what, as frozen values; the method is in docs/verdicts.md."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from harness.scenario.files.fields import Frozen, NonEmptyItems
from harness.units import parse_share


class PairBudget(Frozen):
    """How many pairs of blocks a comparison may take."""

    min: Annotated[int, Field(ge=6, le=1000)] = 6
    """Looked at for the first time. Fewer than 6 carry no verdict."""
    max: Annotated[int, Field(ge=6, le=1000)] = 30

    @model_validator(mode="after")
    def _ordered(self) -> PairBudget:
        if self.max < self.min:
            raise ValueError("max is smaller than min")
        return self


class Compare(Frozen):
    """What is compared with what, and how much measuring that is worth."""

    base: str | None = None
    """A configuration, an axis value such as `worker.concurrency=2`, or a whole variant;
    without it the first configuration, or the first value of the only axis."""
    margin: Annotated[float, BeforeValidator(parse_share, json_schema_input_type=float | str)] = (
        0.05
    )
    """The relative slowdown that is let pass: `5%` or 0.05."""
    pairs: PairBudget | None = None
    """Add pairs while a comparison is inconclusive; without it, `measure.blocks` pairs."""
    looks: NonEmptyItems[Annotated[int, Field(ge=6, le=1000)]] | None = None
    """At how many pairs it is looked; without it after every two from min to max, and after every
    eighth of them from 32 on."""
    minutes: Annotated[float, Field(strict=False, gt=0, le=10_000)] | None = None
    """Add no pairs that would, at the pace so far, be measured later than this."""

    @model_validator(mode="after")
    def _budget(self) -> Compare:
        if self.pairs is None:
            if self.looks is not None or self.minutes is not None:
                raise ValueError("looks and minutes limit added pairs: give pairs as well")
        elif self.looks is not None:
            if list(self.looks) != sorted(set(self.looks)):
                raise ValueError("looks must grow")
            if (self.looks[0], self.looks[-1]) != (self.pairs.min, self.pairs.max):
                raise ValueError("the first look is at pairs.min, the last one at pairs.max")
        return self

    @property
    def look_sizes(self) -> tuple[int, ...]:
        """Numbers of pairs at which it is looked; empty where their number is fixed."""
        if self.looks is not None or self.pairs is None:
            return self.looks or ()
        sizes, size = [], self.pairs.min
        while size < self.pairs.max:
            sizes.append(size)
            size += 2 * max(1, size // 16)  # whole mirrored pairs
        return (*sizes, self.pairs.max)
