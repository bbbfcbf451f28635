"""The load `saturate`: a search for the highest rate that keeps its limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from harness.figures.of_units import PHASES
from harness.scenario.files.document import Conflict
from harness.scenario.files.fields import NonEmptyItems, PositiveDuration, Rate
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.files.wording import listed, shown
from harness.scenario.loads.open_loop import OpenLoad
from harness.scenario.models.gate_tokens import GateSyntaxError
from harness.scenario.models.gates import parse_gate
from harness.scenario.models.measure import Measure
from harness.units import parse_share

LIMITED = (
    "latency.total",
    *(f"phase.{name}" for name in PHASES),
    "throughput",
)
"""Figures that a limit of a search for saturation may be about."""


class SaturateLoad(OpenLoad):
    """Open loop at higher and higher rates: which one is the highest that keeps the limits?

    Beside the limits nothing may be lost, wrong, failed or run twice, and the units under way
    must not grow in number.
    """

    load: Literal["saturate"]
    limits: NonEmptyItems[str] = ("p99(latency.total) < 250ms",)
    """As gates are written; every one has to hold."""
    start: Rate = 50.0
    """The rate that is tried first."""
    most: Rate = 100_000.0
    """No higher rate is tried."""
    step: PositiveDuration = 5.0
    """How long a rate is tried."""
    precision: Annotated[
        float, BeforeValidator(parse_share, json_schema_input_type=float | str)
    ] = 0.05
    """How close the highest rate that kept the limits and the lowest that did not have to be."""
    time: PositiveDuration = 180.0
    """Begin no step later than this."""

    @model_validator(mode="after")
    def _sensible(self) -> SaturateLoad:
        if self.start > self.most:
            raise ValueError("start is higher than most")
        if not 0.005 <= self.precision <= 0.5:
            raise ValueError("precision lies between 0.5% and 50%")
        if self.measure.units or self.measure.duration:
            raise ValueError("step and time say how long it takes: no measure.units or duration")
        return self

    @property
    def says_how_long(self) -> bool:
        """Always: by its steps and its time."""
        return True

    def conflicts(self, measure: Measure) -> Iterator[Conflict]:
        """Problems of every load, and limits that are none."""
        yield from as_far_as_known(super().conflicts, measure)
        for index, text in enumerate(self.limits):
            for message in _limit_problems(text):
                yield ("load", "limits", index), message

    def lasts_s(self, measure: Measure) -> float:  # noqa: ARG002 - what it says itself counts
        """The last step begins before the time is over."""
        return self.time + self.step

    def planned_units(self, measure: Measure) -> float:  # noqa: ARG002 - nobody knows before
        """0: nobody knows before how many rates will be tried."""
        return 0


def _limit_problems(text: str) -> Iterator[str]:
    try:
        gate = parse_gate(text)
    except GateSyntaxError as error:
        yield f"limit {shown(text)}, column {error.column + 1}: {error}"
        return
    if gate.measure.metric not in LIMITED:
        yield f"limit {shown(text)}: a limit is about one of {listed(LIMITED)}"
    if gate.measure.within:
        within = gate.measure.within
        yield f"limit {shown(text)}: a limit is about all units, not those of one {within}"
    if gate.needs_baseline:
        yield f"limit {shown(text)}: a limit is a figure, there is no baseline here"
