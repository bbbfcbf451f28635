"""What is compared with what, as frozen values; the method is in docs/verdicts.md."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from harness.scenario.files.fields import Frozen, NonEmptyItems
from harness.units import parse_share

ComparisonKind = Literal["alternatives", "change"]
"""What two cells are to each other. `alternatives`: two that one may choose from, none of which is
right. `change`: the same thing before and after; only there slower is a regression."""
CompareDesign = Literal["auto", "blocks", "twins"]
"""How the two sides of a pair are measured. `blocks`: one after the other. `twins`: both are up at
once, and their load is put on in turns of a quarter of a second."""
_MOST_IN_TIME = 40
"""Where the time is what limits them. More looks make every interval wider."""


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
    kind: ComparisonKind = "alternatives"
    """Two that one may choose from, or a `change` against its base, where slower is a regression
    and makes exit code 1; `harness ab` always compares a change."""
    design: CompareDesign = "auto"
    """`blocks`: the sides of a pair are measured one after the other. `twins`: both are up at once,
    with closed loads put on in turns, so that what disturbs the machine hits both. `auto`: twins
    where a change is compared and they can be."""
    margin: Annotated[float, BeforeValidator(parse_share, json_schema_input_type=float | str)] = (
        0.05
    )
    """The relative slowdown that is let pass, or the difference that does not matter between
    alternatives: `5%` or 0.05."""
    pairs: PairBudget | None = None
    """Add pairs while a comparison is inconclusive; without it, `measure.blocks` pairs."""
    looks: NonEmptyItems[Annotated[int, Field(ge=6, le=1000)]] | None = None
    """At how many pairs it is looked; without it after every two from min to max, and after every
    eighth of them from 32 on."""
    minutes: Annotated[float, Field(strict=False, gt=0, le=10_000)] | None = None
    """Add no pairs that would, at the pace so far, be measured later than this."""
    effect: (
        Annotated[float, BeforeValidator(parse_share, json_schema_input_type=float | str)] | None
    ) = None
    """The slowdown that is to be found within `minutes`: `10%`. The first look at this machine's
    noise says whether it can be; without `pairs` there are 6 to 40."""

    @model_validator(mode="after")
    def _budget(self) -> Compare:
        if self.effect is not None and self.minutes is None:
            raise ValueError("in how many minutes is the effect to be found? give minutes")
        if self.effect is not None and self.effect <= self.margin:
            raise ValueError("effect lies within the margin, which is let pass")
        if self.pairs is None:
            if self.looks is not None or (self.minutes is not None and self.effect is None):
                raise ValueError("looks and minutes limit added pairs: give pairs as well")
        elif self.looks is not None:
            if list(self.looks) != sorted(set(self.looks)):
                raise ValueError("looks must grow")
            if (self.looks[0], self.looks[-1]) != (self.pairs.min, self.pairs.max):
                raise ValueError("the first look is at pairs.min, the last one at pairs.max")
        return self

    @property
    def budget(self) -> PairBudget | None:
        """How many pairs there may be; None where their number is that of `measure.blocks`."""
        if self.pairs is None and self.effect is not None:
            return PairBudget(max=_MOST_IN_TIME)
        return self.pairs

    @property
    def look_sizes(self) -> tuple[int, ...]:
        """Numbers of pairs at which it is looked; empty where their number is fixed."""
        budget = self.budget
        if self.looks is not None or budget is None:
            return self.looks or ()
        sizes, size = [], budget.min
        while size < budget.max:
            sizes.append(size)
            size += 2 * max(1, size // 16)  # whole mirrored pairs
        return (*sizes, budget.max)
