"""Every workload by its name in the cell spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.probe.workloads.canvas import CANVAS
from harness.probe.workloads.tracking import Tracking
from harness.probe.workloads.tutorial import WORKLOADS as TUTORIAL
from harness.probe.workloads.tutorial import Workload

WORKLOADS: Mapping[str, Callable[[dict[str, Any]], Workload]] = {
    **TUTORIAL,
    **CANVAS,
    "tracking": Tracking,
}
"""Name -> what makes the workload of its fields."""
