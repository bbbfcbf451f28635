"""What the results say of a cell's shape is what its client does."""

from __future__ import annotations

from typing import Any

import pytest

from harness.probe.workloads.registry import units_of
from harness.results.events.unit_shape import unit_shape
from harness.results.record.run import CellRecord
from harness.scenario.workloads.add import AddWorkload
from harness.scenario.workloads.base import WorkloadBase
from harness.scenario.workloads.chain import ChainWorkload
from harness.scenario.workloads.chord import ChordWorkload, NestedWorkload
from harness.scenario.workloads.group import GroupWorkload
from harness.scenario.workloads.heavy_task import HeavyTaskWorkload
from harness.scenario.workloads.many_calls import ChunksWorkload, MapWorkload, StarmapWorkload
from harness.scenario.workloads.registry import spec_of
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
    shape = unit_shape(cell_of(workload))
    assert shape.tasks_per_unit == tasks
    assert (shape.sequential, shape.grouped) == (sequential, grouped)
    units = units_of(spec_of(workload))
    assert (units.tasks_per_unit, units.joins) == (tasks, grouped)
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
    return record(workload.model_dump(mode="json", exclude={"measure"}), {"load": "closed"})


def record(workload: dict[str, Any], load: dict[str, Any]) -> CellRecord:
    return CellRecord(
        name="x",
        config={"backend": {"service": "redis"}, "settings": {}},
        axes={},
        workload=workload,
        load=load,
        measure={},
    )


@pytest.mark.parametrize(
    ("workload", "load", "steps", "watched"),
    [
        ({"workload": "nested"}, {"load": "rate"}, (1, 10, 1), True),
        ({"workload": "nested", "size": 4, "of_old": 1}, {"load": "backlog"}, (1, 4, 1), False),
        ({"workload": "chord", "size": 1}, {"load": "saturate", "senders": 999}, (), True),
        ({"workload": "nested", "size": 10**5}, {"load": "schedule"}, (1, 10**5, 1), False),
        ({"workload": "somebody's", "size": 4}, {"load": "theirs"}, (), False),
        ({}, {}, (), False),
    ],
)
def test_records_of_other_versions_are_understood_as_far_as_possible(
    workload: dict[str, Any], load: dict[str, Any], steps: tuple[int, ...], watched: bool
) -> None:
    """Fields that they lack, had, or held what is refused today; kinds that are not known here."""
    options = {"priority": [0, 9], "countdown": 5}
    shape = unit_shape(record({**workload, "options": options}, load))
    assert (shape.steps, shape.watched) == (steps, watched)
    assert shape.tasks_per_unit == (sum(steps) or {"chord": 2}.get(workload.get("workload", ""), 1))
    assert (shape.priorities, shape.countdown_s) == ((0, 9), 5.0)


def test_entries_of_a_mix_once_had_a_measure() -> None:
    mix = [
        {"task": "a.b", "measure": {}, "weight": 2},
        {"task": "a.c", "options": {"countdown": 1}},
    ]
    found = unit_shape(record({"workload": "task", "app": "a", "mix": mix}, {"load": "closed"}))
    assert found.mix is not None
    assert found.mix.labels == ("a.b", "a.c")
    assert found.mix.countdowns_s == (0.0, 1.0)
    assert sorted(found.mix.slots[:3]) == [0, 0, 1]
