"""HdrHistogram's forms, read back by its own library: the quantiles are those of the samples."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cli import cli
from harness.report.exports.hdr import DIGITS, HIGHEST_NS, histogram_of
from harness.report.registry import render
from harness.results.record.distributions import Distribution
from harness.results.record.run import BlockRecord, RunRecord
from harness.results.store.run_folders import RunFolder
from tests.report.made import records

CELL = "redis[worker.concurrency=2,worker.pool=solo]/add/closed-8"
QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
RANKED = 2000
"""At this many samples every rank is a whole number: all definitions mean the same sample."""


def _samples(seed: int, count: int = RANKED) -> list[int]:
    chance = np.random.default_rng(seed)
    return [int(value) for value in chance.lognormal(mean=16, sigma=1.5, size=count)]


def _block(number: int, samples: list[int], cell: int = 0, **changes: Any) -> BlockRecord:
    return records.block(number, cell, latency_s=Distribution(count=len(samples)), **changes)


def _run(folder: Path, *, names: tuple[str, ...] = (CELL,), blocks: int = 1) -> RunRecord:
    """Block b of cell c is number b * cells + c, with samples of that seed."""
    cells = []
    for index, name in enumerate(names):
        own = []
        for repetition in range(blocks):
            number = repetition * len(names) + index
            records.write_units(folder, number, _samples(number))
            started = f"2026-11-23T22:54:{10 + number}.250+00:00"
            own.append(_block(number, _samples(number), index, started_at=started))
        cells.append(records.cell(name, *own))
    return records.run(*cells, planned=blocks)


def _logged(folder: Path, text: str) -> list[HdrHistogram]:
    path = folder / "read.hlog"
    path.write_text(text, encoding="utf-8")
    reader = HistogramLogReader(str(path), HdrHistogram(1, HIGHEST_NS, DIGITS))
    found = []
    while (histogram := reader.get_next_interval_histogram()) is not None:
        found.append(histogram)
    reader.close()
    return found


def _ranked(samples: list[int], share: float) -> int:
    return sorted(samples)[round(share * len(samples)) - 1]


def _same(value: float, sample: float) -> bool:
    return bool(abs(value - sample) <= sample / 10**DIGITS)


def test_the_log_reads_back_to_the_same_quantiles(tmp_path: Path) -> None:
    record = _run(tmp_path, blocks=3)
    found = _logged(tmp_path, render(record, tmp_path, "hdrlog"))
    assert len(found) == 3
    for number, histogram in enumerate(found):
        assert histogram.get_total_count() == RANKED
        for share in QUANTILES:
            value = histogram.get_value_at_percentile(share * 100)
            assert _same(value, _ranked(_samples(number), share))


def test_the_log_says_when_a_block_was_and_of_which_cell(tmp_path: Path) -> None:
    record = _run(tmp_path, names=(CELL, "rabbitmq/add/closed-8"), blocks=2)
    found = _logged(tmp_path, render(record, tmp_path, "hdrlog"))
    tags = [unquote(histogram.get_tag()) for histogram in found]
    assert tags == [CELL, "rabbitmq/add/closed-8"] * 2
    starts = [histogram.get_start_time_stamp() for histogram in found]
    first_ms = 1795474450250  # 2026-11-23T22:54:10.250Z
    assert starts == pytest.approx([first_ms + 1000 * n for n in range(4)], abs=1)
    lengths = [h.get_end_time_stamp() - h.get_start_time_stamp() for h in found]
    assert lengths == pytest.approx([2000.0] * 4, abs=1)  # 1,000 units at 500/s


def test_added_up_blocks_are_the_pooled_cell(tmp_path: Path) -> None:
    record = _run(tmp_path, blocks=2)
    whole = HdrHistogram(1, HIGHEST_NS, DIGITS)
    for histogram in _logged(tmp_path, render(record, tmp_path, "hdrlog")):
        whole.add(histogram)
    both = _samples(0) + _samples(1)
    for share in QUANTILES:
        assert _same(whole.get_value_at_percentile(share * 100), _ranked(both, share))


def _table(text: str) -> list[tuple[float, float, int]]:
    """Value in us, share, count of every row of a `.hgrm`."""
    rows = [line.split() for line in text.splitlines() if re.match(r" *\d", line)]
    return [(float(row[0]), float(row[1]), int(row[2])) for row in rows]


def test_hgrm_reads_back_to_the_same_quantiles(tmp_path: Path) -> None:
    text = render(_run(tmp_path, blocks=2), tmp_path, "hgrm")
    both = sorted(_samples(0) + _samples(1))
    rows = _table(text)
    assert len(rows) > 40
    for value_us, _, count in rows:
        assert _same(value_us * 1000, both[count - 1])
    assert (rows[-1][1], rows[-1][2]) == (1.0, len(both))
    assert [share for _, share, _ in rows] == sorted(share for _, share, _ in rows)
    assert "in us]" in text
    (mean, deviation) = re.findall(
        r"= +([\d.]+)", next(x for x in text.splitlines() if "Mean" in x)
    )
    assert float(mean) * 1000 == pytest.approx(np.mean(both), rel=1e-3)
    assert float(deviation) * 1000 == pytest.approx(np.std(both), rel=1e-2)


@given(st.lists(st.integers(0, 2 * HIGHEST_NS), min_size=1, max_size=50))
@settings(deadline=None)  # what is put together is checked, not how soon on a busy machine
def test_putting_samples_together_first_changes_nothing(samples: list[int]) -> None:
    one_by_one = HdrHistogram(1, max(HIGHEST_NS, 2 * max(samples)), DIGITS)
    for sample in samples:
        assert one_by_one.record_value(sample)
    array: npt.NDArray[np.int64] = np.array(samples, dtype=np.int64)
    together = histogram_of(array)
    assert together.get_total_count() == len(samples)
    for percentile in (0.1, 10, 50, 90, 99.9, 100):
        expected = one_by_one.get_value_at_percentile(percentile)
        assert together.get_value_at_percentile(percentile) == expected


@pytest.mark.parametrize("name", ["a,b /add/closed-8", "Tag=x,\n#[/add/closed-8", "é|*/add/x"])
def test_hostile_names_break_no_line(tmp_path: Path, name: str) -> None:
    record = _run(tmp_path, names=(name,))
    (histogram,) = _logged(tmp_path, render(record, tmp_path, "hdrlog"))
    assert unquote(histogram.get_tag()) == name
    assert histogram.get_total_count() == RANKED
    text = render(record, tmp_path, "hgrm")
    assert len(_table(text)) == len(_table(render(_run(tmp_path), tmp_path, "hgrm")))


def test_no_samples_is_said(tmp_path: Path) -> None:
    records.write_units(tmp_path, 0, [])
    record = records.run(records.cell(CELL, _block(0, [])), planned=1)
    assert "#[no samples]" in render(record, tmp_path, "hgrm")
    (histogram,) = _logged(tmp_path, render(record, tmp_path, "hdrlog"))
    assert histogram.get_total_count() == 0


@pytest.mark.parametrize("form", ["hgrm", "hdrlog"])
def test_missing_samples_are_said(tmp_path: Path, form: str) -> None:
    record = records.run(records.cell(CELL, _block(0, [1, 2])), planned=1)
    text = render(record, tmp_path, form)
    assert "block 0" in text
    assert "its samples are missing" in text
    assert _logged(tmp_path, text) == []


@pytest.mark.parametrize("form", ["hgrm", "hdrlog"])
def test_what_went_wrong_stands_beside_it(tmp_path: Path, form: str) -> None:
    assert "4 lost" in render(records.troubled_run(), tmp_path, form)
    assert "(emulator)" in render(records.brokers_run(), tmp_path, form)


def test_the_command_writes_a_file_per_cell(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "one"
    record = _run(folder, names=(CELL, "a b/add/closed-8", "a/b/add/closed-8"))
    RunFolder(folder).write(record)
    out = tmp_path / "latency.hgrm"
    arguments = ["report", str(folder), "--format", "hgrm", "--output", str(out)]
    ended = CliRunner().invoke(cli, arguments)
    assert ended.exit_code == 0, ended.output
    files = sorted(path.name for path in tmp_path.glob("*.hgrm"))
    assert files == [
        "latency-a-b-add-closed-8-1.hgrm",
        "latency-a-b-add-closed-8-2.hgrm",
        "latency-redis-worker.concurrency=2-worker.pool=solo-add-closed-8.hgrm",
    ]
    for number, path in enumerate([files[2], files[0], files[1]]):
        rows = _table((tmp_path / path).read_text("utf-8"))
        assert _same(rows[-1][0] * 1000, max(_samples(number)))


def test_a_block_without_a_start_follows_the_one_before(tmp_path: Path) -> None:
    """Of a block that a kill cut short nobody knows when it began; the first one of a run too."""
    record = _run(tmp_path, blocks=2)
    cell = record.cells[0]
    for cut, begins in ((0, None), (1, 1795474452250)):  # block 0 lasts two seconds
        blocks = list(cell.blocks)
        blocks[cut] = blocks[cut].model_copy(update={"started_at": ""})
        salvaged = cell.model_copy(update={"blocks": tuple(blocks)})
        text = render(record.model_copy(update={"cells": (salvaged,)}), tmp_path, "hdrlog")
        assert f"block {cut} was broken off: its start is not known" in text
        found = _logged(tmp_path, text)
        assert [histogram.get_total_count() for histogram in found] == [RANKED] * 2
        if begins is not None:
            assert found[cut].get_start_time_stamp() == pytest.approx(begins, abs=1)
