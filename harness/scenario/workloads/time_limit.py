"""The workload `time_limit`: tasks some of which run into their time limit, as is meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.scenario.files.document import Conflict
from harness.scenario.files.fields import Duration, PositiveDuration
from harness.scenario.files.kinds import CellWord
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.base import LoadBase
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure
from harness.scenario.workloads.base import WorkloadBase, beyond_timeout

_KEEPS = {"prefork": ("soft_time_limit", "time_limit"), "gevent": ("time_limit",)}
"""Which limits a pool keeps: celery/concurrency/prefork.py, asynpool.py, gevent.py. The pools
threads and solo take no notice of any."""


class TimeLimitWorkload(WorkloadBase):
    """A task that sleeps, with time limits. One of `every` units sleeps on and on, and must fail by
    the limit that comes first."""

    workload: Literal["time_limit"]
    soft_time_limit: PositiveDuration | None = None
    """As of `apply_async`: SoftTimeLimitExceeded is raised in the task after so long."""
    time_limit: PositiveDuration | None = None
    """As of `apply_async`: the process is killed after so long (TimeLimitExceeded)."""
    every: Annotated[int, Field(ge=1)] = 1
    """One of so many units runs into it; 1 for all."""
    sleep: Duration = 0.01
    """How long the tasks of the others take."""

    @model_validator(mode="after")
    def _a_limit(self) -> TimeLimitWorkload:
        soft_s, hard_s = self.soft_time_limit, self.time_limit
        if soft_s is None and hard_s is None:
            raise ValueError("give a soft_time_limit, a time_limit, or both")
        if soft_s is not None and hard_s is not None and hard_s <= soft_s:
            raise ValueError(
                "time_limit has to be above soft_time_limit: Celery looks at it only after that"
            )
        if self.every > 1 and self.sleep >= self.first_s:
            raise ValueError("sleep has to be below the limit: else every unit runs into it")
        return self

    @property
    def first_s(self) -> float:
        """Seconds after which the first limit ends a task."""
        return min(one for one in (self.soft_time_limit, self.time_limit) if one is not None)

    @property
    def word(self) -> CellWord:
        """How names of cells call it: `time_limit-soft-1s` or `time_limit-hard-1s`."""
        if self.soft_time_limit is not None:
            return CellWord("soft_time_limit", f"soft-{self.soft_time_limit:g}s")
        return CellWord("time_limit", f"hard-{self.time_limit or 0:g}s")

    @property
    def least_run_s(self) -> float:
        """What its shortest tasks take."""
        return self.sleep if self.every > 1 else self.first_s

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """Limits that the pool does not keep, or that lie beyond the time of a unit."""
        yield from as_far_as_known(super().conflicts, configuration, load, measure)
        yield from as_far_as_known(self._not_kept, configuration)
        yield from as_far_as_known(self._too_late, measure)

    def _not_kept(self, configuration: Configuration) -> Iterator[Conflict]:
        for pool in configuration.pools:
            kept = _KEEPS.get(pool, ())
            knows = f"knows only a {kept[0]}" if kept else "keeps no time limits"
            for name in ("soft_time_limit", "time_limit"):
                if getattr(self, name) is not None and name not in kept:
                    yield ("workload", name), f"pool {pool} {knows}: use pool prefork"

    def _too_late(self, measure: Measure) -> Iterator[Conflict]:
        if self.first_s >= measure.timeout:
            name = "time_limit" if self.soft_time_limit is None else "soft_time_limit"
            what = f"a task runs for {self.first_s:g} s before it is ended"
            yield ("workload", name), beyond_timeout(what, measure, "lower the limit")
