"""Loads as frozen values: how units arrive, how they are published, who sees their results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from harness.scenario.files.fields import Frozen, NonEmptyItems, PositiveDuration, Rate
from harness.scenario.models.faults import Faults
from harness.units import parse_share

Arrivals = Literal["constant", "poisson"]
Publish = Literal["api", "batch", "prebuilt"]
Results = Literal["observe", "afterwards"]
ResultsLeft = Literal["ignore", "count", "expire"]
MOST_CLIENTS = 16
LIMITED = (
    "latency.total",
    *(f"phase.{name}" for name in ("schedule", "queue", "dispatch", "retry", "run", "result")),
    "throughput",
)
"""Figures that a limit of a search for saturation may be about."""


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


class LoadBase(Frozen):
    """What every load may say."""

    measure: MeasureOverride = MeasureOverride()
    clients: Annotated[int, Field(ge=1, le=MOST_CLIENTS)] = 1
    """Client processes that share the load."""

    @property
    def watched(self) -> bool:
        """Whether somebody looks for results while it is measured: a caller, or an observer."""
        return False

    @property
    def held(self) -> bool:
        """Whether workers are held until everything is published."""
        return False


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


class BacklogLoad(LoadBase):
    """Publish all units while the workers are held, then release them."""

    load: Literal["backlog"]
    publish: Publish = "api"
    """`api` is what users do; `batch` and `prebuilt` fill a queue faster, see docs/measuring.md."""

    @property
    def held(self) -> bool:
        """So that all start at once."""
        return True


class ScheduleLoad(LoadBase):
    """Beat publishes, when its schedule says so: the one load of the workload `periodic`."""

    load: Literal["schedule"]


# --- open loop ----------------------------------------------------------------------------------


class WarmupPhase(Frozen):
    """A constant rate whose units count in no figure of the block."""

    phase: Literal["warmup"]
    rate: Rate
    duration: PositiveDuration


class SteadyPhase(Frozen):
    """A constant rate."""

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
    """Nothing is published: the workers catch up. Ends early when nothing is under way."""

    phase: Literal["drain"]
    duration: PositiveDuration


LoadPhase = Annotated[
    WarmupPhase | SteadyPhase | BurstPhase | RampPhase | DrainPhase, Field(discriminator="phase")
]


class OpenLoad(LoadBase):
    """What loads share that publish on time, whether results are back or not."""

    arrivals: Arrivals = "constant"
    """`poisson`: independent arrivals, drawn from the run's seed, the same for every block."""
    publish: Publish = "api"
    """`api` is what users do; the others are faster, see docs/measuring.md."""
    results: Results = "observe"
    """Who sees results: a collector of their own while it is measured, or nobody until the end."""
    senders: Annotated[int, Field(ge=1, le=64)] = 4
    """Threads of each client that publish, so that one slow call does not delay the next unit."""

    @property
    def watched(self) -> bool:
        """By an observer, unless it says otherwise."""
        return self.results == "observe"


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
        counted = [p for p in self.phases or () if p.phase not in ("warmup", "drain")]
        if self.phases is not None and not counted:
            raise ValueError("no phase counts: add one of steady, burst and ramp")
        if self.phases is not None and (self.measure.units or self.measure.duration):
            raise ValueError("phases say how long they last: leave out measure.units and duration")
        return self


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


# --- lists of them ------------------------------------------------------------------------------


def or_bare_name(key: str, union: Any, *others: Any) -> BeforeValidator:
    """Lets a list of workloads or loads hold a bare name: `- add` for `- workload: add`.

    `others` are forms that editors are told of besides.
    """
    bare_name: Any = Literal.__getitem__(tuple(_complete_names(key, union)))

    def write_out(value: object) -> object:
        return {key: value} if isinstance(value, str) else value

    told = union | bare_name
    for form in others:
        told |= form
    return BeforeValidator(write_out, json_schema_input_type=told)


def _complete_names(key: str, union: Any) -> Iterator[str]:
    """Names that say all that is needed: `rate` alone does not."""
    for model in kinds(union):
        name = get_args(model.model_fields[key].annotation)[0]
        with suppress(ValidationError):
            model.model_validate({key: name})
            yield name


def kinds(union: Any) -> tuple[type[Frozen], ...]:
    """The models of a union that a key tells apart: of Broker, Backend, Workload or Load."""
    return get_args(get_args(union)[0])


Load = Annotated[
    ClosedLoad | BacklogLoad | RateLoad | SaturateLoad | ScheduleLoad, Field(discriminator="load")
]
LoadEntry = Annotated[Load, or_bare_name("load", Load)]
"""As it stands in a list: a mapping, or just the name."""


def extent_of_its_own(load: Load) -> bool:
    """Whether the load itself says how long it lasts, not `measure`."""
    return isinstance(load, SaturateLoad) or (
        isinstance(load, RateLoad) and load.phases is not None
    )
