"""The Celery application of one cell, built from the cell spec.

Loaded by `celery -A harness.probe.app worker` and by the client. The spec is a JSON file
named by the environment variable HARNESS_CELL_SPEC; it may hold credentials.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery

from harness.probe import attach, schedules, tasks
from harness.probe.app_variables import ROLE_VARIABLE, SPEC_VARIABLE


def load_spec() -> dict[str, Any]:
    """The cell spec: `settings`, `workload`, `load`, `events` and `modules` (folders), ...
    `schedule` only where beat publishes."""
    spec: dict[str, Any] = json.loads(Path(os.environ[SPEC_VARIABLE]).read_text(encoding="utf-8"))
    return spec


def build(spec: dict[str, Any]) -> Celery:
    """The app with the tutorial's tasks and the cell's settings, for every thread to use."""
    application = Celery("tasks")
    # "Current" holds for one thread only; shared tasks of other threads go to the default app.
    application.set_default()
    application.conf.update(spec["settings"])
    tasks.HEAVY_STEP_S = spec["heavy_step_s"]
    if spec.get("schedule") is not None:
        application.conf.beat_schedule = schedules.entries(spec["workload"])
    application.finalize()
    return application


_spec = load_spec()
if _spec.get("modules"):  # last, so that nothing in that folder hides an installed package
    sys.path.append(_spec["modules"])
app = build(_spec)
if os.environ.get(ROLE_VARIABLE) == "worker":
    attach.to_worker(app, _spec["events"])
