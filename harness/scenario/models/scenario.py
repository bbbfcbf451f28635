"""A scenario as a frozen value, and the plan that it is expanded to.

Nothing here reads a file or knows a server. Fields carry their unit in the name
or are durations, which YAML writes as `250ms`, `10s` or as plain seconds.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from harness.errors import Problem
from harness.scenario.files.fields import Frozen, Items, Name, NonEmptyItems
from harness.scenario.loads.registry import Load, LoadEntry
from harness.scenario.models.compare import Compare
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.faults import Faults
from harness.scenario.models.measure import Measure
from harness.scenario.vendors.price_models import Prices
from harness.scenario.workloads.registry import Workload, WorkloadEntry


class NamedValue(Frozen):
    """A value of the matrix with the name that cells are called by. Exactly these two keys: a
    mapping that has them and is itself the value is given a name as well."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=40)]
    value: Any


MatrixValue = Annotated[
    Any, BeforeValidator(lambda value: value, json_schema_input_type=NamedValue | Any)
]


class Scenario(Frozen):
    """A plan: configurations x matrix x workloads x loads. One file in `scenarios/`."""

    name: Name
    """Part of the name of every run's folder."""
    question: str = ""
    """What the scenario answers, in one sentence; printed above the table."""
    configurations: NonEmptyItems[
        Annotated[
            str, BeforeValidator(lambda name: name, json_schema_input_type=str | Configuration)
        ]
    ]
    """Names, or paths relative to the scenario; a name is one of a file in `configs/` beside the
    scenario's folder or here, else of what is shipped. Or a mapping: a configuration itself."""
    matrix: dict[str, NonEmptyItems[MatrixValue]] = {}
    """Configuration field by dotted path -> the values to try, e.g. `worker.concurrency`. A value
    gets a name of its own by `{name: lean, value: ...}`."""
    workloads: NonEmptyItems[WorkloadEntry]
    loads: NonEmptyItems[LoadEntry] | None = None
    """How units arrive, for every workload that names no loads of its own."""
    measure: Measure
    faults: Faults = ()
    """What is broken while it is measured, in every load `rate` that has no faults of its own; see
    `harness docs faults`."""
    gates: Items[str] = ()
    """What every cell has to hold, e.g. `p99(latency.total) < 250ms`; see
    `harness docs verdicts`."""
    baseline: Name | None = None
    """Name of the stored run that `baseline` in a gate means; `--baseline` wins."""
    compare: Compare | None = None
    """What is compared with what; see `harness docs verdicts`."""
    prices: Annotated[
        Prices | None, BeforeValidator(lambda table: table, json_schema_input_type=Prices | str)
    ] = None
    """What requests cost: a table, or the path of one from the scenario's folder; without it AWS
    list prices. See `harness docs costs`."""


# --- what is expanded from them -----------------------------------------------------------------

AB_AXIS = "ab"
"""The axis of `harness ab`, which no scenario's matrix can have. Its values: `base`, `head`."""


class EqualRate(Frozen):
    """Where a rate comes from that nobody wrote: one that both sides of `harness ab` hold. Borne by
    the cell at its own load and by the one at the rate."""

    own: str
    """Name of the cell at the load of the scenario."""
    at_rate: str
    """Name of the same at the rate; empty where no rate was held, or it cannot be measured so."""
    base_per_s: float
    head_per_s: float
    """Units per second of both sides in the trial, at the load of the scenario."""
    share: float | None = None
    """What part of the slower side's the rate is."""
    rate_per_s: float | None = None


class Cell(Frozen):
    """One point of the scenario's matrix. `name` is unique within the scenario."""

    name: str
    """`<configuration>[<axis>=<value>,...]/<workload>/<load>`, e.g. `redis/add/closed-8`."""
    configuration: Configuration
    """Resolved: matrix values applied, `${ENV}` still unexpanded."""
    axes: dict[str, Any] = {}
    """The matrix values that lead here, by dotted path."""
    axis_words: dict[str, str] = {}
    """How names call these values."""
    workload: Workload
    """What one unit is. Its `loads` and `measure` are spent: applied to the cell, and unset."""
    load: Load
    """How units arrive; its `measure` is spent as well."""
    measure: Measure
    """The scenario's plan with the workload's, then the load's overrides applied."""
    equal_rate: EqualRate | None = None
    """Of cells of `harness ab`: which of two loads speed and costs are told of."""

    @property
    def unit_limit_s(self) -> float:
        """Seconds after which a unit is not waited for any more: `measure.timeout`, which counts
        from its ETA."""
        return self.measure.timeout + self.workload.longest_countdown_s


class Plan(Frozen):
    """A checked scenario, ready to run."""

    scenario: Scenario
    source: str
    """Path of the scenario file as given, or as it was found by its name."""
    cells: tuple[Cell, ...]
    notes: tuple[Problem, ...] = ()
    """What its configurations have and none of the cells uses: no faults, but perhaps mistakes."""
    shadowed: tuple[str, ...] = ()
    """Which files are meant by names that shipped ones have, too: a sentence each."""
