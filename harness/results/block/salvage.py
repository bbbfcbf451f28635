"""Makes a block's record from what a run left that was killed in it: the block's event logs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from harness.results.block.ledger import BlockEnd
from harness.results.block.load_phases import PLAN_FILE, SentPhases, read_plan
from harness.results.block.periodic import kept_schedule
from harness.results.block.summary import Digest, digest
from harness.results.events.merge import merge
from harness.results.events.ran_with import ran_or_planned, reports_in
from harness.results.events.unit_shape import unit_shape
from harness.results.faults.notes import read_notes
from harness.results.faults.of_a_block import aftermath, with_faults
from harness.results.faults.second_runs import FOREVER
from harness.results.record.parts import LogFigures
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.store.liveness import is_being_written
from harness.scenario.files.wording import listed, printable
from harness.scenario.models.faults import FAULT_KINDS

_EVENTS = "events"
"""Folder of a block's event logs, in that of the block."""


def salvaged(folder: Path, record: RunRecord) -> RunRecord:
    """The record of a run, with what its unfinished block had measured if it was broken off:
    by a kill, a second Ctrl-C, a full disk.

    Changes nothing on disk. A run that is still going on, or ended by itself, is returned as
    it is. What was on its way at that moment counts as `timed_out`, not as lost.
    """
    killed = record.status == "running"
    if record.status == "complete" or (killed and is_being_written(folder) is not False):
        return record
    cells = list(record.cells)
    for number in _unfinished(folder, record):
        index = record.order[number]
        cell = cells[index]
        block_folder, shape = _block(folder, number), unit_shape(cell, record.seed)
        events = block_folder / _EVENTS
        merged = merge(events, shape.tasks_per_unit, grouped=shape.grouped, members=shape.members)
        kept = kept_schedule(events, cell.workload, merged)
        end, plan = BlockEnd(cut_short=True), read_plan(block_folder)
        found = digest(merged, shape, end, plan)
        if found.fields["units"]:
            fields, unknown = _with_faults(events, cell, found, plan)
            block = BlockRecord(
                number=number,
                cell=index,
                repetition=record.order[:number].count(index),
                status="partial",
                error=f"the run was {'killed' if killed else 'broken off'} in this block{unknown}",
                started_at="",
                ran_with=reports_in(events),
                periodic=None if kept is None else kept[0],
                **fields,
            )
            cells[index] = cell.model_copy(update={"blocks": (*cell.blocks, block)})
    return record.model_copy(update={"cells": tuple(cells)})


def drop_logs(folder: Path, numbers: Iterable[int]) -> None:
    """Remove what a block of a run could be salvaged from: its record is on disk, and every stamp
    of it is in its samples. Whoever is killed before that leaves a block twice, and loses none."""
    for number in numbers:
        block = _block(folder, number)
        if (block / _EVENTS).exists():
            shutil.rmtree(block / _EVENTS)
        (block / PLAN_FILE).unlink(missing_ok=True)


def _block(folder: Path, number: int) -> Path:
    return folder / "blocks" / f"{number:03d}"


def _with_faults(
    events: Path, cell: CellRecord, found: Digest, plan: SentPhases
) -> tuple[LogFigures, str]:
    """The block's fields with what had been broken in it by then, or words on why nobody tells.
    Whether promises were kept nobody can say: what was on its way did not come to its end."""
    notes, due_ns = read_notes(events), found.merged.units.due_ns
    if unknown := sorted({note.fault for note in notes} - set(FAULT_KINDS)):
        words = listed(f"`{printable(fault)}`" for fault in unknown)
        return found.fields, (
            f". What its faults did is not told: this version does not know {words}. Read the run "
            "with the version, and the plug-ins, that measured it"
        )
    if not notes:
        return found.fields, ""
    end_ns = min(int(due_ns.max()), max((phase.end_ns for phase in plan), default=FOREVER))
    after = aftermath(events, found.merged, notes, (), end_ns)
    ran = ran_or_planned(reports_in(events), cell.config)
    return {**with_faults(found, after, cell.config, ran, 0), "promises": ()}, ""


def _unfinished(folder: Path, record: RunRecord) -> list[int]:
    finished = {block.number for block in record.blocks}
    begun = {int(path.parent.name) for path in folder.glob(f"blocks/[0-9]*/{_EVENTS}")}
    return sorted(number for number in begun - finished if number < len(record.order))
