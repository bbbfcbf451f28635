"""What publishes and checks the units of a cell's workload, by its name in the cell spec."""

from __future__ import annotations

from importlib import import_module

from harness.probe.spoken import WorkloadSpec
from harness.probe.workloads.base import Workload


def units_of(workload: WorkloadSpec) -> Workload:
    """Made of a cell spec's `workload`, whose `units` names the class as `module:Class`. The rows
    are those of `scenario.workloads.registry`."""
    module, _, name = workload["units"].partition(":")
    made: Workload = getattr(import_module(module), name)(workload)
    return made


def import_tasks(workload: WorkloadSpec) -> None:
    """Import the module of its units, which may define tasks of its own, for a worker; and those of
    the parts of a mix."""
    for one in (workload, *workload.get("parts", ())):
        import_module(one["units"].partition(":")[0])
