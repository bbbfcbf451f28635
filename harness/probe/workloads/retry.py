"""The units of the workload `retry`, and its task."""

from __future__ import annotations

from typing import Any

from celery import Task, shared_task
from celery.result import AsyncResult
from celery.utils.time import get_exponential_backoff_interval

from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, OneResult, resolved
from harness.probe.workloads.drawing import Failure
from harness.probe.workloads.messages import Options


@shared_task(bind=True)
def fail_first(
    self: Task, number: int, failures: int, max_retries: int, wait: float | list[Any]
) -> list[int]:
    """Fails until it was run again `failures` times; then its number, and how often that was.

    `wait`: seconds before the next try, or Celery's backoff: factor, maximum, jitter.
    """
    retries: int = self.request.retries
    if retries >= failures:
        return [number, retries]
    try:
        raise RuntimeError(words_of(number, retries))
    except RuntimeError as error:
        raise self.retry(
            exc=error, countdown=_wait_s(wait, retries), max_retries=max_retries
        ) from error


def words_of(number: int, retries: int) -> str:
    """What the try says that follows so many retries."""
    return f"try {retries + 1} of {number} failed"


def _wait_s(wait: float | list[Any], retries: int) -> float:
    """As Celery's `autoretry_for` computes it (celery/app/autoretry.py)."""
    if not isinstance(wait, list):
        return wait
    factor, maximum, jitter = wait
    seconds: int = get_exponential_backoff_interval(factor, retries, maximum, jitter)
    return seconds


class Retry(OneResult):
    """One task to a unit, which fails as often as the workload says."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self._task = resolved(fail_first)
        self._failures, self._max_retries = spec["failures"], spec["max_retries"]
        backoff = spec["retry_backoff"]
        self._wait: float | list[Any] = spec["countdown"] or 0
        if backoff is not None:
            self._wait = [int(backoff), int(spec["retry_backoff_max"]), spec["retry_jitter"]]
        self._options = Options(spec)

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        arguments = (unit, self._failures, self._max_retries, self._wait)
        return self._task.apply_async(
            arguments, task_id=name(unit, 0), producer=producer, **self._options.of(unit)
        )

    def expected(self, unit: int) -> Any:
        if self._failures > self._max_retries:
            return Failure("RuntimeError", words_of(unit, self._max_retries))
        return [unit, self._failures]
