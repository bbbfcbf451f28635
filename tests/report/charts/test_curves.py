"""Curves say what the samples say, and end where the samples end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.results.samples.curves import NINES, Samples, distribution_curve, percentile_curve
from harness.results.store.run_folders import read_run
from harness.stats.percentiles import nearest_rank
from tests.cli.project import ROOT
from tests.report.made.records import block
from tests.report.made.stored import BEGIN_NS, MS, write_block

FILES = {name: f"blocks/000/{name}.parquet" for name in ("units", "timeline", "depth")}


def test_a_percentile_curve_is_made_of_samples() -> None:
    ordered = np.arange(1, 10_001, dtype=np.int64) * MS
    curve = percentile_curve(ordered)
    found = dict(zip(curve.shares, curve.values_s, strict=True))
    assert {share: found[share] for share in NINES} == {
        0.5: 5.0, 0.75: 7.5, 0.9: 9.0, 0.95: 9.5, 0.99: 9.9, 0.995: 9.95, 0.999: 9.99
    }  # fmt: skip
    assert found[0.0] == 0.001
    assert all(found[s] == nearest_rank(ordered, s) / 1e9 for s in curve.shares)
    assert list(curve.values_s) == sorted(curve.values_s)


@pytest.mark.parametrize(
    ("count", "last"), [(1, 0.0), (2, 0.5), (10, 0.9), (100, 0.99), (1000, 0.999), (9999, 0.999)]
)
def test_a_percentile_curve_ends_with_its_samples(count: int, last: float) -> None:
    assert percentile_curve(np.arange(count, dtype=np.int64)).shares[-1] == last


def test_no_samples_no_curve() -> None:
    nothing = np.empty(0, np.int64)
    assert percentile_curve(nothing).shares == ()
    assert distribution_curve(nothing).shares == ()


def test_a_distribution_goes_from_the_lowest_to_the_highest_sample() -> None:
    curve = distribution_curve(np.array([1, 2, 3, 4], dtype=np.int64) * MS)
    assert (curve.values_s[0], curve.values_s[50], curve.values_s[-1]) == (0.001, 0.002, 0.004)
    assert len(curve.shares) == 110


def test_what_is_slower_than_p99_is_no_flat_line() -> None:
    ordered = np.arange(1, 1001, dtype=np.int64) * MS
    curve = distribution_curve(ordered)
    slow = [value for value in curve.values_s if value >= 0.99]
    assert slow == pytest.approx([n / 1000 for n in range(990, 1001)])
    assert list(curve.shares) == sorted(curve.shares)


def test_the_fastest_units_are_told_from_the_lowest_sample() -> None:
    ordered = np.array([1, *[500] * 32], dtype=np.int64) * MS
    curve = percentile_curve(ordered)
    assert [value for share, value in zip(curve.shares, curve.values_s, strict=True)
            if 0.03 < share < 0.2] == pytest.approx([0.5, 0.5])  # fmt: skip


def test_a_block_over_time_counts_every_unit_once(tmp_path: Path) -> None:
    totals = [10 * MS] * 200 + [50 * MS] * 200
    write_block(tmp_path, 0, totals, every_ns=5 * MS)
    with Samples(tmp_path) as samples:
        series = samples.series(block(0, 0, files=FILES))
    assert series is not None
    assert series.begin_ns == BEGIN_NS
    assert len(series.at_s) == 20
    assert sum(series.completed_per_s) * series.interval_s == pytest.approx(400)
    # The lost unit was due, too.
    assert sum(series.due_per_s) * series.interval_s == pytest.approx(401)
    assert {series.p50_s[2], series.p50_s[-1]} == {0.010, 0.050}
    assert series.at_s[-1] + series.interval_s / 2 == pytest.approx(2.045)


def test_an_interval_without_a_completed_unit_has_no_latency(tmp_path: Path) -> None:
    write_block(tmp_path, 0, [MS, 3000 * MS], every_ns=MS)
    with Samples(tmp_path) as samples:
        series = samples.series(block(0, 0, files=FILES))
    assert series is not None
    assert series.p99_s == (0.001, None, None, 3.0)


def test_queue_depth_and_units_under_way(tmp_path: Path) -> None:
    write_block(tmp_path, 0, [MS] * 3000, every_ns=MS)
    stored = block(0, 0, files=FILES)
    with Samples(tmp_path) as samples:
        assert samples.depth(stored, BEGIN_NS) == ((-0.001, 7), (1.0, 3), (2.0, 2))
        under_way = samples.under_way(stored)
    assert under_way is not None
    assert (under_way.at_s, under_way.units) == ((1.0, 2.0, 3.0), (0, 1, 2))


def test_a_long_time_series_is_thinned(tmp_path: Path) -> None:
    write_block(tmp_path, 0, [MS] * 1000, every_ns=1000 * MS)
    with Samples(tmp_path) as samples:
        under_way = samples.under_way(block(0, 0, files=FILES))
    assert under_way is not None
    assert under_way.units[:3] == (0, 17, 34)
    assert len(under_way.units) == 59


@pytest.mark.parametrize("damage", ["missing", "unreadable", "elsewhere", "of an older version"])
def test_samples_that_cannot_be_read_give_no_curve(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "run"
    write_block(folder, 0, [MS], every_ns=MS)
    path = folder / FILES["units"]
    stored = block(0, 0, files=FILES)
    if damage == "missing":
        path.unlink()
    elif damage == "unreadable":
        path.write_bytes(b"PAR1")
    elif damage == "elsewhere":
        stored = block(0, 0, files={"units": "../run/../../x.parquet"})
    else:
        path.write_bytes((folder / FILES["depth"]).read_bytes())
    with Samples(folder) as samples:
        assert samples.series(stored) is None
        assert samples.latencies_ns([stored]) is None


def test_the_reference_run_has_all_curves() -> None:
    folder = ROOT / "results/reference"
    record = read_run(folder)
    with Samples(folder) as samples:
        for cell in record.cells:
            (only,) = cell.blocks
            series = samples.series(only)
            assert series is not None
            completed = round(sum(series.completed_per_s) * series.interval_s)
            assert completed == only.completed
            ordered = samples.latencies_ns([only])
            assert ordered is not None
            curve = percentile_curve(ordered)
            assert curve.values_s[curve.shares.index(0.5)] == only.latency_s.p50
