"""A block second by second, as it was stored: see `timeline` for how it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.results.record.run import BlockRecord
from harness.results.samples.reading import SampleReader


@dataclass(frozen=True)
class Seconds:
    """Whole intervals of a block; the last one, which the block's end cut short, is not among
    them."""

    interval_s: float
    completed_per_s: Sequence[float]
    waiting: Sequence[float]
    """Tasks published and not received, at the end of each."""


def stored_timeline(folder: Path, block: BlockRecord) -> Seconds | None:
    """None if there is none, if it cannot be read, or if it has no two whole intervals."""
    query = "SELECT t_s, completed, waiting FROM read_parquet($timeline) ORDER BY t_s"
    with SampleReader(folder) as reader:
        columns = reader.columns(query, [block], "timeline")
    if columns is None or len(columns["t_s"]) < 3:
        return None
    begins_s, completed, waiting = (
        columns[name].astype(np.float64) for name in ("t_s", "completed", "waiting")
    )
    interval_s = float(begins_s[1] - begins_s[0])
    return Seconds(interval_s, (completed[:-1] / interval_s).tolist(), waiting[:-1].tolist())
