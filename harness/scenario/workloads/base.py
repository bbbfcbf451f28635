"""What every workload has in common."""

from __future__ import annotations

from harness.scenario.files.fields import Frozen, NonEmptyItems
from harness.scenario.models.loads import LoadEntry, MeasureOverride
from harness.scenario.models.messages import MessageOptions


class WorkloadBase(Frozen):
    """What every workload may override."""

    loads: NonEmptyItems[LoadEntry] | None = None
    """Instead of the scenario's loads, for this workload only."""
    measure: MeasureOverride = MeasureOverride()
    options: MessageOptions = MessageOptions()
    """Priority, countdown and expiry of each message."""

    @property
    def message_options(self) -> tuple[MessageOptions, ...]:
        """Those of each kind of unit; only a mix has several."""
        return (self.options,)
