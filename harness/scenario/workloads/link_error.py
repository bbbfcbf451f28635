"""The workload `link_error`: tasks of which some fail, and the errback that follows a failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from harness.scenario.files.document import Conflict
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.base import LoadBase
from harness.scenario.models.configuration import Configuration, keeps_results
from harness.scenario.models.measure import Measure
from harness.scenario.vendors.registry import BACKENDS
from harness.scenario.workloads.base import OneOfSeveral, Steps


class LinkErrorWorkload(OneOfSeveral):
    """A task with `link_error` and `link`: in one of `every` units it fails, and its errback has to
    run; in the others its callback has to."""

    workload: Literal["link_error"]

    @property
    def steps(self) -> Steps:
        """The task, and whichever of the two follows it: both would be one too many."""
        return (1, 1)

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """Backends that do not show an errback what its task failed with."""
        yield from as_far_as_known(super().conflicts, configuration, load, measure)
        yield from as_far_as_known(self._unread, configuration)

    def _unread(self, configuration: Configuration) -> Iterator[Conflict]:
        place, why = ("workload", "workload"), "an errback reads what its task failed with"
        service = configuration.backend.service
        if not keeps_results(service, configuration.settings):
            yield place, f"{why}, and no results are stored: leave this workload out"
        elif not BACKENDS[service].chords:
            message = f"{why}, and results on {service} reach the client alone"
            yield place, f"{message}: use another backend"
