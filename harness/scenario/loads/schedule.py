"""The load `schedule`: beat publishes."""

from __future__ import annotations

from typing import Literal

from harness.scenario.loads.base import LoadBase


class ScheduleLoad(LoadBase):
    """Beat publishes, when its schedule says so: the one load of the workload `periodic`."""

    load: Literal["schedule"]
