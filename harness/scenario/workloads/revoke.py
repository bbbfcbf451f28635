"""The workload `revoke`: tasks of which some are revoked after they were published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from harness.scenario.files.document import Conflict
from harness.scenario.files.fields import Duration
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.base import LoadBase
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure
from harness.scenario.vendors.registry import BROKERS
from harness.scenario.workloads.base import OneOfSeveral, beyond_timeout

_TERMINATE = ("prefork", "gevent")
"""Pools that can end a task (`terminate_job` in celery/concurrency)."""


class RevokeWorkload(OneOfSeveral):
    """A task that sleeps; one of `every` units is revoked by its client, and must then end as
    revoked, or as the others if it was over by then."""

    workload: Literal["revoke"]
    after: Duration = 0.05
    """How long after it was published."""
    terminate: bool = False
    """Whether it is ended, too, where it runs already."""
    sleep: Duration = 0.1
    """How long the task takes."""

    @property
    def least_run_s(self) -> float:
        """What it sleeps: units that are revoked may take less."""
        return self.sleep * (1 - 1 / self.every)

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """Workers that nobody can tell anything, pools that cannot end a task, and times that no
        unit sees."""
        yield from as_far_as_known(super().conflicts, configuration, load, measure)
        yield from as_far_as_known(self._unheard, configuration)
        for pool in configuration.pools:
            if self.terminate and pool not in _TERMINATE:
                message = f"pool {pool} cannot end a task that runs: use pool prefork, or leave"
                yield ("workload", "terminate"), f"{message} terminate out"

        yield from as_far_as_known(self._too_long, measure)

    def _too_long(self, measure: Measure) -> Iterator[Conflict]:
        until_s = measure.timeout + self.longest_countdown_s
        if self.after >= until_s:
            message = f"a unit has {until_s:g} s, and none is left to be revoked then"
            yield ("workload", "after"), f"{message}: raise measure.timeout, or lower after"
        ended = self.terminate and self.every == 1
        if self.sleep >= measure.timeout and not ended:
            what = f"a task takes {self.sleep:g} s"
            yield ("workload", "sleep"), beyond_timeout(what, measure, "lower sleep")

    def _unheard(self, configuration: Configuration) -> Iterator[Conflict]:
        where = ("workload", "workload")
        if not BROKERS[configuration.broker.service].remote_control:
            message = f"workers on {configuration.broker.service} take no remote control"
            yield where, f"{message}: kombu has no broadcast there, and revoke is one"
        elif configuration.settings.get("worker_enable_remote_control") is False:
            yield where, "worker_enable_remote_control is off, and revoke needs it: leave it out"
