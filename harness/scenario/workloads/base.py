"""What every workload has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness.scenario.files.fields import Frozen, NonEmptyItems
from harness.scenario.loads.registry import LoadEntry
from harness.scenario.models.measure import MeasureOverride
from harness.scenario.models.messages import MessageOptions

MOST_BYTES = 64 * 1024 * 1024
Payload = Annotated[int, Field(ge=0, le=MOST_BYTES)]
Steps = tuple[int, ...]
"""How many tasks each step of a unit has. A step's tasks run side by side, and begin when all of
the step before have finished: a chord of n has the steps (n, 1)."""


class WorkloadBase(Frozen):
    """What every workload may override, and what a unit of it is made of."""

    if TYPE_CHECKING:
        workload: str  # each kind has its own name

    joins: ClassVar[bool] = False
    """A unit's result is the list of all its tasks' results, which the caller joins."""

    loads: NonEmptyItems[LoadEntry] | None = None
    """Instead of the scenario's loads, for this workload only."""
    measure: MeasureOverride = MeasureOverride()
    options: MessageOptions = MessageOptions()
    """Priority, countdown and expiry of each message."""

    @property
    def message_options(self) -> tuple[MessageOptions, ...]:
        """Those of each kind of unit; only a mix has several."""
        return (self.options,)

    @property
    def steps(self) -> Steps:
        """How many tasks each step of a unit has; the tasks' positions in it follow from that. Told
        only here: clients, the reader of events and reports all go by it."""
        return (1,)

    @property
    def calls(self) -> int:
        """Calls of functions in one unit: a message may carry several."""
        return sum(self.steps)

    def told(self) -> dict[str, Any]:
        """What clients and workers are told of it: `workload` of their cell spec."""
        return self.model_dump(exclude={"measure", "loads"}) | {"steps": self.steps}


class FanOut(WorkloadBase):
    """Several calls in one unit."""

    payload_bytes: Payload = 0
    """Above 0, every call carries a string of that many bytes instead of a number."""
