"""One call of each task that could be guessed, to see whether they run: by a real worker, on a
server of the harness' own."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.init.files import Project
from harness.results.record.run import BlockRecord
from harness.runner.run import RunOptions, run
from harness.runner.telling.courier import Nobody
from harness.scenario.plan.loader import load_plan
from harness.units import format_duration

_TIMEOUT_S = 20
_CONFIGURATIONS: Mapping[str, Mapping[str, Any]] = {
    "redis": {"broker": {"service": "redis"}, "backend": {"service": "redis"}},
    "rabbitmq": {"broker": {"service": "rabbitmq"}, "backend": {"service": "rpc"}},
}


@dataclass(frozen=True)
class Called:
    """What came of the calls."""

    sentences: tuple[str, ...]
    """One for each task, or for all that failed."""
    failed: frozenset[str]
    """Names of those whose own code raised."""


def call(project: Project, environ: Mapping[str, str]) -> Called:
    """Run every task twice at most: once to see whether it works, as before each measuring, and
    once more with its time taken, if all of them did. Each has 20 s. HarnessError where no worker
    or server starts; KeyboardInterrupt."""
    configuration = project.configurations[0]
    celery = {} if project.python is None else {"celery": {"python": str(project.python)}}
    one = {"name": configuration, **_CONFIGURATIONS[configuration], **celery}
    scenario = {
        "name": "tasks-call",
        "configurations": [one],
        "workloads": [{"workload": _work(project)}],
        "loads": [{"load": "closed", "in_flight": 1}],
        "measure": {"units": len(project.measured), "warmup": 0, "timeout": _TIMEOUT_S},
    }
    with tempfile.TemporaryDirectory(prefix="harness-init-") as folder:
        path = Path(folder) / "tasks-call.yaml"
        path.write_text(yaml.safe_dump(scenario), encoding="utf-8")
        plan = load_plan(path, environ=environ)
        options = RunOptions(None, Path("results"), 0, project.home, environ, kept=False)
        record, _ = run(plan, options, Nobody())
    if record.status == "partial" or not record.blocks:
        raise KeyboardInterrupt
    return _told(record.blocks[0])


def _work(project: Project) -> Mapping[str, object]:
    mix = [
        {"task": one.task.name, "args": [*one.args], "kwargs": dict(one.kwargs)}
        for one in project.measured
    ]
    return {"app": project.app, "project": str(project.home), "mix": mix}


def _told(block: BlockRecord) -> Called:
    if block.status == "failed":
        said, _, _ = block.error.partition("; see the worker's log")
        none = "" if block.failing else "none could be called: "
        return Called((f"{none}{said}",), frozenset(block.failing))
    sentences = []
    for one in block.by_task:
        ended = {name: n for name, n in one.outcomes.model_dump().items() if n and name != "ok"}
        words = ", ".join(f"{n} {name}" for name, n in ended.items())
        took = "" if one.run_s.p50 is None else f", ran for {format_duration(one.run_s.p50)}"
        sentences.append(f"{one.task}: {words or 'ok'}{took}")
    return Called(tuple(sentences), frozenset())
