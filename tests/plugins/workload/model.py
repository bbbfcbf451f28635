"""A workload that another package brings: what a unit of it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from harness.scenario.files.document import Conflict
from harness.scenario.files.kinds import CellWord
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.base import LoadBase
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure
from harness.scenario.workloads.add import AddWorkload
from harness.scenario.workloads.base import Steps, WorkloadBase, WorkloadRow


class PairWorkload(WorkloadBase):
    """`double(n)`, then `increase(doubled, by)`, where n is the unit's number."""

    past_batches: ClassVar[bool] = True

    workload: Literal["pair"]
    by: Annotated[int, Field(ge=1, le=10)] = 1

    @property
    def steps(self) -> Steps:
        """One after the other."""
        return (1, 1)

    @property
    def word(self) -> CellWord:
        """`pair-3`."""
        return CellWord("by", str(self.by))

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """A check of its own, beside those that all workloads have."""
        yield from as_far_as_known(super().conflicts, configuration, load, measure)
        if self.by == 7:
            yield ("workload", "by"), "nobody is increased by seven: use another number"


ROW = WorkloadRow(PairWorkload, "tests.plugins.workload.units:Pair")
ADD_AGAIN = WorkloadRow(AddWorkload, "tests.plugins.workload.units:Pair")


class NamelessWorkload(PairWorkload):
    """Its key may hold any word, so no scenario could ask for it."""

    workload: str  # type: ignore[assignment]


NAMELESS = WorkloadRow(NamelessWorkload, "tests.plugins.workload.units:Pair")
