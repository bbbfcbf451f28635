"""A scenario as a frozen value, and the plan that it is expanded to.

Nothing here reads a file or knows a server. Fields carry their unit in the name
or are durations, which YAML writes as `250ms`, `10s` or as plain seconds.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from harness.scenario.files.fields import (
    Duration,
    Frozen,
    Items,
    Name,
    NonEmptyItems,
    PositiveDuration,
)
from harness.scenario.models.compare import Compare
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.faults import Faults
from harness.scenario.models.loads import Load, LoadEntry, ResultsLeft
from harness.scenario.vendors.price_models import Prices
from harness.scenario.workloads.models import Workload, WorkloadEntry


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
    """Of the time series that every block leaves beside its samples."""
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
    configurations: NonEmptyItems[str]
    """Names of files in `configs/`, or paths relative to the scenario."""
    matrix: dict[str, NonEmptyItems[MatrixValue]] = {}
    """Configuration field by dotted path -> the values to try, e.g. `worker.concurrency`. A value
    gets a name of its own by `{name: lean, value: ...}`."""
    workloads: NonEmptyItems[WorkloadEntry]
    loads: NonEmptyItems[LoadEntry] | None = None
    """For every workload that names none of its own."""
    measure: Measure
    faults: Faults = ()
    """What is broken while it is measured, in every load `rate` that has no faults of its own; see
    docs/faults.md."""
    gates: Items[str] = ()
    """What every cell has to hold, e.g. `p99(latency.total) < 250ms`; see docs/verdicts.md."""
    baseline: Name | None = None
    """Name of the stored run that `baseline` in a gate means; `--baseline` wins."""
    compare: Compare | None = None
    """What is compared with what; see docs/verdicts.md."""
    prices: Annotated[
        Prices | None, BeforeValidator(lambda table: table, json_schema_input_type=Prices | str)
    ] = None
    """What requests cost: a table, or the path of one from the scenario's folder; without it AWS
    list prices. See docs/costs.md."""


# --- what is expanded from them -----------------------------------------------------------------


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


class Plan(Frozen):
    """A checked scenario, ready to run."""

    scenario: Scenario
    source: str
    """Path of the scenario file as given."""
    cells: tuple[Cell, ...]
