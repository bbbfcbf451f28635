"""Nothing that an emulator measured is judged, or stands anywhere without the word."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli.verdict import exit_code, failures
from harness.pytest_plugin.running import HarnessRun
from harness.report.answer.answer import answer_of
from harness.report.index.overview import overview
from harness.report.registry import RENDERERS, Format
from harness.report.view.cells import RunView, view_of
from harness.report.words.look import Look
from harness.results.judge.compare import compare_run
from harness.results.judge.gates import MeasuredRun, evaluate
from harness.results.record.run import RunRecord
from harness.results.store.catalog import scan
from tests.compare.runs import ratio_run
from tests.history.stores import asked, levels, plain_run, store
from tests.report.made import records

_SCRIPT = re.compile(r"<script.*?</script>", re.DOTALL)


def emulated(record: RunRecord) -> RunRecord:
    """The same, measured on a server that is no product. Its name does not say so."""
    cells = tuple(
        cell.model_copy(
            update={
                "servers": {
                    role: server.model_copy(update={"product": "Stand-in", "emulator": True})
                    for role, server in cell.servers.items()
                }
            }
        )
        for cell in record.cells
    )
    return record.model_copy(update={"cells": cells})


def compared() -> RunRecord:
    """Half as fast, and beyond every gate: were it a product, it would fail in each way."""
    record = emulated(ratio_run(0.5))
    gates = evaluate(
        ["throughput > 100000", "p99(latency.total) < 1us"], MeasuredRun(record, Path())
    )
    return record.model_copy(update={"comparison": compare_run(record), "gates": gates})


def searched() -> RunRecord:
    return emulated(records.open_loop_run())


def view(record: RunRecord) -> RunView:
    return view_of(record, Path("nowhere"), {})


def shown(record: RunRecord, form: Format) -> str:
    return RENDERERS[form](view(record), Look())


def test_it_would_fail_were_it_a_product() -> None:
    record = ratio_run(0.5)
    gates = evaluate(["throughput > 100000"], MeasuredRun(record, Path()))
    record = record.model_copy(update={"comparison": compare_run(record), "gates": gates})
    assert exit_code(record) == 1
    assert list(failures(record))


@pytest.mark.parametrize("strict", [False, True])
def test_no_exit_code_and_no_failing_test(strict: bool) -> None:
    record = compared()
    assert (exit_code(record, strict=strict), list(failures(record))) == (0, [])
    run = HarnessRun(record, Path("nowhere"))
    run.check(strict=strict)
    assert [run.troubles(cell, strict=strict) for cell in run.cells] == [(), ()]
    assert all("(emulator)" in line for line in run.undecided())


@pytest.mark.parametrize("made", [compared, searched])
@pytest.mark.parametrize("form", RENDERERS)
def test_every_format_has_the_word_and_no_verdict(
    form: Format, made: Callable[[], RunRecord]
) -> None:
    record = made()
    text = shown(record, form)
    assert "emulator" in text.lower()
    text = " ".join(text.split())  # lines may break in the legend
    legend = "REGRESSION: the whole interval"
    assert text.count("REGRESSION") == text.count(legend)
    assert "FAILED" not in _SCRIPT.sub("", text)


def test_junit_fails_nothing() -> None:
    root = ET.fromstring(shown(compared(), "junit"))  # noqa: S314 - written just now
    assert root.attrib["failures"] == root.attrib["errors"] == "0"
    about_cells = [one.attrib["name"] for one in root.iter("testcase")][1:]
    assert about_cells
    assert all("(emulator)" in name for name in about_cells)


@pytest.mark.parametrize("made", [compared, searched])
@pytest.mark.parametrize(
    "form", ["csv", "bmf", "openmetrics", "github-benchmark-bigger", "github-benchmark-smaller"]
)
def test_each_entry_of_an_export_has_the_word(form: Format, made: Callable[[], RunRecord]) -> None:
    """A tool that takes one of them knows no other."""
    text = shown(made(), form)
    entries: list[str]
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert {row["emulator"] for row in rows} == {"yes"}
        entries = [row["broker"] for row in rows]
    elif form == "openmetrics":
        entries = [line for line in text.splitlines() if 'cell="' in line or 'head="' in line]
    else:
        loaded: Any = json.loads(text)
        entries = list(loaded) if form == "bmf" else [one["name"] for one in loaded]
    assert entries
    assert [one for one in entries if "emulator" not in one] == []


def test_json_judges_nothing() -> None:
    told = json.loads(shown(compared(), "json"))
    assert all(not one["judged"] for one in told["comparison"]["comparisons"])
    assert {one["verdict"] for one in told["comparison"]["comparisons"]} == {"inconclusive"}
    assert all(one["emulated"] and not one["judged"] for one in told["gates"])


def test_answers_have_the_word() -> None:
    """Of comparisons and of searches alike."""
    for record in (compared(), searched()):
        answer = answer_of(view(record))
        assert all(
            "(emulator)" in one.text or "on an emulator" in one.text for one in answer.sentences
        )
        assert all("(emulator)" in row.name for row in answer.rows)
        assert not {one.kind for one in answer.sentences} & {"change", "ahead", "alike", "limit"}


def test_a_history_nominates_no_change_of_an_emulator(tmp_path: Path) -> None:
    runs = [plain_run(night, 500 * level) for night, level in enumerate(levels(20, 10, 0.5))]
    assert asked(tmp_path / "products", runs).series[0].nominations
    [series] = asked(tmp_path / "emulators", [emulated(one) for one in runs]).series
    assert series.emulated
    assert series.nominations == ()
    assert [note.partition(": ")[2] for note in series.notes if "->" in note] == [
        "not nominated, an emulator"
    ]


def test_the_index_has_the_word(tmp_path: Path) -> None:
    content = overview(scan(store(tmp_path, [compared()])), tmp_path)
    [line] = content.runs
    assert not any(one.flagged for one in line.verdicts)
    assert "emulator" in repr(line.cells)
