"""Every kind of load there is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.scenario.files.kinds import or_bare_name
from harness.scenario.loads.backlog import BacklogLoad
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.loads.rate import RateLoad
from harness.scenario.loads.saturate import SaturateLoad
from harness.scenario.loads.schedule import ScheduleLoad

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
