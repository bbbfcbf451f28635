"""Every workload by its name in the cell spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.probe.workloads.add import Add
from harness.probe.workloads.base import Workload
from harness.probe.workloads.chain import Chain
from harness.probe.workloads.chord import Chord, Nested
from harness.probe.workloads.group import Group
from harness.probe.workloads.heavy_task import HeavyTask
from harness.probe.workloads.many_calls import Chunks, Map, Starmap
from harness.probe.workloads.own_tasks import OwnTasks
from harness.probe.workloads.periodic import Periodic
from harness.probe.workloads.tracking import Tracking

WORKLOADS: Mapping[str, Callable[[dict[str, Any]], Workload]] = {
    "add": Add,
    "group": Group,
    "chain": Chain,
    "heavy_task": HeavyTask,
    "task": OwnTasks,
    "periodic": Periodic,
    "chord": Chord,
    "nested": Nested,
    "map": Map,
    "starmap": Starmap,
    "chunks": Chunks,
    "tracking": Tracking,
}
"""Name -> what makes the workload of its fields."""
