"""The tutorial's workload `heavy_task`: a task that computes and sleeps, or fails as it is meant
to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from harness.scenario.files.document import Conflict
from harness.scenario.files.fields import Duration
from harness.scenario.files.kinds import CellWord
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.base import LoadBase
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure
from harness.scenario.workloads.base import OneTask, WorkloadBase, beyond_timeout


class RunsHeavyTask(WorkloadBase):
    """A workload whose units run `heavy_task(n)`, once each."""

    if TYPE_CHECKING:  # each of them says it where it stands among its fields
        n: int | str
        sleep: float

    @property
    def least_run_s(self) -> float:
        """What it sleeps: no CPU time, but a slot is held."""
        return 0.0 if isinstance(self.n, str) else max(0, self.n - 2) * self.sleep

    @property
    def heavy_step_s(self) -> float:
        """As it is said here."""
        return self.sleep

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """A task that has to sleep for longer than a unit may take."""
        yield from as_far_as_known(super().conflicts, configuration, load, measure)
        yield from as_far_as_known(lambda: self._too_slow(measure))

    def _too_slow(self, measure: Measure) -> Iterator[Conflict]:
        if self.least_run_s >= measure.timeout:
            what = f"one unit takes at least {self.least_run_s:g} s"
            yield ("workload", "n"), beyond_timeout(what, measure, "lower n or sleep")


class HeavyTaskWorkload(RunsHeavyTask, OneTask):
    """`heavy_task(n)`: the product of 2..n-1 with a sleep per step; a string must fail."""

    prebuilt: ClassVar[bool] = True
    task: ClassVar[str] = "harness.probe.tasks.heavy_task"

    workload: Literal["heavy_task"]
    n: Annotated[int, Field(ge=0, le=1500)] | str = 50
    """At most 1500: Python refuses to print whole numbers of more than 4300 digits."""
    sleep: Duration = 0.01
    """Per step; the tutorial sleeps 10 ms."""

    @property
    def word(self) -> CellWord:
        """`heavy_task-50`; `heavy_task-text` for all that must fail."""
        return CellWord("n", "text" if isinstance(self.n, str) else str(self.n))
