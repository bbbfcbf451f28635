"""Twins, one of which cannot go on, and what is left where their records are not written: pure."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from harness.cli.verdict import was_interrupted
from harness.results.block.salvage import drop_logs, salvaged
from harness.results.record.run import BlockRecord, BlockStatus
from harness.results.store.continuing import is_done
from harness.results.store.run_folders import RunFolder
from harness.runner.ahead import BlockStart
from harness.runner.block_record import record_block
from harness.runner.job import BlockJob
from harness.runner.sessions.in_turns import TurnsSession
from harness.runner.sessions.session import Measured
from harness.runner.slices import OfTime, Slice
from harness.runner.twins import put_on
from harness.scenario.models.scenario import Cell
from harness.scenario.plan.loader import load_plan
from harness.services.provide import Services
from harness.workspace import Workspace
from tests.report.made import records
from tests.results.faults.made_blocks import SHAPE, MadeBlock
from tests.runner.running import ROOT

UNITS = 4
WHOLE = Measured(slice_s=0.25)


class Side(TurnsSession):
    """One that goes on for so many slices, and says how many it has had."""

    def __init__(self, lasts: int) -> None:
        self.had, self._lasts = 0, lasts

    def slice(self, one: Slice) -> None:  # noqa: ARG002 - its signature
        self.had += 1

    @property
    def gave_up(self) -> bool:
        return self.had >= self._lasts

    def may_go_on(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("lasts", "had", "whole"),
    [
        ((9, 9), [4, 4], [0, 1]),
        ((2, 9), [2, 2], []),  # AB BA: it gives up at the end of its second
        ((9, 2), [1, 2], []),
        ((9, 4), [3, 4], [1]),  # the last slice of B, and none of A after it
        ((4, 9), [4, 4], [0, 1]),
    ],
)
def test_of_twins_that_one_cannot_go_on_with_no_slice_counts_that_was_not_put_on(
    lasts: tuple[int, int], had: list[int], whole: list[int]
) -> None:
    starts = [BlockStart(cast(BlockJob, None), cast(Services, None)) for _ in lasts]
    sides = [Side(one) for one in lasts]
    done = put_on(list(zip(starts, sides, strict=True)), OfTime(1.0, 0.25))
    assert [side.had for side in sides] == had
    assert [start in done for start in starts] == [index in whole for index in (0, 1)]


def cell() -> Cell:
    return load_plan(ROOT / "scenarios/smoke.yaml", environ={}).cells[0]


def block(folder: RunFolder, number: int, measured: Measured) -> BlockRecord:
    """One whose logs were made by hand."""
    place = cast(Workspace, None)  # no process is told anything
    job = BlockJob(number, 0, 0, cell(), SHAPE, f"twin-{number}", folder, place, {})
    job.events.mkdir(parents=True)
    (job.path / "logs").mkdir()
    made = MadeBlock()
    for unit in range(UNITS):
        made.done(unit)
    made.write(job.events)
    return record_block(job, measured, "2026-12-01T00:00:00.000+00:00", {}, lambda text: text)


@pytest.mark.parametrize(
    ("measured", "status", "told"),
    [
        (WHOLE, "complete", []),
        (replace(WHOLE, not_all_put_on=True), "partial", ["twins_ended"]),
        (replace(WHOLE, not_all_put_on=True, gave_up=True), "partial", ["gave_up"]),
        (replace(WHOLE, not_all_put_on=True, cut_short=True), "partial", []),
    ],
)
def test_a_block_of_which_slices_are_missing_is_partial_and_says_why(
    tmp_path: Path, measured: Measured, status: BlockStatus, told: list[str]
) -> None:
    """No interruption by the user: exit code and resumption know it for what it is. What ended with
    its twin is measured again with it."""
    with closing(RunFolder.create(tmp_path, "run")) as folder:
        found = block(folder, 0, measured)
    codes = {one.code for one in found.warnings}
    assert (found.status, found.slice_s, found.units) == (status, 0.25, UNITS)
    assert sorted(codes & {"twins_ended", "gave_up"}) == told
    made = records.cell("redis/add/closed-8", found)
    assert was_interrupted(records.run(made, status=found.status)) is measured.cut_short
    assert is_done(found) is (status == "complete" or told == ["gave_up"])


def test_what_was_measured_is_on_disk_until_its_record_is(tmp_path: Path) -> None:
    """A kill or a full disk between the records of twins: the first one's logs are still there, and
    so is what both measured."""
    with closing(RunFolder.create(tmp_path, "run")) as folder:
        whole = [block(folder, number, WHOLE) for number in (0, 1)]
    cells = [records.cell(f"{name}/add/closed-8") for name in ("base", "head")]
    broken = records.run(*cells, status="failed")
    found = salvaged(folder.path, broken)
    assert [(one.number, one.status, one.units) for one in found.blocks] == [
        (number, "partial", UNITS) for number in (0, 1)
    ]
    drop_logs(folder.path, [0, 1])
    drop_logs(folder.path, [0, 1])
    assert salvaged(folder.path, broken).blocks == ()
    kept = [folder.path / one.files["units"] for one in whole]
    assert all(path.is_file() for path in kept), "the samples stay"
