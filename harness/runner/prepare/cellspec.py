"""What a client and its workers are told: one JSON file, named in their environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from harness.environments.interpreter import OWN, Interpreter
from harness.probe.app_variables import ROLE_VARIABLE, SHELL_VARIABLE, SPEC_VARIABLE
from harness.probe.spoken import CelerySettings, CellSpec, OwnAppSpec, OwnTasksSpec, ScheduleSpec
from harness.scenario.checks.combinations import stores_results
from harness.scenario.loads import registry as loads
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.queues import keeps_queues_of_app
from harness.scenario.models.scenario import Cell
from harness.scenario.settings.celery_sets import MEASURED
from harness.scenario.workloads import registry as workloads
from harness.scenario.workloads.own_tasks import OwnTaskWorkload
from harness.services.base import TaskQueue

DEFAULT_HEAVY_STEP_S = 0.01
Role = Literal["worker", "client", "observer", "beat"]
"""Who is told something by a cell spec."""
_READ_BY_CELERY = ("APP", "BROKER_URL", "RESULT_BACKEND", "LOADER", "CONFIG_MODULE")
"""Variables that options of the `celery` command take their values from."""


def write(
    path: Path,
    cell: Cell,
    settings: Mapping[str, Any],
    events: Path,
    interpreter: Interpreter = OWN,
    seed: int = 0,
    schedule: ScheduleSpec | None = None,
    queues: Sequence[TaskQueue] = (),
) -> None:
    """Write the cell spec with mode 0600: the settings hold URLs with credentials.

    `interpreter` says where modules and an app of the user's are looked for; what units differ in
    is drawn from `seed`; `schedule` is what beat has to know; `queues`: where there are several.
    """
    modules = interpreter.modules
    workload, step_s = cell.workload, cell.workload.heavy_step_s
    spec: CellSpec = {
        "settings": with_rate_limits(settings, workload.rate_limits),
        "modules": None if modules is None else str(modules),
        "events": str(events.absolute()),  # its readers may run in another folder
        "packages": MEASURED,
        "workload": workloads.spec_of(workload, seed),
        "load": loads.spec_of(cell.load),
        "warmup": cell.measure.warmup,
        "units": cell.measure.units,
        "duration_s": cell.measure.duration,
        "timeout_s": cell.unit_limit_s,
        "schedule": schedule,
        "stores_results": stores_results(cell.configuration),
        "heavy_step_s": DEFAULT_HEAVY_STEP_S if step_s is None else step_s,
    }
    if queues:
        spec["queues"] = [
            {"name": one.name, "called": one.called, "arguments": one.options.declared_with()}
            for one in queues
        ]
    if isinstance(workload, OwnTaskWorkload):
        project = interpreter.project or Path.cwd()
        own = own_app(workload, project, seed, kept_queues(cell.configuration))
        spec["app"], spec["workload"] = own["app"], own["workload"]
        if "accept_content" not in cell.configuration.settings:  # it was only added to: see own_app
            spec["settings"] = {k: v for k, v in settings.items() if k != "accept_content"}
    write_private(path, spec)


KeptQueues = tuple[tuple[str, ...], ...]
"""Where queues of an app are kept, those that each group of workers is asked to consume."""


def kept_queues(configuration: Configuration) -> KeptQueues | None:
    """None where the app's queues are not kept."""
    if not keeps_queues_of_app(configuration):
        return None
    return tuple(group.queues for group in configuration.groups.values())


def with_rate_limits(settings: Mapping[str, Any], limits: Mapping[str, str]) -> CelerySettings:
    """The settings, and by `task_annotations` the rate limits of tasks. Celery takes the first
    annotation of a task, so what the configuration says of it is taken along."""
    if not limits:
        return dict(settings)
    said = settings.get("task_annotations") or []
    said = list(said) if isinstance(said, list | tuple) else [said]

    def of(task: str) -> CelerySettings:
        return next((dict(one[task]) for one in said if isinstance(one, dict) and task in one), {})

    own = {task: of(task) | {"rate_limit": rate} for task, rate in limits.items()}
    return {**settings, "task_annotations": [own, *said]}


def own_app(
    workload: OwnTaskWorkload, project: Path, seed: int, kept: KeptQueues | None = None
) -> OwnTasksSpec:
    """What is said of an app of the user's and its tasks: `app` and `workload`."""
    app: OwnAppSpec = {"name": workload.app, "project": str(project.absolute())}
    if kept is not None:
        app |= {"keeps_queues": True, "groups": kept}
    return {"app": app, "workload": workloads.spec_of(workload, seed)}


def write_private(path: Path, spec: Mapping[str, object]) -> None:
    """Write a new file with mode 0600."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(spec, file)


def environ_for(role: Role, spec: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a client, worker, observer or beat.

    Variables that Celery itself reads are taken out: CELERY_BROKER_URL, for one, silently
    beats every configured broker, and so does BROKER_URL for `celery worker`. They are kept for an
    app of the user's own, which may need some of them: see `probe.own_app.application`. Temporary
    files go beside the spec, into the run's own folder: a prefork worker makes a folder of them,
    and leaves it behind when it is killed.
    """
    taken = {
        name: value
        for name, value in environ.items()
        if name.startswith("CELERY_") or name in _READ_BY_CELERY
    }
    kept = {name: value for name, value in environ.items() if name not in taken}
    return kept | {
        SPEC_VARIABLE: str(spec),
        ROLE_VARIABLE: role,
        SHELL_VARIABLE: json.dumps(taken),
        "TMPDIR": str(spec.parent),
        "PYTHONUNBUFFERED": "1",
    }
