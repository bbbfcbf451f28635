"""The load `closed`: callers that wait."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from harness.scenario.files.kinds import CellWord
from harness.scenario.loads.base import LoadBase, in_turn_s
from harness.scenario.models.measure import Measure


class ClosedLoad(LoadBase):
    """n units in flight: n callers, each publishing the next unit when its result is in."""

    has_callers: ClassVar[bool] = True

    load: Literal["closed"]
    in_flight: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Over all clients."""

    @model_validator(mode="after")
    def _callers_for_all(self) -> ClosedLoad:
        if self.in_flight < self.clients:
            raise ValueError("every client needs a caller: give in_flight at least as many")
        return self

    @property
    def watched(self) -> bool:
        """Always: its callers look for results."""
        return True

    @property
    def word(self) -> CellWord:
        """How names of cells call it: `closed-8`."""
        return CellWord("in_flight", str(self.in_flight))

    @property
    def warmup_callers(self) -> int:
        """As many as call while it is measured."""
        return self.in_flight

    def lasts_s(self, measure: Measure) -> float:
        """Callers take turns until the time is over, or the units are used up."""
        return measure.duration or in_turn_s(measure.units or 0, self.in_flight, measure)
