"""How much is measured of a cell, and for how long: the scenario's plan, and what changes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.scenario.files.fields import Duration, Frozen, PositiveDuration

ResultsLeft = Literal["ignore", "count", "expire"]


class MeasureOverride(Frozen):
    """The part of a measuring plan that one workload or load changes."""

    warmup: Annotated[int, Field(ge=0)] | None = None
    units: Annotated[int, Field(ge=1)] | None = None
    duration: PositiveDuration | None = None
    timeout: PositiveDuration | None = None
    results_left: ResultsLeft | None = None

    @model_validator(mode="after")
    def _one_extent(self) -> MeasureOverride:
        if self.units is not None and self.duration is not None:
            raise ValueError("give units or duration, not both")
        return self


class Measure(Frozen):
    """The measuring plan of a block."""

    warmup: Annotated[int, Field(ge=0)] = 20
    """Units run and checked before the measured ones, not part of any figure."""
    units: Annotated[int, Field(ge=1)] | None = None
    """How many units are measured ..."""
    duration: PositiveDuration | None = None
    """... or for how long units are started. One of the two, unless all loads say it themselves."""
    blocks: Annotated[int, Field(ge=1, le=1000)] = 1
    """Measured repetitions of each cell, each with fresh workers and a namespace of its own."""
    timeout: PositiveDuration = 30.0
    """How long one unit may take: from the moment it was due (load `rate`), was published
    (`closed`, `schedule`), or from the release of a backlog, whose default is 0.2 s more for each
    unit. Later is `timed_out`. What is under way when the last unit has had its time is not waited
    for."""
    interval: Annotated[Duration, Field(ge=0.01)] = 1.0
    """Interval of the time series that every block leaves beside its samples."""
    startup_timeout: PositiveDuration = 60.0
    """How long workers may take until probe tasks come back."""
    results_left: ResultsLeft = "ignore"
    """What is asked about results when a block is over: `count`, how many the backend holds and
    what they take; `expire`, how many it still holds after `result_expires`, too."""

    @model_validator(mode="after")
    def _one_extent(self) -> Measure:
        if self.units is not None and self.duration is not None:
            raise ValueError("give units or duration, not both")
        return self
