"""Every reader of samples gets the same answer to a file that cannot be read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from harness.errors import RecordError
from harness.figures.names import asked
from harness.results.events.merged import MISSING
from harness.results.record.run import BlockRecord
from harness.results.samples.curves import Samples
from harness.results.samples.pooled import pooled_distribution, total_latencies_ns
from harness.results.samples.reading import SampleReader, UnreadableFileError, readable_file
from harness.results.samples.stored_timeline import stored_timeline
from harness.selftest.samples import taken
from tests.report.made.records import block, cell, run, spread_around, write_units
from tests.report.made.stored import write_block

NAMES = ("units", "tasks", "timeline", "depth")
WHOLE = {name: f"blocks/000/{name}.parquet" for name in NAMES}
STORE_CALL = asked("call.store.p99")
DAMAGED = {
    "missing": "no such file",
    "cut off": "not a Parquet file, or only part of one",
    "unnamed": "the record names none",
    "elsewhere": "outside of its run's folder",
    "no name": "embedded null ",
}


def _damaged(folder: Path, damage: str) -> BlockRecord:
    """A block all of whose files have the same damage."""
    write_block(folder / "run", 0, [5, 6, 7], every_ns=1000)
    for path in (folder / "run" / "blocks" / "000").glob("*.parquet"):
        if damage == "missing":
            path.unlink()
        elif damage == "cut off":
            path.write_bytes(path.read_bytes()[:-1])
    files = {} if damage == "unnamed" else WHOLE
    if damage == "no name":
        files = dict.fromkeys(NAMES, "a\0b")
    if damage == "elsewhere":
        files = {name: f"../elsewhere/{path}" for name, path in WHOLE.items()}
        (folder / "run").rename(folder / "elsewhere")
        (folder / "run").mkdir()
    return block(0, 0, files=files)


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_has_one_answer(tmp_path: Path, damage: str) -> None:
    """Whoever asks: None or nothing, never an error of DuckDB's, never half of the samples."""
    damaged, folder = _damaged(tmp_path, damage), tmp_path / "run"
    with pytest.raises(UnreadableFileError, match=re.escape(DAMAGED[damage])):
        readable_file(folder, damaged, "units")
    assert total_latencies_ns(folder, damaged) is None
    assert STORE_CALL is not None
    assert pooled_distribution(STORE_CALL.figure, folder, [damaged], 3) is None
    assert stored_timeline(folder, damaged) is None
    with Samples(folder) as samples:
        assert samples.latencies_ns([damaged]) is None
        assert samples.series(damaged) is None
        assert samples.under_way(damaged) is None
        assert samples.depth(damaged, 0) == ()
    with pytest.raises(RecordError, match=r"units of block 0 in .* cannot be read"):
        taken("redis", run(cell("redis/add/closed-8", damaged), planned=1), folder, None)


def test_a_lacking_column_is_the_same(tmp_path: Path) -> None:
    """As in a file of an older version."""
    write_units(tmp_path, 0, [5])
    with SampleReader(tmp_path) as reader:
        query = "SELECT of_tomorrow FROM read_parquet($units)"
        assert reader.columns(query, [block(0, 0)], "units") is None


def test_nothing_is_told_from_zero(tmp_path: Path) -> None:
    """By one value for each type, whoever reads."""
    write_units(tmp_path, 0, [5, 6])
    query = """
        SELECT CASE WHEN total_ns = 5 THEN total_ns END AS whole,
          CASE WHEN total_ns = 5 THEN 0.5 END::DOUBLE AS part,
          CASE WHEN total_ns = 5 THEN true END AS truth,
          CASE WHEN total_ns = 5 THEN 7::INTEGER END AS narrow,
          CASE WHEN total_ns = 5 THEN 7::UTINYINT END AS small,
          7::INTEGER AS full
        FROM read_parquet($units) WHERE total_ns IS NOT NULL ORDER BY total_ns
    """
    with SampleReader(tmp_path) as reader:
        columns = reader.columns(query, [block(0, 0)], "units")
    assert columns is not None
    assert columns["whole"].tolist() == [5, MISSING]
    # Types that have no room for MISSING are widened, others stay as they were stored.
    assert columns["narrow"].tolist() == columns["small"].tolist() == [7, MISSING]
    assert columns["full"].dtype == np.int32
    assert columns["part"][0] == 0.5
    assert np.isnan(columns["part"][1])
    assert columns["truth"].tolist() == [True, False]


@pytest.mark.parametrize(
    "name", ["a*b", "a?b", "a[xy]b", "a[b", "[a-", "**", "a{x,y}b", "a]b", "[!x]"]
)
def test_a_folder_whose_name_is_a_pattern_is_no_pattern(tmp_path: Path, name: str) -> None:
    """DuckDB would add the samples of every other run whose folder it fits."""
    for other in ("axb", "ayb", "a", "b"):
        write_units(tmp_path / other, 0, [7, 8, 9])
    write_units(tmp_path / name, 0, [5])
    latency = spread_around(0.016, 1)
    stored = block(0, 0, latency_s=latency, files={"units": WHOLE["units"]})
    with Samples(tmp_path / name) as samples:
        for found in (total_latencies_ns(tmp_path / name, stored), samples.latencies_ns([stored])):
            assert found is not None
            assert found.tolist() == [5]
