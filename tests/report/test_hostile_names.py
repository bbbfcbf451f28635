"""Names that want to be escape sequences, markup or formulas."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.report.registry import RENDERERS, Format
from harness.report.view.cells import view_of
from harness.report.words.escaping import (
    markdown_block,
    markdown_code,
    markdown_text,
    spreadsheet_text,
)
from harness.report.words.look import Look
from tests.report.made import records


def _shown(form: Format) -> str:
    return RENDERERS[form](view_of(records.hostile_run(), Path(records.HOSTILE), {}), Look())


@pytest.mark.parametrize("form", ["text", "md", "csv", "json"])
def test_no_control_character_gets_through(form: Format) -> None:
    shown = _shown(form)
    assert not [char for char in shown if not char.isprintable() and char != "\n"]


def test_text_shows_markup_as_it_stands() -> None:
    assert "[bold]@all" in _shown("text")


def test_markdown_means_what_it_says_to_a_real_parser() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(_shown("md"))
    inline = [child for token in tokens for child in token.children or ()]
    assert not [token for token in tokens if token.type == "html_block"]
    html = {token.content for token in inline if token.type == "html_inline"}
    assert html <= {"<sub>", "</sub>"}
    assert not [token for token in inline if token.type in {"link_open", "image", "em_open"}]
    visible = "".join(token.content for token in inline)
    assert "`|<b>*x*</b>" in visible
    assert "[bold]@all" in visible


def test_markdown_tables_keep_their_columns() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(_shown("md"))
    kinds = [token.type for token in tokens]
    ends = [index for index, kind in enumerate(kinds) if kind == "table_close"]
    assert len(ends) == 6
    for begin, end in zip([0, *ends], ends, strict=False):
        columns = kinds[begin:end].count("th_open")
        rows = kinds[begin:end].count("tr_open") - 1
        assert columns > 2
        assert kinds[begin:end].count("td_open") == columns * rows


def test_csv_runs_no_formula() -> None:
    rows = list(csv.reader(io.StringIO(_shown("csv"))))
    assert len(rows) == 3
    assert not [
        field for row in rows for field in row if field.startswith(("=", "+", "@", "-", "|"))
    ]
    assert len({len(row) for row in rows}) == 1


def test_json_keeps_the_names_as_they_are() -> None:
    assert json.loads(_shown("json"))["scenario"]["name"] == records.HOSTILE


@settings(deadline=None)
@given(st.text())
def test_a_code_span_gives_its_text_back(text: str) -> None:
    shown = markdown_code(text).replace(r"\|", "|")
    fence = re.match("`*", shown)
    assert fence is not None
    inner = shown[len(fence[0]) : -len(fence[0])] if fence[0] and text else shown
    assert inner.strip(" ") == text.strip(" ")
    assert not re.search(f"(?<!`){fence[0]}(?!`)", inner) or not text


@settings(deadline=None)
@given(st.text())
def test_markdown_text_only_adds_backslashes(text: str) -> None:
    assert re.sub(r"\\([\\`*_{}\[\]<>|~#&$+=.)-])", r"\1", markdown_text(text)) == text


@settings(deadline=None)
@given(st.lists(st.text(alphabet="`x ")))
def test_a_fenced_block_is_not_ended_by_its_content(lines: list[str]) -> None:
    first, *inside, last = markdown_block(lines).split("\n")
    assert first == f"{last}text"
    assert not [line for line in inside if line.strip(" ").startswith(last)]


@settings(deadline=None)
@given(st.text())
def test_a_spreadsheet_sees_text(text: str) -> None:
    shown = spreadsheet_text(text)
    assert shown.endswith(text)
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r"))
