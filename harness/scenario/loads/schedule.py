"""The load `schedule`: beat publishes."""

from __future__ import annotations

from typing import ClassVar, Literal

from harness.scenario.loads.base import LoadBase
from harness.scenario.models.measure import Measure


class ScheduleLoad(LoadBase):
    """Beat publishes, when its schedule says so: the one load of the workload `periodic`."""

    fired_by_beat: ClassVar[bool] = True
    gives_the_rate: ClassVar[bool] = True

    load: Literal["schedule"]

    def lasts_s(self, measure: Measure) -> float:
        """What is measured; the schedule itself needs a little more, see `periodic`."""
        return measure.duration or 0.0
