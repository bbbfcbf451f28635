"""The workload `tracking`: a caller that watches one task until it is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from harness.probe.spoken import WorkloadSpec
from harness.scenario.files.document import Conflict
from harness.scenario.files.fields import Duration, PositiveDuration
from harness.scenario.files.kinds import CellWord
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.base import LoadBase
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure
from harness.scenario.workloads.heavy_task import RunsHeavyTask

DEFAULT_INTERVAL_S = 0.1


class TrackingWorkload(RunsHeavyTask):
    """`heavy_task(n)`, and a caller that asks for its state; a string must fail."""

    part_of_mixes: ClassVar[bool] = False  # it is about who waits, and how

    workload: Literal["tracking"]
    n: Annotated[int, Field(ge=0, le=1500)] | str = 20
    """As of `heavy_task`."""
    sleep: Duration = 0.001
    """Per step of the task."""
    wait: Literal["busy", "interval", "get"] = "busy"
    """How the caller waits: `busy` asks for the state again and again, as the tutorial does;
    `interval` sleeps between two looks; `get` leaves it to `AsyncResult.get()`."""
    interval: PositiveDuration | None = None
    """How long `wait: interval` sleeps between two looks: 100 ms by default."""

    @model_validator(mode="after")
    def _interval_of_its_wait(self) -> TrackingWorkload:
        if self.interval is not None and self.wait != "interval":
            raise ValueError(f"wait: {self.wait} has no interval: say wait: interval, or leave it")
        return self

    @property
    def word(self) -> CellWord:
        """How names of cells call it: `tracking-busy`, `tracking-get-text`."""
        if isinstance(self.n, str):
            return CellWord("wait", f"{self.wait}-text", also=("n",))
        return CellWord("wait", self.wait)

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """A load without callers, beside what `heavy_task` has."""
        yield from as_far_as_known(super().conflicts, configuration, load, measure)
        if not load.has_callers:
            message = f"tracking is about callers that wait, and in load {load.load} nobody does"
            yield ("load", "load"), f"{message}: use load closed"

    def for_clients(self) -> WorkloadSpec:
        """With the interval that holds."""
        return {**super().for_clients(), "interval": self.interval or DEFAULT_INTERVAL_S}
