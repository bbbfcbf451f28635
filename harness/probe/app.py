"""The Celery application of one cell, built from the cell spec.

Loaded by `celery -A harness.probe.app worker` and by the client. The spec is a JSON file
named by the environment variable HARNESS_CELL_SPEC; it may hold credentials.
"""

from __future__ import annotations

import os
import sys

from celery import Celery

from harness.probe import idle_waits, queues, tasks
from harness.probe.answers import keep_output_apart
from harness.probe.app_variables import RECORDER_VARIABLE, ROLE_VARIABLE, load_spec
from harness.probe.own_app import application as own_app
from harness.probe.recording import attach
from harness.probe.recording.handlers import Handlers
from harness.probe.spoken import CellSpec
from harness.probe.workloads import periodic
from harness.probe.workloads.registry import import_tasks


def build(spec: CellSpec) -> Celery:
    """The app with the tutorial's tasks and the cell's settings, for every thread to use; or the
    user's own, with those settings."""
    if os.environ.get(ROLE_VARIABLE) != "worker":  # modules of the user's may print
        keep_output_apart()
    if "app" in spec:
        return own_app.build(spec)
    application = Celery("tasks")
    # "Current" holds for one thread only; shared tasks of other threads go to the default app.
    application.set_default()
    application.conf.update(spec["settings"])
    queues.declare(application, spec.get("queues", ()))
    tasks.HEAVY_STEP_S = spec["heavy_step_s"]
    if spec.get("schedule") is not None:
        application.conf.beat_schedule = periodic.entries(spec["workload"])
    import_tasks(spec["workload"])
    application.finalize()
    return application


_spec = load_spec()
if _modules := _spec.get("modules"):  # last: nothing in that folder hides an installed package
    sys.path.append(_modules)
# Before an app is imported: its handlers may raise while it is.
_records = os.environ.get(RECORDER_VARIABLE) != "off"
handlers = Handlers() if _records else None
app = build(_spec)
if os.environ.get(ROLE_VARIABLE) == "worker":
    idle_waits.cut_short()
    _own = _spec["workload"].get("parts", ()) if "app" in _spec else ()
    _tasks = [part["task"] for part in _own]
    _queues = _spec.get("queues", ())
    attach.to_worker(app, _spec["events"], _spec["packages"], _tasks, handlers, _queues)
