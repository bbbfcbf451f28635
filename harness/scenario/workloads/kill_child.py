"""The workload `kill_child`: tasks that end the process that runs them, as the kernel does when
memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from harness.scenario.files.document import Conflict
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.base import LoadBase
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure
from harness.scenario.workloads.base import OneOfSeveral


class KillChildWorkload(OneOfSeveral):
    """A task of which one of `every` units kills its pool process (SIGKILL). What has to come of
    that follows from the settings: a failure (WorkerLostError), or that it is run again."""

    workload: Literal["kill_child"]
    kills: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often it does so before it runs to its end, where it is run again."""

    @property
    def comes_again(self) -> bool:
        """Always: settings may ask for it."""
        return True

    @property
    def loses_processes(self) -> bool:
        """Always, on purpose."""
        return True

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """Pools whose tasks have no process of their own."""
        yield from as_far_as_known(super().conflicts, configuration, load, measure)
        for pool in configuration.pools:
            if pool != "prefork":
                message = f"pool {pool} runs tasks in the worker itself, which would be killed"
                yield ("workload", "workload"), f"{message}: use pool prefork"
