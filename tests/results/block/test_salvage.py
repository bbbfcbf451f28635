"""A block whose run was killed, read from what it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.results.block.salvage import salvaged
from harness.results.faults.notes import write_notes
from harness.results.record.run import BlockRecord
from tests.report.made import records
from tests.results.block.divided_blocks import CONFIG as DIVIDED
from tests.results.block.divided_blocks import FAST_CHILD, Divided
from tests.results.faults.made_blocks import CONFIG, MadeBlock, note


def read(folder: Path, **written_later: Any) -> BlockRecord:
    """The one block of a run that was killed after its broker had been; `written_later`: what
    another version wrote of the fault."""
    events = folder / "blocks" / "000" / "events"
    events.mkdir(parents=True)
    block = MadeBlock()
    for number in range(40):
        block.done(number / 10)
    block.unit(3.99)
    block.write(events)
    write_notes(events, [note("kill_broker", 3.95)])
    kept = json.loads((events / "faults.json").read_text())
    (events / "faults.json").write_text(json.dumps([{**kept[0], **written_later}]))
    cell = records.cell("redis/add/rate-10")
    cell = cell.model_copy(update={"config": {**cell.config, **CONFIG}})
    killed = records.run(cell, planned=1, status="running")
    (found,) = salvaged(folder, killed).blocks
    return found


def test_a_killed_run_tells_its_queues_and_groups(tmp_path: Path) -> None:
    events = tmp_path / "blocks" / "000" / "events"
    events.mkdir(parents=True)
    block = Divided()
    for number in range(4):
        block.done(number, number + 0.01, number + 0.02, number + 0.03, "urgent", FAST_CHILD)
    block.unit(4)
    block.write(events)
    cell = records.cell("redis/add/rate-10")
    workload = {"workload": "add", "options": {"queue": "urgent"}}
    cell = cell.model_copy(
        update={"config": {**CONFIG, **DIVIDED, "name": "redis"}, "workload": workload}
    )
    (found,) = salvaged(tmp_path, records.run(cell, planned=1, status="running")).blocks
    urgent = {one.name: one for one in found.by_queue}["urgent"]
    assert (urgent.published, urgent.received, urgent.outcomes.timed_out) == (5, 4, 1)
    assert {one.name: one.tasks for one in found.by_group} == {"fast": 4, "slow": 0}


def test_a_fault_of_a_kind_that_is_gone_is_named(tmp_path: Path) -> None:
    """Of a newer version, or of a plug-in: the block is told without it."""
    found = read(tmp_path, fault="freeze_disk")
    assert (found.units, found.outcomes.ok, found.faults) == (41, 40, ())
    assert found.error == (
        "the run was killed in this block. What its faults did is not told: this version does not "
        "know `freeze_disk`. Read the run with the version, and the plug-ins, that measured it"
    )


@pytest.mark.parametrize("later", [{}, {"blast_radius": 3}])
def test_a_fault_that_is_known_is_told(tmp_path: Path, later: dict[str, Any]) -> None:
    """Also where a newer version wrote more of it."""
    found = read(tmp_path, **later)
    assert [fault.fault for fault in found.faults] == ["kill_broker"]
    assert found.error == "the run was killed in this block"
