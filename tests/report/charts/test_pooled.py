"""Pooling of raw samples, and when it refuses to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.results.record.distributions import Distribution
from harness.results.record.run import BlockRecord, RunRecord
from harness.results.samples.pooled import pooled
from harness.stats.percentiles import describe
from tests.report.made.records import block, cell, run, write_units

MS = 1_000_000


def _record(*blocks: BlockRecord) -> RunRecord:
    return run(cell("redis/add/closed-8", *blocks), planned=len(blocks))


def _block(number: int, count: int, **changes: Any) -> BlockRecord:
    return block(number, 0, latency_s=Distribution(count=count), **changes)


def test_percentiles_are_those_of_all_samples_together(tmp_path: Path) -> None:
    write_units(tmp_path, 0, [n * MS for n in range(1, 100)])
    write_units(tmp_path, 1, [1000 * MS])
    found = pooled(tmp_path, _record(_block(0, 99), _block(1, 1)))[0]
    assert found.blocks == (0, 1)
    assert found.latency_s.count == 100
    assert found.latency_s.p50 == 0.050
    assert found.latency_s.p99 == 0.099
    assert found.latency_s.max == 1.0


def test_one_block_needs_no_pooling(tmp_path: Path) -> None:
    assert pooled(tmp_path, _record(_block(0, 5))) == {}


def test_failed_blocks_are_no_part_of_it(tmp_path: Path) -> None:
    write_units(tmp_path, 0, [MS])
    write_units(tmp_path, 2, [3 * MS])
    blocks = (_block(0, 1), _block(1, 1, status="failed"), _block(2, 1))
    found = pooled(tmp_path, _record(*blocks))[0]
    assert found.blocks == (0, 2)
    assert found.latency_s.max == 0.003


def test_a_unit_that_was_lost_or_wrong_has_no_latency(tmp_path: Path) -> None:
    write_units(tmp_path, 0, [MS])
    write_units(tmp_path, 1, [2 * MS], outcome="wrong")
    found = pooled(tmp_path, _record(_block(0, 1), _block(1, 0)))[0]
    assert (found.latency_s.count, found.latency_s.max) == (1, 0.001)


@pytest.mark.parametrize("damage", ["missing", "unreadable", "too few", "unnamed", "elsewhere"])
def test_a_cell_whose_samples_are_not_whole_is_left_out(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "run"
    write_units(folder, 0, [MS])
    write_units(folder, 1, [2 * MS])
    write_units(tmp_path / "other", 1, [2 * MS])
    second = _block(1, 1)
    path = folder / "blocks" / "001" / "units.parquet"
    if damage == "missing":
        path.unlink()
    elif damage == "unreadable":
        path.write_bytes(b"PAR1 no more")
    elif damage == "too few":
        second = _block(1, 2)
    elif damage == "unnamed":
        second = _block(1, 1, files={})
    else:
        second = _block(1, 1, files={"units": "../other/blocks/001/units.parquet"})
    assert pooled(folder, _record(_block(0, 1), second)) == {}
    # The other cells of the run do not suffer for it.
    write_units(folder, 2, [MS])
    write_units(folder, 3, [MS])
    whole = cell("redis/chain-2/closed-8", _block(2, 1), _block(3, 1))
    broken = cell("redis/add/closed-8", _block(0, 1), second)
    assert list(pooled(folder, run(broken, whole, planned=2))) == [1]


@settings(deadline=None, max_examples=15)
@given(st.lists(st.lists(st.integers(0, 2**40), min_size=1, max_size=30), min_size=2, max_size=4))
def test_pooled_equals_described_together(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    for number, totals in enumerate(blocks):
        write_units(folder, number, totals)
    record = _record(*(_block(n, len(totals)) for n, totals in enumerate(blocks)))
    together = np.array([total for totals in blocks for total in totals])
    expected = Distribution.model_validate(describe(together))
    assert pooled(folder, record)[0].latency_s == expected
