"""A block's samples as arrays, read from the files that `harness run` left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import RecordError
from harness.results.record.run import BlockRecord, RunRecord
from harness.results.samples.reading import Columns, SampleReader
from harness.selftest.accomplices.log import LOG_FILE

Confession = Mapping[str, Any]
"""A line of the accomplice's: what it did, and to which task."""


@dataclass(frozen=True)
class Taken:
    """One measured block and all that is known of it from other sources."""

    broker: str
    """`redis` or `rabbitmq`."""
    record: RunRecord
    """The whole run's."""
    folder: Path
    """Folder of the run."""
    block: BlockRecord
    units: Columns
    """Of units.parquet, in order of `unit`. Times are CLOCK_MONOTONIC ns, durations ns."""
    tasks: Columns
    """Of tasks.parquet, in order of `unit` and `position`."""
    confessed: tuple[Confession, ...] = ()
    """What the workers' accomplice wrote down."""
    planted: Any = None
    """What was done to the block while it ran."""


def taken(broker: str, record: RunRecord, folder: Path, planted: Any) -> Taken:
    """Read the one block of a run."""
    (block,) = record.blocks
    return Taken(
        broker=broker,
        record=record,
        folder=folder,
        block=block,
        units=_read(folder, block, "units"),
        tasks=_read(folder, block, "tasks"),
        confessed=_confessions(folder / Path(block.files["units"]).parent / LOG_FILE),
        planted=planted,
    )


def _read(folder: Path, block: BlockRecord, name: str) -> Columns:
    with SampleReader(folder) as reader:
        columns = reader.columns(f"SELECT * FROM read_parquet(${name})", [block], name)  # noqa: S608 - one of two names
    if columns is None:
        raise RecordError(f"the {name} of block {block.number} in {folder} cannot be read")
    return columns


def _confessions(path: Path) -> tuple[Confession, ...]:
    if not path.exists():
        return ()
    return tuple(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
