"""`harness show`: one screen of a stored run. See test_golden for how golden files are written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from harness.report.formats.plots import bars, histogram, shares_bar
from harness.report.formats.summary_view import as_summary_view
from harness.report.registry import view_stored
from harness.report.view.cells import view_of
from harness.report.words.look import Look
from harness.results.record.run import RunRecord
from harness.results.store.run_folders import read_run
from tests.cli.project import ROOT, harness
from tests.report.made import records
from tests.report.made.divided import divided_run

GOLDEN = Path(__file__).parent / "golden"
RUNS: dict[str, Callable[[], RunRecord]] = {
    "brokers": records.brokers_run,
    "troubled": records.troubled_run,
    "failed": records.failed_run,
    "killed": records.killed_run,
    "hostile": records.hostile_run,
    "open-loop": records.open_loop_run,
}


def _golden(name: str, shown: str) -> None:
    path = GOLDEN / name
    if os.environ.get("HARNESS_WRITE_GOLDEN"):
        path.write_text(shown, encoding="utf-8", newline="")
    assert shown == path.read_bytes().decode("utf-8")


@pytest.mark.parametrize("name", RUNS)
def test_a_run_without_samples(name: str) -> None:
    view = view_of(RUNS[name](), Path("results/example"), {}, being_written=False)
    _golden(f"show-{name}.txt", as_summary_view(view, Look()))


@pytest.mark.parametrize(("width", "encoding"), [(100, "utf-8"), (60, "ascii")])
def test_the_reference_run_with_its_plots(
    monkeypatch: pytest.MonkeyPatch, width: int, encoding: str
) -> None:
    monkeypatch.chdir(ROOT)
    folder = Path("results/reference")
    shown = as_summary_view(
        view_stored(read_run(folder), folder), Look(width=width, encoding=encoding)
    )
    _golden(f"show-reference-{width}.txt", shown)


@pytest.mark.parametrize("width", [30, 60, 80, 140])
def test_plots_fit_the_terminal(width: int) -> None:
    folder = ROOT / "results/reference"
    shown = as_summary_view(view_stored(read_run(folder), folder), Look(width=width))
    plots = re.findall(r"^ {4}(?:over time|waiting|spread|phases) .*$", shown, re.MULTILINE)
    assert len(plots) == 16
    assert max(map(cell_len, plots)) <= max(width, 40)


def test_divided_work_has_a_line_for_each_part_queue_and_group() -> None:
    told = as_summary_view(view_of(divided_run(), Path("nowhere"), {}), Look())
    _, pool, groups = re.split(r"(?m)^(?:one-pool|two-groups)\n", told)
    part = "    part      slow: 100 ok, 10.0 units/s, run 2.00 s (mean)\n"
    assert part in pool
    assert part in groups
    assert "queue     " not in pool
    queue = "reports: 100 ok, 10.0 units/s, queue 750 ms (mean), at most 31 waiting\n"
    assert f"    queue     {queue}" in groups
    assert "    group     slow: 900 begun, 90.0 tasks/s, busy 90 %\n" in groups


def test_no_control_character_gets_through() -> None:
    shown = as_summary_view(view_of(records.hostile_run(), Path(records.HOSTILE), {}), Look())
    assert not [char for char in shown if not char.isprintable() and char != "\n"]
    assert "[bold]@all" in shown


def test_every_cell_and_every_warning_of_the_report_is_there() -> None:
    shown = " ".join(harness("show", "reference").stdout.split())
    reported = harness("report", "reference").stdout
    for name in re.findall(r"^  (\S+/(?:closed-\d|backlog)) ", reported, re.MULTILINE):
        assert f" {name}: " in shown
    _, _, warnings = reported.partition("\nWarnings\n")
    assert " ".join(warnings.split()) in shown


def test_the_newest_run_is_shown_by_default(tmp_path: Path) -> None:
    from harness.results.store.run_folders import RunFolder  # noqa: PLC0415 - of this test only

    for short in ("000001", "000002"):
        record = records.tutorial_run().model_copy(
            update={"run_id": f"20261124T00000{short[-1]}Z-example-{short}"}
        )
        folder = RunFolder.create(tmp_path / "results", record.run_id)
        folder.write(record)
        folder.close()
    shown = harness("show", folder=tmp_path)
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[-1] == "results/20261124T000002Z-example-000002"
    assert "\x1b" not in shown.stdout


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    shown = harness("show", folder=tmp_path)
    assert shown.returncode == 2
    assert shown.stderr == "no run 'latest'; the newest in results: none\n"


# --- plots ----------------------------------------------------------------------------------------


def test_bars_begin_at_zero_and_show_what_is_not_zero() -> None:
    assert bars([0, 1, 50, 100], 10) == " ▁▄█"
    assert bars([0, 1, 50, 100], 10, "ascii") == " 148"
    assert bars([90, 100], 10) == "▇█"
    assert bars([0, 0], 10) == "  "
    assert bars([], 10) == ""


def test_bars_that_are_too_many_are_means() -> None:
    assert bars([0, 2, 4, 4, 0, 0, 8], 4) == "▁▄ █"


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=5).filter(lambda parts: sum(parts) > 0),
    st.integers(1, 80),
)
def test_a_bar_of_shares_is_as_long_as_it_should_be(parts: list[float], width: int) -> None:
    whole = sum(parts)
    shares = [part / whole for part in parts]
    pieces = shares_bar(shares, width)
    assert sum(map(len, pieces)) == width
    assert all(
        abs(len(piece) - share * width) < 1 for piece, share in zip(pieces, shares, strict=True)
    )


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=200), st.integers(1, 40))
def test_every_sample_is_in_the_histogram(samples: list[int], bins: int) -> None:
    counts, low, high = histogram(np.array(samples, dtype=np.int64), bins)
    assert sum(counts) == len(samples)
    assert (low, high) == (min(samples), max(samples))
    assert counts[0] > 0
    assert counts[-1] > 0


def test_steps_of_the_histogram_are_of_equal_ratio() -> None:
    counts, _, _ = histogram(np.array([1, 5, 10, 50, 100, 500, 1000], dtype=np.int64), 3)
    assert counts == [2, 2, 3]
