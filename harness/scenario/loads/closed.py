"""The load `closed`: callers that wait."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.scenario.loads.base import LoadBase


class ClosedLoad(LoadBase):
    """n units in flight: n callers, each publishing the next unit when its result is in."""

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
        """By its callers."""
        return True
