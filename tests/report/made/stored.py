"""Runs on disk with samples, for reports that read them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from harness.results.record.distributions import Distribution
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.runner.measuring.depth import write as write_depth
from harness.stats.percentiles import describe
from tests.report.made.records import block, cell, run

MS = 1_000_000
BEGIN_NS = 5_000 * MS
_UNLIKE = 5
"""Blocks with samples of their own; the others have copies of them."""


def write_block(folder: Path, number: int, totals_ns: list[int], *, every_ns: int) -> None:
    """A block whose unit n is due at n * `every_ns`, with one lost unit before the others."""
    target = folder / "blocks" / f"{number:03d}"
    target.mkdir(parents=True)
    units = """
        SELECT 'lost' AS outcome, false AS as_meant, $begin::BIGINT AS due_ns,
          $begin::BIGINT AS publish_ns, NULL::BIGINT AS total_ns, true AS counted
        UNION ALL
        SELECT 'ok', false, $begin + $every * (row_number() OVER () - 1),
          $begin + $every * (row_number() OVER () - 1), total, true
        FROM (SELECT unnest($totals::BIGINT[]) AS total)
    """
    window_s = max(1, round(len(totals_ns) * every_ns / 1e9))
    with duckdb.connect() as database:
        parameters = {"begin": BEGIN_NS, "every": every_ns, "totals": totals_ns}
        written = database.sql(units, params=parameters)
        assert written is not None
        written.write_parquet(str(target / "units.parquet"))
        timeline = database.sql(
            "SELECT range::DOUBLE AS t_s, range AS under_way FROM range($count)",
            params={"count": window_s},
        )
        assert timeline is not None
        timeline.write_parquet(str(target / "timeline.parquet"))
    later = [(BEGIN_NS + second * 1000 * MS, second) for second in range(2, window_s)]
    write_depth(target, [(BEGIN_NS - MS, 7), (BEGIN_NS + 1000 * MS, 3), *later])


def sampled_block(
    folder: Path, number: int, index: int, *, units: int, every_ns: int, **changes: Any
) -> BlockRecord:
    """A block whose record says what its samples say, but for the throughput: about 500/s."""
    alike = number % _UNLIKE
    random = np.random.default_rng(alike)
    totals = (random.lognormal(2.5, 0.6, units) * MS).astype(np.int64)
    first = folder / "blocks" / f"{alike:03d}"
    if not first.is_dir():
        write_block(folder, alike, totals.tolist(), every_ns=every_ns)
    if number >= _UNLIKE:  # DuckDB takes longer to write than it takes to copy
        shutil.copytree(first, folder / "blocks" / f"{number:03d}", dirs_exist_ok=True)
    rate = float(500 * random.uniform(0.9, 1.1))
    figures: dict[str, Any] = {
        "latency_s": Distribution.model_validate(describe(totals)),
        "throughput_per_s": rate,
        "files": {
            name: f"blocks/{number:03d}/{name}.parquet" for name in ("units", "timeline", "depth")
        },
    }
    return block(number, index, units=units, **(figures | changes))


def sampled_run(
    folder: Path,
    variants: int,
    works: int,
    blocks: int,
    *,
    units: int = 200,
    every_ns: int = 2 * MS,
) -> RunRecord:
    """`variants` x `works` cells with `blocks` blocks each, all with samples in the folder."""
    names = [f"broker{v}/work{w}/closed-8" for w in range(works) for v in range(variants)]
    cells: list[CellRecord] = []
    for index, name in enumerate(names):
        numbers = [repetition * len(names) + index for repetition in range(blocks)]
        made = [
            sampled_block(
                folder, number, index, units=units, every_ns=every_ns, repetition=repetition
            )
            for repetition, number in enumerate(numbers)
        ]
        cells.append(cell(name, *made))
    return run(*cells, planned=blocks)
