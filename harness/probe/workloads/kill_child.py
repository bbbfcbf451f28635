"""The units of the workload `kill_child`, and its task."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from celery import Task, current_app, shared_task
from celery.result import AsyncResult

from harness.probe.app_variables import load_spec
from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Name, OneResult, one_of, resolved
from harness.probe.workloads.drawing import Failure
from harness.probe.workloads.messages import Options

_MARKS = "kills"
"""Folder beside the event logs: who was killed, and how often. No broker's word is needed for it:
SQS' messages do not say that they come again."""
MOST_RETRIES = 3


@shared_task(bind=True, max_retries=MOST_RETRIES, default_retry_delay=1)
def kill_first(self: Task, number: int, kills: int) -> int:
    """Kills its own process until that was done `kills` times; then gives back its number."""
    if kills and _mark(self.request.id, kills):
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _mark(task_id: str, kills: int) -> bool:
    """Note one more kill, unless there were as many."""
    folder = Path(load_spec()["events"]) / _MARKS
    folder.mkdir(exist_ok=True)
    for count in range(kills):
        try:
            (folder / f"{task_id}-{count}").touch(exist_ok=False)
        except FileExistsError:
            continue
        return True
    return False


class KillChild(OneResult):
    """One task to a unit, of which one of `every` kills its process."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self._task = resolved(kill_first)
        self._every, self._kills = spec["every"], spec["kills"]
        self._options = Options(spec)

    def publish(self, unit: int, name: Name, producer: Any = None) -> AsyncResult:
        arguments = (unit, self._kills if one_of(self._every, unit) else 0)
        return self._task.apply_async(
            arguments, task_id=name(unit, 0), producer=producer, **self._options.of(unit)
        )

    def expected(self, unit: int) -> Any:
        if one_of(self._every, unit) and self._kills > _runs_again():
            return Failure("WorkerLostError", None)
        return unit


def _runs_again() -> float:
    """How often the app runs a task again that has lost its process (celery/worker/request.py,
    Request.on_failure): a retry has a limit, a message that is put back has none."""
    conf = current_app.conf
    if conf.get("task_retry_on_worker_lost"):  # since Celery 5.7; it goes before the other one
        return MOST_RETRIES
    return float("inf") if conf.task_acks_late and conf.task_reject_on_worker_lost else 0
