"""Every run has an answer, it names nothing that is not there, and it is the same everywhere."""

from __future__ import annotations

import html
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.figures.names import asked
from harness.report.answer.answer import Answer, answer_of
from harness.report.answer.sentences import BANNERS, KINDS, LONGEST, MOST
from harness.report.formats.summary_view import as_summary_view
from harness.report.index.overview import overview
from harness.report.registry import RENDERERS, Format, view_stored
from harness.report.view.cells import RunView, view_of
from harness.report.words.look import Look
from harness.results.block.salvage import salvaged
from harness.results.judge.compare import compare_run
from harness.results.record.run import RunRecord
from harness.results.store.catalog import scan
from harness.results.store.run_folders import read_run
from tests.cli.project import ROOT
from tests.compare.runs import ratio_run
from tests.history.stores import store
from tests.report.made.matrix_records import matrix_run
from tests.report.test_golden import RUNS as MADE
from tests.report.test_stored_runs import RUNS as STORED_RUNS
from tests.report.test_stored_runs import STORED

WIDE = Look(width=1000)


def compared(ratio: float) -> RunRecord:
    """A run with the comparison that its scenario asks for."""
    record = ratio_run(ratio, kind="alternatives")
    return record.model_copy(update={"comparison": compare_run(record, second_opinion=False)})


def stored(name: str) -> RunView:
    """A run of the corpus, or the reference run."""
    folder = STORED / name if name in STORED_RUNS else ROOT / "results/reference"
    return view_stored(salvaged(folder, read_run(folder)), folder)


def made(record: RunRecord) -> RunView:
    """A made record as reports show it."""
    return view_of(record, Path("results/example"), {}, being_written=False)


def _made(build: Callable[[], RunRecord]) -> Callable[[], RunView]:
    return lambda: made(build())


VIEWS: dict[str, Callable[[], RunView]] = {
    **{f"stored {name}": partial(stored, name) for name in (*STORED_RUNS, "reference")},
    **{f"made {name}": _made(build) for name, build in MADE.items()},
    "half as fast": lambda: made(compared(0.5)),
    "alike": lambda: made(compared(1.0)),
    "matrix": lambda: made(matrix_run(blocks=6)),
}
FORMS: tuple[Format, ...] = ("text", "md", "md-summary", "md-comment", "html", "junit")


@pytest.mark.parametrize("name", VIEWS)
def test_it_has_an_answer_that_rests_on_what_is_there(name: str) -> None:
    view = VIEWS[name]()
    answer = answer_of(view)
    cells = {cell.name for cell in view.cells}
    assert 1 <= len(answer.sentences) <= MOST
    assert [one.kind for one in answer.sentences] == sorted(
        (one.kind for one in answer.sentences), key=KINDS.index
    )
    for one in answer.sentences:
        assert set(one.cells) <= cells, one
        assert all(asked(figure) for figure in one.figures), one
        assert one.text.isprintable(), one
        assert one.text.endswith("."), one
        short = name not in ("made hostile", "made long-matrix")  # whose names alone are longer
        assert not short or len(one.text) <= LONGEST or one.kind in BANNERS, one
    assert [row.cell for row in answer.rows] == [cell.name for cell in view.cells]


@pytest.mark.parametrize("name", ["brokers", "reference"])
def test_its_sentences_rest_on_the_record_alone(name: str) -> None:
    """The index reads no samples, and says the same."""
    view = stored(name)
    without = view_of(view.record, view.folder, {})
    assert answer_of(without).sentences == answer_of(view).sentences


def _plain(markdown: str) -> str:
    """Markdown without its escapes and its emphasis."""
    return html.unescape(re.sub(r"\\(.)", r"\1", markdown.replace("**", "")))


def _unfolded(text: str) -> str:
    return " ".join(text.split())


def _said(view: RunView, form: Format) -> str:
    shown = RENDERERS[form](view, WIDE)
    if form == "html":
        _, _, main = shown.partition("<main")
        return _unfolded(html.unescape(re.sub(r"<[^>]+>", "", main)))
    if form == "junit":
        return _unfolded("".join(ET.fromstring(shown).itertext()))  # noqa: S314 - our own
    return _unfolded(_plain(shown) if form in ("md", "md-summary", "md-comment") else shown)


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "made hostile"])
def test_the_same_sentences_stand_in_all_formats(name: str) -> None:
    view = VIEWS[name]()
    sentences = [_unfolded(one.text) for one in answer_of(view).sentences]
    for form in FORMS:
        said = _said(view, form)
        for text in sentences:
            assert text in said, f"{form}: {text}"
    screen = _unfolded(as_summary_view(view, WIDE))
    assert all(text in screen for text in sentences)
    told = json.loads(RENDERERS["json"](view, WIDE))["answer"]
    assert [_unfolded(one["text"]) for one in told["sentences"]] == sentences


@pytest.mark.parametrize("form", ["text", "md", "html"])
def test_it_stands_above_everything_but_the_question(form: Format) -> None:
    view = stored("brokers")
    said = _said(view, form)
    first, *rest = (one.text for one in answer_of(view).told)
    assert said.index("Which broker is faster?") < said.index(first)
    assert all(said.index(first) < said.index(text) for text in rest)
    for later in ("At a glance", "Gates: 3 of 3 hold", "Where the time goes"):
        assert said.index(first) < said.index(later)


def test_the_index_has_its_first_sentence_for_each_run(tmp_path: Path) -> None:
    runs = [compared(0.5), MADE["tutorial"]()]
    runs = [
        one.model_copy(update={"run_id": f"20261124T00000{n}Z-example-00000{n}"})
        for n, one in enumerate(runs)
    ]
    lines = overview(scan(store(tmp_path / "results", runs)), tmp_path).runs
    assert {line.run_id: line.answer for line in lines} == {
        one.run_id: _first(answer_of(made(one))) for one in runs
    }


def _first(answer: Answer) -> str:
    return answer.told[0].text


def test_the_table_in_json_has_the_figures_as_numbers() -> None:
    told: dict[str, Any] = json.loads(RENDERERS["json"](stored("brokers"), WIDE))["answer"]
    redis, rabbitmq = told["table"]
    assert (redis["name"], rabbitmq["name"]) == ("redis", "rabbitmq")
    assert (redis["limits"], redis["limits_held"]) == (3, 3)
    assert 0.08 < redis["p50_s"] < 0.09
    assert rabbitmq["throughput_per_s"] > redis["throughput_per_s"]
    assert redis["cost"] is None
