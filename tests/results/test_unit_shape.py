"""What the results say of a cell's shape is what its client does."""

from __future__ import annotations

import pytest

from harness.probe.workloads.registry import WORKLOADS
from harness.results.events.unit_shape import unit_shape
from harness.results.record.run import CellRecord
from harness.scenario.workloads.base import WorkloadBase
from harness.scenario.workloads.canvas import (
    ChordWorkload,
    ChunksWorkload,
    MapWorkload,
    NestedWorkload,
    StarmapWorkload,
)
from harness.scenario.workloads.models import (
    AddWorkload,
    ChainWorkload,
    GroupWorkload,
    HeavyTaskWorkload,
)
from harness.scenario.workloads.tracking import TrackingWorkload


@pytest.mark.parametrize(
    ("workload", "tasks", "sequential", "grouped"),
    [
        (AddWorkload(workload="add"), 1, False, False),
        (HeavyTaskWorkload(workload="heavy_task", n=50), 1, False, False),
        (GroupWorkload(workload="group"), 2, False, True),
        (GroupWorkload(workload="group", size=7), 7, False, True),
        (ChainWorkload(workload="chain"), 2, True, False),
        (ChainWorkload(workload="chain", length=5), 5, True, False),
        (ChordWorkload(workload="chord", size=4), 5, False, False),
        (NestedWorkload(workload="nested", size=4), 6, False, False),
        (MapWorkload(workload="map", size=4), 1, False, False),
        (StarmapWorkload(workload="starmap", size=4), 1, False, False),
        (ChunksWorkload(workload="chunks", size=25, chunk=10), 3, False, True),
        (ChunksWorkload(workload="chunks", size=20, chunk=10), 2, False, True),
        (TrackingWorkload(workload="tracking"), 1, False, False),
    ],
)
def test_tasks_of_a_unit_are_those_the_client_publishes(
    workload: WorkloadBase, tasks: int, sequential: bool, grouped: bool
) -> None:
    """Every event's place rests on this number; client and harness each have their own."""
    fields = workload.model_dump(mode="json", exclude={"measure"})
    shape = unit_shape(cell_of(workload))
    assert shape.tasks_per_unit == tasks
    assert (shape.sequential, shape.grouped) == (sequential, grouped)
    own = fields | {"sleep": 0.01} if fields["workload"] == "heavy_task" else fields
    assert WORKLOADS[fields["workload"]](own).tasks_per_unit == tasks
    assert sum(shape.steps or (tasks,)) == tasks


@pytest.mark.parametrize(
    ("workload", "steps"),
    [
        (ChainWorkload(workload="chain", length=5), ()),
        (GroupWorkload(workload="group", size=7), ()),
        (ChordWorkload(workload="chord", size=4), (4, 1)),
        (NestedWorkload(workload="nested", size=4), (1, 4, 1)),
    ],
)
def test_steps(workload: WorkloadBase, steps: tuple[int, ...]) -> None:
    assert unit_shape(cell_of(workload)).steps == steps


@pytest.mark.parametrize(
    ("workload", "calls"),
    [
        (AddWorkload(workload="add"), 1.0),
        (GroupWorkload(workload="group", size=7), 1.0),
        (MapWorkload(workload="map", size=4), 4.0),
        (StarmapWorkload(workload="starmap", size=12), 12.0),
        (ChunksWorkload(workload="chunks", size=25, chunk=10), 25 / 3),
    ],
)
def test_calls_of_a_message(workload: WorkloadBase, calls: float) -> None:
    assert unit_shape(cell_of(workload)).calls_per_task == calls


def cell_of(workload: WorkloadBase) -> CellRecord:
    return CellRecord(
        name="x",
        config={"backend": {"service": "redis"}, "settings": {}},
        axes={},
        workload=workload.model_dump(mode="json", exclude={"measure"}),
        load={"load": "closed"},
        measure={},
    )
