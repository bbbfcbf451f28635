"""What is left to do of a run that was broken off, and what of it has to be measured again.

A block is done when it was measured to its end. One that the user or a kill broke off, and one
that could not be measured at all, is measured again: what it had left is set aside, and its record
moves to `broken_off`, so that nothing is lost and no half block is in any figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from harness.errors import RecordError
from harness.results.record.run import BlockRecord, CellRecord, Resumption, RunRecord
from harness.results.store.run_folders import RunFolder

_AFTER: dict[str, Literal["killed", "interrupted", "failed"]] = {
    "running": "killed",
    "partial": "interrupted",
    "failed": "failed",
}


def is_done(block: BlockRecord) -> bool:
    """Whether it need not be measured again. A load that ended by itself has told what it could;
    one that was ended with its twin's has not, and the two are a pair again where both are left."""
    if block.status != "partial":
        return block.status == "complete"
    return block.ended_by_itself and not block.ended_with_twin


def remaining(record: RunRecord) -> tuple[int, ...]:
    """Numbers of the plan's blocks that are still to be measured."""
    done = {block.number for block in record.blocks if is_done(block)}
    return tuple(number for number in range(len(record.order)) if number not in done)


def check_resumable(record: RunRecord) -> None:
    """RecordError for a run of which nothing is left to do."""
    if record.status == "complete":
        raise RecordError(
            f"{record.run_id} is complete: nothing is left to do. To measure it again: "
            f"harness run {record.source}"
        )


def refuse_unlike(differences: Sequence[str], *, force: bool) -> None:
    """RecordError with the differences between what the run began with and what is there now."""
    if differences and not force:
        listed = "".join(f"\n  {line}" for line in differences)
        raise RecordError(
            "what is there now is not what this run was begun with (then / now), and its blocks "
            f"are to be compared with each other:{listed}\n"
            "Put it right, or say --force to go on all the same"
        )


def measured_s(record: RunRecord) -> float:
    """How long the run has measured so far, its pauses left out. Of a killed run the last block
    counts by its window only."""
    last = record.resumptions[-1] if record.resumptions else None
    begin = datetime.fromisoformat(last.at if last else record.started_at)
    before_s = last.measured_s if last else 0.0
    if record.ended_at is not None:
        return before_s + (datetime.fromisoformat(record.ended_at) - begin).total_seconds()
    ends = (
        datetime.fromisoformat(block.started_at) + timedelta(seconds=block.window_s or 0.0)
        for block in record.blocks
        if block.started_at
    )
    return before_s + max(((end - begin).total_seconds() for end in ends), default=0.0)


def taken_up(record: RunRecord, folder: RunFolder, at: str) -> RunRecord:
    """The record as it is when the run goes on: broken-off blocks set aside, on disk too.

    `record` is as stored, with what a kill had left of its last block put in (`salvage`).
    """
    left = remaining(record)
    broken = [_moved(block, folder) for block in record.blocks if block.number in left]
    for number in left:  # begun, and nothing was known of it
        folder.set_aside(number)
    resumption = Resumption(
        at=at,
        after=_AFTER[record.status],
        first_block=left[0] if left else len(record.order),
        measured_s=max(0.0, measured_s(record)),
    )
    return record.model_copy(
        update={
            "status": "running",
            "ended_at": None,
            "cells": tuple(_without(cell, left) for cell in record.cells),
            "resumptions": (*record.resumptions, resumption),
            "broken_off": (*record.broken_off, *broken),
            "gates": (),
            "comparison": None,
        }
    )


def split_rounds(record: RunRecord) -> int:
    """How many repetitions have blocks on both sides of a resumption: their pairs were not
    measured one after the other."""
    first = [resumption.first_block for resumption in record.resumptions]
    times: dict[int, list[int]] = {}
    for block in record.blocks:
        times.setdefault(block.repetition, []).append(block.number)
    return sum(
        any(min(numbers) < border <= max(numbers) for border in first) for numbers in times.values()
    )


def _moved(block: BlockRecord, folder: RunFolder) -> BlockRecord:
    place = folder.set_aside(block.number)
    before = f"blocks/{block.number:03d}"
    files = {name: path.replace(before, place, 1) for name, path in block.files.items() if place}
    return block.model_copy(update={"files": files})


def _without(cell: CellRecord, numbers: tuple[int, ...]) -> CellRecord:
    kept = tuple(block for block in cell.blocks if block.number not in numbers)
    return cell.model_copy(update={"blocks": kept})
