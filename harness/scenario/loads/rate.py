"""The load `rate`: an open loop by a plan of phases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.probe.loads.pacer import phases_of
from harness.scenario.files.fields import Frozen, NonEmptyItems, PositiveDuration, Rate
from harness.scenario.files.kinds import CellWord
from harness.scenario.files.unknown import in_full
from harness.scenario.loads.open_loop import OpenLoad
from harness.scenario.models.faults import Faults
from harness.scenario.models.measure import Measure

_NOT_COUNTED = ("warmup", "drain")


class WarmupPhase(Frozen):
    """A constant rate whose units count in no figure of the block."""

    phase: Literal["warmup"]
    rate: Rate
    duration: PositiveDuration


class SteadyPhase(Frozen):
    """A stretch of an open loop in which units are due at one rate."""

    phase: Literal["steady"]
    rate: Rate
    duration: PositiveDuration


class BurstPhase(Frozen):
    """A constant rate, higher than its neighbours': summarised by itself."""

    phase: Literal["burst"]
    rate: Rate
    duration: PositiveDuration


class RampPhase(Frozen):
    """A rate that changes linearly from `rate` to `to`."""

    phase: Literal["ramp"]
    rate: Rate
    to: Rate
    duration: PositiveDuration


class DrainPhase(Frozen):
    """A phase that publishes nothing: workers catch up. Ends early when nothing is under way."""

    phase: Literal["drain"]
    duration: PositiveDuration


LoadPhase = Annotated[
    WarmupPhase | SteadyPhase | BurstPhase | RampPhase | DrainPhase, Field(discriminator="phase")
]


class RateLoad(OpenLoad):
    """Open loop: units are due at a rate, and latency counts from the moment they were due."""

    load: Literal["rate"]
    rate: Rate | None = None
    """Units per second (`200/s`) for as long as `measure` says; or give phases."""
    phases: NonEmptyItems[LoadPhase] | None = None
    """One after the other, instead of a rate and of `measure.duration` or `units`."""
    faults: Faults | None = None
    """What is broken meanwhile, instead of the scenario's `faults`."""

    @model_validator(mode="after")
    def _one_plan(self) -> RateLoad:
        if (self.rate is None) == (self.phases is None):
            raise ValueError("give a rate, or phases")
        counted = [p for p in self.phases or () if p.phase not in _NOT_COUNTED]
        if self.phases is not None and not counted:
            raise ValueError("no phase counts: add one of steady, burst and ramp")
        if self.phases is not None and (self.measure.units or self.measure.duration):
            raise ValueError("phases say how long they last: leave out measure.units and duration")
        return self

    @property
    def says_how_long(self) -> bool:
        """Whether it has phases, which say how long they last."""
        return self.phases is not None

    @property
    def word(self) -> CellWord:
        """How names of cells call it: `rate-200`, `rate-warmup-steady`."""
        if self.phases is not None:
            return CellWord("phases", "-".join(phase.phase for phase in self.phases)[:60])
        return CellWord("rate", f"{self.rate:g}")

    def length_s(self, measure: Measure) -> float | None:
        """Seconds of all phases together, or until the last of `measure.units` is due; None where
        neither is said."""
        if self.phases is not None:
            return sum(phase.duration for phase in self.phases)
        if measure.duration is not None:
            return measure.duration
        units, rate = measure.units, self.rate
        return units / rate if units is not None and rate is not None else None

    def lasts_s(self, measure: Measure) -> float:
        """Units are due on time, whatever happens."""
        return self.length_s(measure) or 0.0

    def planned_units(self, measure: Measure) -> float:
        """How many units are due: the rate times the time, over all phases."""
        if self.phases is not None:
            return sum(
                one.integral for one in phases_of(in_full(one).model_dump() for one in self.phases)
            )
        if measure.duration is not None:
            return (self.rate or 0.0) * measure.duration
        return super().planned_units(measure)

    def asked_per_s(self, measure: Measure) -> float | None:  # noqa: ARG002 - it says so itself
        """The highest mean rate of a counted phase."""
        if self.phases is None:
            return self.rate
        counted = (one for one in self.phases if one.phase not in _NOT_COUNTED)
        planned = phases_of(in_full(one).model_dump() for one in counted)
        return max(one.integral / one.duration_s for one in planned)
