"""What is printed of a comparison, as text, Markdown and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from harness.report.formats.comparing import FORMATS, Format, render
from harness.report.registry import Format as RunFormat
from harness.report.registry import render as render_run
from harness.report.words.look import Look
from harness.results.judge.compare import compare_run, compare_runs
from harness.results.judge.gates import MeasuredRun, evaluate
from harness.results.record.comparison import ComparisonReport
from tests.compare.runs import BASE, HEAD, ratio_run
from tests.report.made.records import ENVIRONMENT

LATER = "20261124T000000Z-example-000001"


def _words(report: ComparisonReport, form: Format = "text") -> str:
    """On one line: where lines break depends on the width."""
    return " ".join(render(report, form).split())


def _rows(text: str) -> dict[str, list[str]]:
    """Metric -> figures and outcome, of the rows of a text report."""
    lines = [re.split(r"  +", line[2:]) for line in text.splitlines()]
    return {first: rest for first, *rest in lines if rest and re.match(r"[a-z_.0-9]+$", first)}


def test_text_says_how_much_lower_with_its_interval_and_the_verdict() -> None:
    text = render(compare_run(ratio_run(0.8)), "text")
    title, _, counts, *_ = text.splitlines()
    assert title == "20261123T225401Z-example-4f1a9c: rabbitmq against redis"
    assert counts == "Compared with redis: 3 regressions"
    assert "add/closed-8: rabbitmq against redis" in text
    size, interval, pairs, q, visible, outcome = _rows(text)["throughput"]
    low, high = map(float, interval.removesuffix(" %").split(" to "))
    assert size == "-20 %"
    assert low < -20 < high
    assert (pairs, q, outcome) == ("10", "<0.0001", "REGRESSION")
    assert re.fullmatch(r"[6-9]\.?\d? %", visible)  # the margin of 5 %, and the spread
    assert _rows(text)["latency.total.p50"][0] == "+25 %"  # never turned
    assert _rows(text)["latency.total.p99"][-1] == "not judged"
    assert len([line for line in text.splitlines() if line.startswith("! ")]) == 3
    assert max(map(len, text.splitlines())) <= Look().width


@pytest.mark.parametrize(
    ("ratio", "words"), [(1.0, "no change"), (1.2, "improved"), (0.95, "cannot be told")]
)
def test_the_other_verdicts(ratio: float, words: str) -> None:
    report = compare_run(ratio_run(ratio))
    assert f"Compared with redis: 3 {words}" in render(report, "text")
    assert render(report, "text").count(f"  {words}") == 3
    assert f"3 {words}" in render(report, "md")


def test_json_is_what_is_stored() -> None:
    report = compare_run(ratio_run(0.8))
    text = render(report, "json")
    assert ComparisonReport.model_validate_json(text) == report
    found = json.loads(text)["comparisons"][0]
    assert found["verdict"] == "regression"
    assert found["low"] < found["ratio"] < found["high"] < 0.95


def test_csv_has_a_row_per_comparison() -> None:
    report = compare_run(ratio_run(0.8))
    rows = list(csv.DictReader(io.StringIO(render(report, "csv"))))
    assert [row["metric"] for row in rows] == [one.metric for one in report.comparisons]
    assert float(rows[0]["ratio"]) == report.comparisons[0].ratio
    assert (rows[0]["base"], rows[0]["head"], rows[0]["judged"]) == (BASE, HEAD, "yes")
    assert rows[2]["q_value"] == ""


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_not_interleaved_is_marked_in_every_format(form: Format) -> None:
    report = compare_run(ratio_run(0.7, order=[0] * 10 + [1] * 10))
    text = render(report, form)
    if form == "json":
        assert json.loads(text)["interleaved"] is False
    elif form == "csv":
        assert {row["verdict"] for row in csv.DictReader(io.StringIO(text))} == {"inconclusive"}
        assert "not interleaved" in text
    else:
        assert "NOT INTERLEAVED" in text.splitlines()[0]
        assert "no verdict: not interleaved" in text
    assert "REGRESSION " not in text


@pytest.mark.parametrize("form", ["text", "md"])
def test_a_forced_comparison_names_the_differences(form: Format) -> None:
    other = ENVIRONMENT.model_copy(update={"cores": 64})
    report = compare_runs(
        ratio_run(1.0), ratio_run(1.0, environment=other, run_id=LATER), force=True
    )
    words = _words(report, form)
    assert "UNLIKE ENVIRONMENTS, compared all the same with" in words
    assert "cores: 2 / 64" in words


def test_time_that_ran_out_is_said() -> None:
    plan = {"kind": "change", "pairs": {"min": 6, "max": 20}, "minutes": 1, "margin": 0.05}
    record = ratio_run(0.95, pairs=6, scenario={"name": "s", "compare": plan})
    report = compare_run(record)
    assert report.out_of_time
    assert _words(report).startswith("OUT OF TIME: ")
    enough = ratio_run(0.8, pairs=6, scenario={"name": "s", "compare": plan})
    assert not compare_run(enough).out_of_time


@pytest.mark.parametrize("form", ["text", "md", "json"])
def test_the_report_of_a_run_shows_its_gates_and_its_comparison(
    form: RunFormat, tmp_path: Path
) -> None:
    record = ratio_run(0.8, scenario={"name": "s", "compare": {"kind": "change"}})
    gates = evaluate(["throughput > 450", "lost == 0"], MeasuredRun(record, tmp_path))
    record = record.model_copy(update={"gates": gates, "comparison": compare_run(record)})
    text = render_run(record, tmp_path, form, Look())
    if form == "json":
        stored = json.loads(text)
        assert [one["passed"] for one in stored["gates"]] == [True, False, True, True]
        assert stored["comparison"]["comparisons"][0]["verdict"] == "regression"
        return
    assert "Gates: 1 of 2 hold" in text
    assert re.search(r"rabbitmq/add/closed-8\W+(400|39\d|40\d)/s\W+450/s\W+FAILED", text)
    assert "Compared with redis: 3 regressions" in text
    assert text.index("Gates: ") < text.index("Compared with") < text.index("Results")
