"""What a client and its workers are told: one JSON file, named in their environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from harness.probe.app_variables import ROLE_VARIABLE, SPEC_VARIABLE
from harness.scenario.capabilities import stores_results
from harness.scenario.models import Cell
from harness.scenario.workload_models import HeavyTaskWorkload

DEFAULT_HEAVY_STEP_S = 0.01


def write(
    path: Path,
    cell: Cell,
    settings: Mapping[str, Any],
    events: Path,
    modules: Path | None = None,
    schedule: Mapping[str, str] | None = None,
) -> None:
    """Write the cell spec with mode 0600: the settings hold URLs with credentials.

    `modules` is where modules that the settings import are looked for, after all else; `schedule`
    is what beat has to know.
    """
    heavy = cell.workload
    spec = {
        "settings": dict(settings),
        "modules": None if modules is None else str(modules),
        "events": str(events.absolute()),  # its readers may run in another folder
        "workload": heavy.model_dump(exclude={"measure", "loads"}),
        "load": cell.load.model_dump(exclude={"measure"}),
        "warmup": cell.measure.warmup,
        "units": cell.measure.units,
        "duration_s": cell.measure.duration,
        "timeout_s": cell.measure.timeout,
        "schedule": schedule,
        "stores_results": stores_results(cell.configuration),
        "heavy_step_s": heavy.sleep
        if isinstance(heavy, HeavyTaskWorkload)
        else DEFAULT_HEAVY_STEP_S,
    }
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(spec, file)


def environ_for(
    role: Literal["worker", "client", "observer", "beat"], spec: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a client, worker, observer or beat.

    Variables that Celery itself reads are taken out: CELERY_BROKER_URL, for one, silently
    beats every configured broker. Temporary files go beside the spec, into the run's own folder:
    a prefork worker makes a folder of them, and leaves it behind when it is killed.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith("CELERY_")}
    return kept | {
        SPEC_VARIABLE: str(spec),
        ROLE_VARIABLE: role,
        "TMPDIR": str(spec.parent),
        "PYTHONUNBUFFERED": "1",
    }
