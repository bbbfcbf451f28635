"""Every kind of workload there is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.scenario.files.kinds import or_bare_name
from harness.scenario.workloads.add import AddWorkload
from harness.scenario.workloads.chain import ChainWorkload
from harness.scenario.workloads.chord import ChordWorkload, NestedWorkload
from harness.scenario.workloads.group import GroupWorkload
from harness.scenario.workloads.heavy_task import HeavyTaskWorkload
from harness.scenario.workloads.many_calls import ChunksWorkload, MapWorkload, StarmapWorkload
from harness.scenario.workloads.own_tasks import NestedOwnTask, OwnTaskWorkload
from harness.scenario.workloads.periodic import PeriodicWorkload
from harness.scenario.workloads.tracking import TrackingWorkload

Workload = Annotated[
    AddWorkload
    | GroupWorkload
    | ChainWorkload
    | HeavyTaskWorkload
    | ChordWorkload
    | NestedWorkload
    | MapWorkload
    | StarmapWorkload
    | ChunksWorkload
    | TrackingWorkload
    | PeriodicWorkload
    | OwnTaskWorkload,
    Field(discriminator="workload"),
]
WorkloadEntry = Annotated[Workload, or_bare_name("workload", Workload, NestedOwnTask)]
"""As it stands in a list: a mapping, or just the name. `own_task_forms` has written out the nested
form of an own task by then."""
