"""The example of every entry point that contributors meet runs, and shows what really comes out."""

from __future__ import annotations

import builtins
import doctest
from collections.abc import Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import celery
import pytest

from harness.crew.clients import Clients
from harness.crew.workers import Workers
from harness.figures import figure
from harness.probe import tasks
from harness.probe.workloads import base as units
from harness.report import registry as exporters
from harness.report.charts import chart
from harness.results.diagnoses import evidence
from harness.results.store.run_folders import read_run
from harness.runner.sessions import session
from harness.scenario.loads import base as loads
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.models import faults
from harness.scenario.models.configuration import Configuration, Worker
from harness.scenario.models.measure import Measure
from harness.scenario.models.scenario import Cell
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.scenario.workloads import base as workloads
from harness.scenario.workloads.add import AddWorkload
from harness.services import base as services

STORED = Path(__file__).parents[1] / "report/stored_runs/own"
ENTRY_POINTS: Mapping[str, ModuleType] = {
    "Driver": services,
    "Namespace": services,
    "Session": session,
    "WorkloadBase": workloads,
    "Workload": units,
    "LoadBase": loads,
    "Figure": figure,
    "FaultKind": faults,
    "Diagnosis": evidence,
    "": exporters,
    "Chart": chart,
}
"""What has an example, and where it stands; an exporter is a function, told of by its module."""


def one_slot() -> evidence.Evidence:
    """What is known of a block before anything of it was measured."""
    configuration = Configuration.model_construct(
        name="c",
        broker=RedisBroker(service="redis"),
        backend=RedisBackend(service="redis"),
        settings={},
        worker=Worker(concurrency=1),
    )
    cell = Cell.model_construct(
        name="x",
        configuration=configuration,
        workload=AddWorkload(workload="add"),
        load=ClosedLoad(load="closed"),
        measure=Measure(units=1),
    )
    nothing: Any = None
    return evidence.Evidence(cell, digest=nothing, shape=nothing)


def _example(name: str) -> doctest.DocTest:
    module = ENTRY_POINTS[name]
    owner = getattr(module, name) if name else module
    given = {"record": read_run(STORED), "folder": STORED} if not name else {}
    if name == "Diagnosis":
        given = {"evidence": one_slot()}
    names = {**vars(module), **given}
    found = doctest.DocTestParser().get_doctest(
        owner.__doc__ or "", names, name, module.__file__, 0
    )
    assert found.examples, f"{module.__name__}.{name} has no example"
    return found


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_an_example_runs(name: str) -> None:
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(
        _example(name), out=told.append
    )
    assert result.failed == 0, "".join(told)


@pytest.mark.parametrize(
    ("name", "made", "method", "others"),
    [
        ("Session", "UnwatchedSession", "load", (session.Session, Workers, Clients)),
        ("Workload", "Successor", "publish", (units.OneResult, tasks, celery.Task)),
    ],
)
def test_what_needs_a_server_names_only_what_is_there(
    name: str, made: str, method: str, others: tuple[object, ...]
) -> None:
    example = _example(name)
    doctest.DocTestRunner().run(example, clear_globs=False)
    code: CodeType = getattr(example.globs[made], method).__code__
    known = {*vars(ENTRY_POINTS[name]), *example.globs, *dir(builtins)}.union(*map(dir, others))
    known |= set(session.Session.__init__.__code__.co_names)
    known |= set(example.globs[made].__init__.__code__.co_names)
    assert set(code.co_names) <= known
