"""Runs that an earlier version of the harness has measured and stored: their reports stay as they
were, to the byte.

`stored_runs/` was measured and rendered by the harness of commit 715488b. Where a report's words
are corrected on purpose, HARNESS_WRITE_GOLDEN=1 writes them anew: read the diff.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from harness.report.registry import Format, render, view_stored
from harness.results.block.salvage import salvaged
from harness.results.store.run_folders import read_run
from tests.report.test_golden import nothing_is_broken

STORED = Path(__file__).parent / "stored_runs"
RUNS = sorted(path.name for path in STORED.iterdir())
ENDINGS: dict[Format, str] = {
    "text": "txt",
    "md": "md",
    "csv": "csv",
    "junit": "junit.xml",
    "md-summary": "summary.md",
    "md-comment": "comment.md",
    "bmf": "bmf.json",
    "openmetrics": "prom",
}


def test_the_corpus_is_whole() -> None:
    assert len(RUNS) == 11
    assert {path.name for path in (STORED / "own").iterdir()} == {"blocks", "rendered", "run.json"}


@pytest.mark.parametrize("name", RUNS)
def test_its_reports_are_what_they_were(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run killed in a block, too, whose figures come from its event logs."""
    monkeypatch.chdir(tmp_path)  # reports name the folder as they were given it
    folder = Path("results") / name
    shutil.copytree(STORED / name, folder, ignore=shutil.ignore_patterns("rendered"))
    record = salvaged(folder, read_run(folder))
    for form, ending in ENDINGS.items():
        shown = render(record, folder, form)
        path = STORED / name / "rendered" / f"report.{ending}"
        if os.environ.get("HARNESS_WRITE_GOLDEN"):
            path.write_text(shown, encoding="utf-8", newline="")
        # Read as bytes: a carriage return in a report must not be normalised away.
        stored = path.read_bytes().decode("utf-8")
        assert _rounded(shown) == _rounded(stored), f"{name}: {form}"


@pytest.mark.parametrize("name", RUNS)
def test_no_table_of_it_wraps_a_name_or_cuts_a_verdict(name: str) -> None:
    folder = STORED / name
    nothing_is_broken(view_stored(salvaged(folder, read_run(folder)), folder))


def _rounded(text: str) -> str:
    """Sums of floats end in another digit since Python 3.12, the seventeenth; what a format rounds
    to ten may end in another one, too, where the next is a five."""
    return re.sub(r"\d+\.\d{7,}(e-?\d+)?", lambda found: f"{float(found[0]):.8g}", text)
