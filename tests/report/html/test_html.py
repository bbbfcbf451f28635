"""The HTML page as text: it says what the other reports say, and nothing can break out of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.report.formats.content import content_of
from harness.report.html.libraries import within_script
from harness.report.html.page import as_html
from harness.report.view.cells import view_of
from harness.report.words.look import Look
from harness.results.record.run import RunRecord
from tests.cli.project import ROOT
from tests.report.charts.test_charts import compared_run
from tests.report.made import records

RUNS: dict[str, Callable[[], RunRecord]] = {
    "tutorial": records.tutorial_run,
    "brokers": records.brokers_run,
    "open-loop": records.open_loop_run,
    "troubled": records.troubled_run,
    "failed": records.failed_run,
    "killed": records.killed_run,
    "old": records.old_run,
    "hostile": records.hostile_run,
    "compared": lambda: compared_run(0.8),
}


class Page(HTMLParser):
    """What a browser would make of it: elements, their attributes, the text that is seen."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.seen: list[str] = []
        self.data: list[dict[str, Any]] = []
        self._hidden: list[str] = []
        self._json = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._hidden.append(tag)
            self._json = dict(attrs).get("type") == "application/json"

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and self._hidden[-1] == tag:
            self._hidden.pop()
            self._json = False

    def handle_data(self, data: str) -> None:
        if self._json:
            self.data.append(json.loads(data))
        elif not self._hidden:
            self.seen.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.seen).split())


def _shown(record: RunRecord, folder: Path = Path("results/example")) -> str:
    return as_html(view_of(record, folder, {}, being_written=False), Look())


@pytest.mark.parametrize("name", RUNS)
def test_it_says_all_that_the_other_reports_say(name: str) -> None:
    record = RUNS[name]()
    content = content_of(view_of(record, Path("results/example"), {}, being_written=False))
    text = Page(_shown(record)).text
    wanted = [content.state, content.title, content.question, content.folder, *content.remarks]
    for fact in content.facts:
        wanted += fact
    for table in content.tables:
        wanted += [table.title, table.note, *table.head]
        for section in table.sections:
            wanted.append(section.title)
            wanted += [word for row in section.rows for word in (row.label, *row.cells)]
    for trouble in content.troubles:
        wanted += [trouble.where, *trouble.what]
    for caution in content.cautions:
        wanted += [caution.sentence, *caution.places]
    assert not [words for words in wanted if " ".join(words.split()) not in text]


def test_names_that_mean_harm_stay_text() -> None:
    page = Page(_shown(records.hostile_run(), Path(records.HOSTILE)))
    assert "`|<b>*x*</b>" in page.text
    allowed = {"script", "style", "html", "head", "meta", "title", "link", "body", "a", "header",
               "p", "button", "nav", "ul", "li", "main", "section", "h1", "h2", "h3", "article",
               "strong", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span",
               "figure", "figcaption", "details", "summary", "pre", "footer", "code",
               "b"}  # fmt: skip
    assert {tag for tag, _ in page.elements} <= allowed
    assert not [name for _, attributes in page.elements for name in attributes if name[:2] == "on"]
    # The only bold text is the page's own: a name's `<b>` is not an element.
    bold = [tag for tag, _ in page.elements if tag == "b"]
    assert len(bold) == len(content_of(view_of(records.hostile_run(), Path("x"), {})).troubles)


def test_no_control_character_gets_through() -> None:
    shown = _shown(records.hostile_run(), Path(records.HOSTILE))
    body = shown[: shown.index('<script type="application/json" id="themes"')]
    assert not [char for char in body if not char.isprintable() and char != "\n"]


@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", "<!--<script>", "\u2028\u2029", "&lt;"]
)
def test_data_cannot_end_its_element(text: str) -> None:
    record = compared_run(1.1)
    cells = tuple(
        cell.model_copy(update={"name": cell.name.replace("redis", text)}) for cell in record.cells
    )
    comparison = record.comparison
    assert comparison is not None
    renamed = tuple(
        one.model_copy(update={"base": one.base.replace("redis", text)})
        for one in comparison.comparisons
    )
    changed = record.model_copy(
        update={
            "cells": cells,
            "comparison": comparison.model_copy(update={"comparisons": renamed}),
        }
    )
    page, plain = Page(_shown(changed)), Page(_shown(record))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert len(page.data) == len(plain.data)


@pytest.mark.parametrize(
    "script", ['x = "</script>"', 'x = "<!-- <script>"', 'x = "</SCRIPT >"', "a<b; c</d/"]
)
def test_a_library_cannot_end_its_element(script: str) -> None:
    inside = within_script(script)
    assert not re.search(r"<(/script|!--|script)", inside, re.IGNORECASE)
    assert inside.replace(r"\x3C", "<") == script


def test_the_policy_allows_the_pages_own_scripts_and_nothing_else() -> None:
    page = Page(_shown(records.tutorial_run()))
    (policy,) = [
        str(attributes["content"])
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    sources = {
        str(value)
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href") and not str(value).startswith("#")
    }
    assert sources == {"data:,"}


def test_headings_are_in_order_and_tables_are_named() -> None:
    page = Page(_shown(records.troubled_run()))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert not [1 for one, other in pairwise(levels) if other > one + 1]
    tags = [tag for tag, _ in page.elements]
    assert tags.count("caption") == tags.count("table")
    assert not [attributes for tag, attributes in page.elements if tag == "th"
                and attributes.get("scope") not in ("col", "row", "colgroup")]  # fmt: skip
    assert ("html", {"lang": "en"}) in page.elements


# --- colours --------------------------------------------------------------------------------------


def _themes() -> dict[str, dict[str, str]]:
    css = (ROOT / "harness/report/html/page.css").read_text(encoding="utf-8")
    blocks = re.findall(r"(:root[^{]*)\{([^}]*)\}", css)
    found = {}
    for selector, body in blocks:
        name = "dark" if "dark" in selector else "not light" if "not" in selector else "light"
        if colors := re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", body):
            found[name] = dict(colors)
    return found


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance."""

    def luminance(color: str) -> float:
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_text_has_contrast_in_both_themes() -> None:
    themes = _themes()
    assert themes["dark"] == themes["not light"]
    for theme in (themes["light"], themes["dark"]):
        for ink in ("ink", "soft", "link", "flag"):
            for paper in ("paper", "card", "stripe", "flag-paper"):
                assert _contrast(theme[ink], theme[paper]) >= 4.5, (ink, paper)
