"""Markdown that has to fit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from harness.report.exports.markdown import COMMENT_BYTES, SUMMARY_BYTES, within
from harness.report.formats.content import content_of
from harness.report.registry import Format
from harness.report.view.cells import view_of
from harness.results.record.distributions import Outcomes
from harness.results.record.run import RunRecord
from tests.exports.exported import exported, judged_run
from tests.report.made import records
from tests.report.made.records import block, cell, run


def _many(count: int, digits: int = 1) -> RunRecord:
    """Cells of a matrix, the last of them with a loss."""
    lossy: dict[str, Any] = {"outcomes": Outcomes(ok=999, lost=1)}
    return run(
        *(
            cell(
                f"redis[concurrency={number:0{digits}}]/add/closed-8",
                block(number, number, **(lossy if number == count - 1 else {})),
            )
            for number in range(count)
        )
    )


def test_what_fits_is_the_report_itself() -> None:
    whole = exported(records.tutorial_run(), "md")
    assert exported(records.tutorial_run(), "md-comment") == whole
    assert exported(records.tutorial_run(), "md-summary") == whole


def test_a_comment_stays_below_its_limit() -> None:
    text = exported(_many(600), "md-comment")
    assert COMMENT_BYTES * 0.9 < len(text.encode()) < COMMENT_BYTES
    notice = text.splitlines()[0]
    assert "rows of Where the time goes" in notice
    assert "The whole report: harness report RUN" in notice
    assert re.search(r"^\| `0` \|", text, re.MULTILINE)


def test_a_summary_stays_below_its_limit() -> None:
    text = exported(_many(1400, digits=120), "md-summary")
    assert SUMMARY_BYTES * 0.9 < len(text.encode()) < SUMMARY_BYTES


@pytest.mark.parametrize("limit", [70_000, 20_000, 8_000, 2_000, 400])
def test_tables_stay_whole_at_any_limit(limit: int) -> None:
    record = _many(200)
    content = content_of(view_of(record, Path("results/example"), {}))
    text = within(content, limit)
    assert len(text.encode()) <= limit
    kinds = [token.type for token in MarkdownIt("commonmark").enable("table").parse(text)]
    columns = 0
    for index, kind in enumerate(kinds):
        if kind == "thead_open":
            columns = kinds[index : kinds.index("thead_close", index)].count("th_open")
        if kind == "tr_open" and columns:
            row = kinds[index : kinds.index("tr_close", index)]
            assert row.count("td_open") + row.count("th_open") == columns


@pytest.mark.parametrize("form", ["md-summary", "md-comment"])
def test_gates_and_verdicts_stand_first(form: Format) -> None:
    text = exported(judged_run(), form)
    gates, verdicts = text.index("**Gates: "), text.index("**Compared with redis")
    assert gates < verdicts < text.index("**Results**")
    assert "| 25.6 ms | 20.0 ms | **FAILED** |" in text.replace("**25.6 ms**", "25.6 ms").replace(
        "**20.0 ms**", "20.0 ms"
    )
    assert "REGRESSION" in text
    assert "cannot be told" in text


def test_what_the_ratios_have_to_be_read_with_is_kept() -> None:
    judged = judged_run()
    assert judged.comparison is not None
    apart = judged.comparison.model_copy(update={"interleaved": False})
    content = content_of(
        view_of(_many(200).model_copy(update={"comparison": apart}), Path("r"), {})
    )
    text = within(content, 5_000)
    assert "rows of Results" in text
    assert "NOT INTERLEAVED" in text


def test_rows_and_notice_add_up() -> None:
    content = content_of(view_of(_many(200), Path("results/example"), {}))
    text = within(content, 12_000)
    _, _, results = text.partition("**Results**")
    shown = len(re.findall(r"^\| `\d+` \|", results, re.MULTILINE))
    left_out = re.search(r"([\d,]+) rows of Results", text.splitlines()[0])
    assert left_out is not None
    assert shown > 20
    assert shown + int(left_out[1]) == 200


def test_a_loss_is_the_last_thing_to_be_left_out() -> None:
    content = content_of(view_of(_many(200), Path("results/example"), {}))
    assert "`redis[concurrency=199]/add/closed-8`: 1 lost" in within(content, 3_000)
