"""The workload `retry`: a task that fails, asks to be run again, and succeeds in the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from harness.scenario.files.document import Conflict
from harness.scenario.files.fields import PositiveDuration
from harness.scenario.files.kinds import CellWord
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.base import LoadBase
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure
from harness.scenario.vendors.registry import BROKERS
from harness.scenario.workloads.base import WorkloadBase, beyond_timeout


def _whole_seconds(value: float) -> float:
    if value != int(value):
        raise ValueError("Celery counts a backoff in whole seconds: 1s, 2s ...")
    return value


WholeSeconds = Annotated[PositiveDuration, AfterValidator(_whole_seconds)]


class RetryWorkload(WorkloadBase):
    """A task that fails `failures` times and then succeeds, by `self.retry()`; one that has fewer
    retries than failures must fail with its last exception."""

    workload: Literal["retry"]
    failures: Annotated[int, Field(ge=0, le=100)] = 2
    """How often the task of each unit fails before it succeeds."""
    max_retries: Annotated[int, Field(ge=0, le=100)] = 3
    """As of Celery's tasks: how often it is run again at most."""
    countdown: PositiveDuration | None = None
    """How long each retry waits; without it and without a backoff it runs again at once."""
    retry_backoff: WholeSeconds | None = None
    """Instead of a countdown, as of Celery's `autoretry_for`: this long before the first retry,
    twice as long before each further one."""
    retry_backoff_max: WholeSeconds = 600.0
    """The longest wait of a backoff."""
    retry_jitter: bool = True
    """As of Celery: a wait of a backoff is drawn between nothing and what it would be, in whole
    seconds."""

    @model_validator(mode="after")
    def _one_wait(self) -> RetryWorkload:
        if self.countdown is not None and self.retry_backoff is not None:
            raise ValueError("give countdown or retry_backoff, not both")
        fields = type(self).model_fields  # a record names all of them, whoever has said them
        names = ("retry_backoff_max", "retry_jitter")
        of_backoff = [name for name in names if getattr(self, name) != fields[name].default]
        if of_backoff and self.retry_backoff is None:
            raise ValueError(f"{of_backoff[0]} belongs to retry_backoff: give that, too")
        return self

    @property
    def retries(self) -> int:
        """How often a unit's task asks to be run again."""
        return min(self.failures, self.max_retries)

    @property
    def comes_again(self) -> bool:
        """Whether any unit's task asks to be run again."""
        return self.retries > 0

    @property
    def longest_waits_s(self) -> float:
        """Seconds that all retries of a unit wait together, at most."""
        if self.retry_backoff is None:
            return self.retries * (self.countdown or 0.0)
        first_s, most_s = self.retry_backoff, self.retry_backoff_max
        return sum(min(first_s * 2.0**before, most_s) for before in range(self.retries))

    @property
    def word(self) -> CellWord:
        """How names of cells call it: `retry-2`."""
        return CellWord("failures", str(self.failures))

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """Waits that do not fit into the time of a unit, or that a broker cannot delay."""
        yield from as_far_as_known(super().conflicts, configuration, load, measure)
        yield from as_far_as_known(self._waits_too_long, measure)
        yield from as_far_as_known(self._not_delayed, configuration)

    def _waits_too_long(self, measure: Measure) -> Iterator[Conflict]:
        waits_s = self.longest_waits_s
        if waits_s >= measure.timeout:
            field = "countdown" if self.retry_backoff is None else "retry_backoff"
            what = f"the {self.retries} retries of a unit may wait {waits_s:g} s together"
            yield ("workload", field), beyond_timeout(what, measure, "wait less")

    def _not_delayed(self, configuration: Configuration) -> Iterator[Conflict]:
        if self.retries and self.countdown is not None:
            broker = BROKERS[configuration.broker.service]
            for problem in broker.countdown_problems(self.countdown, configuration.settings):
                yield ("workload", "countdown"), problem
