"""Golden files: the whole text of reports of hand-made records.

HARNESS_WRITE_GOLDEN=1 pytest tests/report/test_golden.py  writes them anew; then read the diff.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report.formats.content import content_of
from harness.report.registry import RENDERERS, Format
from harness.report.tables.main import OUTCOME
from harness.report.view.cells import RunView, view_of
from harness.report.words.look import Look
from harness.results.record.run import RunRecord
from harness.results.samples.pooled import PooledCell
from tests.report.made import canvas_records, records
from tests.report.made.divided import divided_run
from tests.report.made.faulted import faulty_run
from tests.report.made.matrix_records import long_matrix_run, matrix_pooled, matrix_run
from tests.report.made.schedule_records import schedule_run

GOLDEN = Path(__file__).parent / "golden"
ENDINGS: dict[Format, str] = {"text": "txt", "md": "md", "csv": "csv", "json": "json"}
RUNS: dict[str, Callable[[], RunRecord]] = {
    "tutorial": records.tutorial_run,
    "brokers": records.brokers_run,
    "costs": records.costs_run,
    "open-loop": records.open_loop_run,
    "schedule": schedule_run,
    "troubled": records.troubled_run,
    "failed": records.failed_run,
    "partial": records.partial_run,
    "killed": records.killed_run,
    "old": records.old_run,
    "hostile": records.hostile_run,
    "canvas": canvas_records.canvas_run,
    "tracking": canvas_records.tracking_run,
    "faults": faulty_run,
    "matrix": matrix_run,
    "long-matrix": long_matrix_run,
    "divided": divided_run,
}
POOLED = {
    index: PooledCell((0, 5), records.spread_around(mean, 2000))
    for index, mean in enumerate((0.0151, 0.0111, 0.98))
}


def _shown(name: str, form: Format, look: Look) -> str:
    record = RUNS[name]()
    pooled = POOLED if name == "brokers" else {}
    if "matrix" in name:
        pooled = matrix_pooled(record)
    return RENDERERS[form](
        view_of(record, Path("results/example"), pooled, being_written=False), look
    )


@pytest.mark.parametrize("form", ["text", "md", "csv"])
@pytest.mark.parametrize("name", RUNS)
def test_a_report_is_what_it_was(name: str, form: Format) -> None:
    shown = _shown(name, form, Look(width=110 if "matrix" in name else 100))
    path = GOLDEN / f"{name}.{ENDINGS[form]}"
    if os.environ.get("HARNESS_WRITE_GOLDEN"):
        path.write_text(shown, encoding="utf-8", newline="")
    # Read as bytes: a carriage return in a report must not be normalised away.
    assert shown == path.read_bytes().decode("utf-8")


WORDY = {"hostile", "long-matrix"}
"""Runs whose names alone are longer than a narrow terminal."""


@pytest.mark.parametrize("name", sorted(set(RUNS) - WORDY))
def test_80_columns_suffice_and_no_figure_is_lost(name: str) -> None:
    narrow, wide = _shown(name, "text", Look(width=80)), _shown(name, "text", Look(width=300))
    assert max(map(len, narrow.splitlines())) <= 80
    # Lines break elsewhere and labels move, but each character is there as often; where a table has
    # a column per axis, its parts say again which row it is.
    if name != "matrix":
        assert sorted("".join(narrow.split())) == sorted("".join(wide.split()))
    assert Counter(narrow.split()) >= Counter(wide.split())


@pytest.mark.parametrize("name", RUNS)
def test_no_table_wraps_a_name_or_cuts_a_verdict(name: str) -> None:
    record = RUNS[name]()
    pooled = matrix_pooled(record) if "matrix" in name else {}
    nothing_is_broken(view_of(record, Path("results/example"), pooled, being_written=False))


def nothing_is_broken(view: RunView) -> None:
    """In 110 columns of a terminal every name stands on one line, and every outcome is whole."""
    shown = RENDERERS["text"](view, Look(width=110))
    words, lines = set(shown.split()), [" ".join(line.split()) for line in shown.splitlines()]
    assert max(map(len, shown.splitlines())) <= 110
    content = content_of(view)
    for table in (*([content.glance] if content.glance else []), *content.tables):
        for row in (row for section in table.sections for row in section.rows):
            for label in row.places or (row.label,):
                whole = " ".join(label.split())
                assert [line for line in lines if whole in line], label
            if OUTCOME in table.head:
                outcome = row.cells[table.head.index(OUTCOME)]
                verdict = outcome.partition(", ")[0].partition(":")[0]
                assert [line for line in lines if verdict in line], verdict
                assert set(outcome.split()) <= words


@pytest.mark.parametrize("name", RUNS)
def test_colour_adds_nothing_but_colour(name: str) -> None:
    plain, colored = _shown(name, "text", Look()), _shown(name, "text", Look(color=True))
    assert "\x1b[" in colored
    assert "\x1b" not in plain
    assert _without_colour(colored) == plain


def _without_colour(text: str) -> str:
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


@pytest.mark.parametrize("form", ENDINGS)
@pytest.mark.parametrize("name", RUNS)
def test_a_poor_terminal_is_not_choked(name: str, form: Format) -> None:
    shown = _shown(name, form, Look(encoding="ascii"))
    if form == "text":
        shown.encode("ascii")
    assert shown.endswith("\n")
    assert not shown.endswith("\n\n")
