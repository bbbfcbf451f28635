"""What the results say of a cell's shape is what its client does."""

from __future__ import annotations

import pytest

from harness.probe.registry import WORKLOADS
from harness.results.record import CellRecord
from harness.results.shape import shape_of
from harness.scenario.workload_base import WorkloadBase
from harness.scenario.workload_models import (
    AddWorkload,
    ChainWorkload,
    GroupWorkload,
    HeavyTaskWorkload,
)


@pytest.mark.parametrize(
    ("workload", "tasks", "sequential", "grouped"),
    [
        (AddWorkload(workload="add"), 1, False, False),
        (HeavyTaskWorkload(workload="heavy_task", n=50), 1, False, False),
        (GroupWorkload(workload="group"), 2, False, True),
        (GroupWorkload(workload="group", size=7), 7, False, True),
        (ChainWorkload(workload="chain"), 2, True, False),
        (ChainWorkload(workload="chain", length=5), 5, True, False),
    ],
)
def test_tasks_of_a_unit_are_those_the_client_publishes(
    workload: WorkloadBase, tasks: int, sequential: bool, grouped: bool
) -> None:
    """Every event's place rests on this number; client and harness each have their own."""
    fields = workload.model_dump(mode="json", exclude={"measure"})
    cell = CellRecord(
        name="x",
        config={"backend": {"service": "redis"}, "settings": {}},
        axes={},
        workload=fields,
        load={"load": "closed"},
        measure={},
    )
    shape = shape_of(cell)
    assert shape.tasks_per_unit == tasks
    assert (shape.sequential, shape.grouped) == (sequential, grouped)
    own = fields | {"sleep": 0.01} if fields["workload"] == "heavy_task" else fields
    assert WORKLOADS[fields["workload"]](own).tasks_per_unit == tasks
