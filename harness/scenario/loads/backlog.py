"""The load `backlog`: everything is published before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from harness.scenario.files.document import Conflict
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.base import LoadBase, Publish
from harness.scenario.models.measure import Measure

_PUBLISH_S = 0.05
"""For publishing one unit: confirmed, over a slow network."""
_UNIT_S = 0.2


class BacklogLoad(LoadBase):
    """Publish all units while the workers are held, then release them."""

    load: Literal["backlog"]
    publish: Publish = "api"
    """`api` is what users do; `batch` and `prebuilt` fill a queue faster, see
    `harness docs measuring`."""

    @property
    def held(self) -> bool:
        """So that all start at once."""
        return True

    def conflicts(self, measure: Measure) -> Iterator[Conflict]:
        """A time says nothing of how much is published."""
        yield from as_far_as_known(super().conflicts, measure)
        if measure.duration is not None:
            message = 'a backlog is published in full first: it needs "units:", not "duration:"'
            yield ("load", "load"), message

    def default_timeout_s(self, measure: Measure) -> float:
        """The last unit waits for all before it: 30 s, and 0.2 s for each unit."""
        return 30.0 + _UNIT_S * (measure.units or 0)

    def lasts_s(self, measure: Measure) -> float:
        """Seconds that publishing all of them may take; consuming them has bounds of its own."""
        return (measure.units or 0) * _PUBLISH_S
