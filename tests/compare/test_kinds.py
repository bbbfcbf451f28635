"""Alternatives are faster or slower, a change is a regression: who is which, and what follows."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.cli.verdict import exit_code, failures
from harness.report.registry import RENDERERS, Format
from harness.report.view.cells import view_of
from harness.report.words.look import Look
from harness.results.judge.compare import compare_run, compare_runs
from harness.results.judge.kinds import kind_of, with_kind
from harness.results.judge.phrases import (
    difference_words,
    interval_words,
    percent_words,
    phrase,
    signed_difference,
    signed_interval,
    size_words,
)
from harness.results.record.comparison import Comparison
from harness.results.record.run import RunRecord
from harness.scenario.models.compare import ComparisonKind
from harness.stats.paired import Estimate, pairs_to_tell
from tests.compare.runs import ratio_run

LATER = "20261124T000000Z-example-000001"


def _compared(ratio: float, kind: ComparisonKind, **changes: Any) -> RunRecord:
    record = ratio_run(ratio, kind=kind, **changes)
    return record.model_copy(update={"comparison": compare_run(record)})


def _verdicts(record: RunRecord) -> dict[str, str]:
    assert record.comparison is not None
    return {one.metric: one.verdict for one in record.comparison.judged if not one.own}


# --- which kind ---------------------------------------------------------------------------------


def test_a_scenario_compares_alternatives_unless_it_says_that_it_is_a_change() -> None:
    assert kind_of(ratio_run(1.0, kind="alternatives")) == "alternatives"
    assert kind_of(ratio_run(1.0, kind="change")) == "change"
    for older in ({"name": "s"}, {"name": "s", "compare": None}, {"name": "s", "compare": {}}):
        assert kind_of(ratio_run(1.0, scenario=older)) == "alternatives"


def test_harness_ab_compares_a_change_whatever_its_record_says() -> None:
    """Those of versions that did not ask have no word of it."""
    record = ratio_run(1.0, scenario={"name": "s", "compare": {"base": "ab=base"}})
    cells = [
        one.model_copy(update={"axes": {"ab": side}})
        for one, side in zip(record.cells, ("base", "head"), strict=True)
    ]
    assert kind_of(record.model_copy(update={"cells": tuple(cells)})) == "change"


def test_two_runs_of_the_same_are_a_change() -> None:
    found = compare_runs(ratio_run(1.0), ratio_run(0.5, run_id=LATER))
    assert found.kind == "change"
    assert {one.kind for one in found.comparisons} == {"change"}


def test_compare_can_be_told_what_it_compares() -> None:
    report = compare_run(ratio_run(0.8, kind="alternatives"), kind="change")
    assert report.kind == "change"
    assert report.comparisons[0].verdict == "regression"


# --- what is said -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "speed", "cpu"),
    [
        (0.8, "slower", "more"),
        (0.955, "slower", "more"),  # within the margin, and told apart
        (1.0, "no_difference", "no_difference"),
        (1.2, "faster", "less"),
    ],
)
def test_alternatives_are_told_apart_to_both_sides(ratio: float, speed: str, cpu: str) -> None:
    found = _verdicts(_compared(ratio, "alternatives"))
    assert found == {"throughput": speed, "latency.total.p50": speed, "worker_cpu": cpu}


def test_what_leaves_both_open_cannot_be_told_and_says_how_many_pairs_would_tell() -> None:
    record = _compared(1.0, "alternatives", pairs=6)
    assert record.comparison is not None
    report = compare_run(record, margin=0.005)
    one = next(one for one in report.comparisons if one.metric == "throughput")
    assert one.verdict == "inconclusive"
    assert one.words.startswith("cannot be told: throughput ")
    assert one.words.endswith(" pairs would tell")
    assert ", about " in one.words


def test_every_comparison_says_its_words() -> None:
    report = _compared(0.8, "alternatives").comparison
    assert report is not None
    words = {one.metric: one.words for one in report.comparisons}
    assert words["throughput"].startswith("slower: throughput 20 % lower (19 % to ")
    assert words["latency.total.p50"].startswith("slower: p50 latency 25 % higher (")
    assert words["latency.total.p99"].startswith("not judged: p99 latency 25 % higher (")
    assert words["worker_cpu"].startswith("uses more: worker CPU per task 25 % higher (")
    few = _compared(0.8, "alternatives", pairs=5).comparison
    assert few is not None
    assert few.comparisons[0].words.startswith("no verdict: throughput 20 % lower (")
    assert few.comparisons[0].words.endswith("5 pairs, fewer than 6 carry no verdict")


@pytest.mark.parametrize(
    ("metric", "ratio", "low", "high", "words"),
    [
        ("throughput", 1.557, 1.143, 2.121, "56 % higher (14 % to 112 %)"),
        ("throughput", 0.8, 0.7, 0.9, "20 % lower (10 % to 30 %)"),
        ("throughput", 0.97, 0.91, 1.04, "3 % lower (9 % lower to 4 % higher)"),
        ("throughput", 2.3, 1.9, 2.8, "2.3 times as high (1.9 to 2.8 times)"),
        ("throughput", 12.4, 0.8, 190.0, "12 times as high (0.8 to 190 times)"),
        ("latency.total.p50", 1.467, 1.064, 2.023, "32 % lower (6 % to 51 %)"),
        ("latency.total.p50", 1 / 87, 1 / 90, 1 / 84, "87 times as high (84 to 90 times)"),
        ("latency.total.p50", 87.0, 84.0, 90.0, "98.9 % lower (98.8 % to 98.9 %)"),
        ("worker_cpu", 0.55, 0.5, 0.6, "82 % higher (67 % to 100 %)"),
        ("worker_cpu", 1.0, 0.99996, 1.004, "the same (0.4 % lower to the same)"),
        ("saturation", 1.5, None, None, "50 % higher (no interval)"),
        ("throughput", None, None, None, "not compared (no interval)"),
        ("of_a_newer_harness", 0.5, 0.4, 0.6, "50 % worse (40 % to 60 %)"),
    ],
)
def test_by_how_much(
    metric: str, ratio: float | None, low: float | None, high: float | None, words: str
) -> None:
    """The figure itself is higher or lower: a ratio that was turned is nowhere read as one."""
    assert size_words(metric, ratio, low, high) == words
    assert words.startswith(difference_words(metric, ratio))
    assert interval_words(metric, ratio, low, high) in words


@pytest.mark.parametrize(
    ("metric", "ratio", "low", "high", "cells"),
    [
        ("throughput", 1.557, 1.143, 2.121, ("+56 %", "+14 to +112 %")),
        ("latency.total.p50", 1.467, 1.064, 2.023, ("-32 %", "-51 to -6 %")),
        ("worker_cpu", 1.01, 0.96, 1.06, ("-1 %", "-5.7 to +4.2 %")),
        ("latency.total.p50", 1 / 87, 1 / 90, 1 / 84, ("87 times", "84 to 90 times")),
        ("throughput", 1.0, 0.9999, 1.02, ("0 %", "0 to +2 %")),
        ("throughput", 1.2, None, None, ("+20 %", "-")),
        ("throughput", None, None, None, ("-", "-")),
    ],
)
def test_a_table_has_signs_for_words(
    metric: str, ratio: float | None, low: float | None, high: float | None, cells: tuple[str, str]
) -> None:
    assert signed_difference(metric, ratio) == cells[0]
    assert signed_interval(metric, ratio, low, high) == cells[1]


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "0 %"), (0.004, "0.4 %"), (0.05, "5 %"), (0.0996, "10 %"), (0.56, "56 %"),
     (0.9885, "99 %"), (0.9999999, "100 %"), (1.12, "112 %"), (12.0, "1,200 %")],
)  # fmt: skip
def test_shares_have_the_digits_that_matter(share: float, words: str) -> None:
    assert percent_words(share) == words


def test_of_what_is_nearly_gone_the_rest_is_told() -> None:
    told = [percent_words(share, less=True) for share in (0.5, 0.9885, 0.99953, 0.9999999)]
    assert told == ["50 %", "98.9 %", "99.95 %", "99.99 %"]
    assert signed_difference("worker_cpu", 1 / 1.9999999) == "+100 %"


def test_how_many_pairs_would_tell() -> None:
    """Four times as many pairs see half as much; the estimate is taken for the truth."""
    seen = 0.10
    found = Estimate(10, 0.95, ratio=1.0, smallest_effect=seen)
    assert pairs_to_tell(found, margin=0.10, change=False) == 10  # just what they see
    assert pairs_to_tell(found, margin=1 - 0.9**0.5, change=False) == 40
    assert pairs_to_tell(found, margin=1 - 0.9**0.5, change=True) == 40
    slower = Estimate(10, 0.95, ratio=0.95, smallest_effect=seen)
    assert pairs_to_tell(slower, margin=0.05, change=True) is None  # on the very limit
    assert (pairs_to_tell(slower, margin=0.05, change=False) or 0) > 40
    assert pairs_to_tell(Estimate(1, 0.95, ratio=0.5), margin=0.05, change=True) is None


# --- in every format ----------------------------------------------------------------------------

TELLS_VERDICTS: tuple[Format, ...] = (
    *("text", "json", "md", "html", "md-summary", "md-comment", "junit", "openmetrics"),
)
"""The others have figures only."""
WORDS = {
    "change": ("regression", "improved", "no change"),
    "alternatives": ("slower", "faster", "no difference"),
}
"""By ratio, in the order of `RATIOS`."""
RATIOS = (0.8, 1.2, 1.0)
_CODE = re.compile(r"<(script|style).*?</\1>", re.DOTALL)


_view = functools.cache(lambda ratio, kind: view_of(_compared(ratio, kind), Path("nowhere"), {}))


@functools.cache
def _said(ratio: float, kind: ComparisonKind, form: Format) -> str:
    text = RENDERERS[form](_view(ratio, kind), Look())
    plain = " ".join(_CODE.sub("", text).split()).lower().replace("_", " ")
    # A field of the record, whatever is compared.
    return plain.replace("smallest regression", "")


@pytest.mark.parametrize("form", RENDERERS)
@pytest.mark.parametrize("kind", WORDS)
def test_every_format_has_the_words_of_its_kind(kind: ComparisonKind, form: Format) -> None:
    for ratio, word in zip(RATIOS, WORDS[kind], strict=True):
        assert (word in _said(ratio, kind, form)) == (form in TELLS_VERDICTS), ratio


@pytest.mark.parametrize("form", RENDERERS)
def test_alternatives_have_no_word_of_a_change_in_any_format(form: Format) -> None:
    for ratio in RATIOS:
        said = _said(ratio, "alternatives", form)
        assert [word for word in WORDS["change"] if word in said] == []


def test_a_test_report_fails_for_a_change_only() -> None:
    assert "<failure" in _said(0.8, "change", "junit")
    assert "<failure" not in _said(0.8, "alternatives", "junit")


# --- what follows -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "ratio", "pairs", "plain", "strict"),
    [
        ("change", 0.8, 10, 1, 1),
        ("change", 1.0, 10, 0, 0),
        ("change", 0.8, 5, 0, 3),
        ("alternatives", 0.8, 10, 0, 0),
        ("alternatives", 0.1, 10, 0, 0),
        ("alternatives", 1.0, 10, 0, 0),
        ("alternatives", 0.8, 5, 0, 3),
    ],
)
def test_only_a_change_makes_exit_code_1(
    kind: ComparisonKind, ratio: float, pairs: int, plain: int, strict: int
) -> None:
    record = _compared(ratio, kind, pairs=pairs)
    assert (exit_code(record), exit_code(record, strict=True)) == (plain, strict)
    regressions = [line for line in failures(record) if line.startswith("REGRESSION: ")]
    assert bool(regressions) == bool(plain)
    assert all("throughput: 20 % lower (" in line for line in regressions[:1])


# --- runs of older versions ---------------------------------------------------------------------


def _of_an_older_version(record: RunRecord, **scenario: Any) -> RunRecord:
    """As it was stored by one that knew regressions only, and no words."""
    stored = json.loads(record.model_dump_json())
    stored["scenario"] = {"name": "example", "compare": scenario}
    del stored["comparison"]["kind"]
    for one in stored["comparison"]["comparisons"]:
        del one["kind"]
        del one["words"]
    return RunRecord.model_validate(stored)


@pytest.mark.parametrize(
    ("ratio", "verdict", "becomes"),
    [(0.8, "regression", "slower"), (1.0, "no_change", "no_difference"),
     (1.2, "improved", "faster")],
)  # fmt: skip
def test_a_stored_comparison_of_alternatives_has_their_verdicts(
    ratio: float, verdict: str, becomes: str
) -> None:
    older = _of_an_older_version(_compared(ratio, "change"), base="redis")
    assert _verdicts(older)["throughput"] == verdict
    today = with_kind(older)
    assert today.comparison is not None
    assert (today.comparison.kind, _verdicts(today)["throughput"]) == ("alternatives", becomes)
    assert all(one.kind == "alternatives" and one.words for one in today.comparison.comparisons)
    assert exit_code(today) == 0


def test_a_stored_comparison_without_a_verdict_has_none_today() -> None:
    older = _of_an_older_version(_compared(0.8, "change", pairs=5))
    today = with_kind(older)
    assert set(_verdicts(today).values()) == {"inconclusive"}


def test_a_run_that_is_stored_today_is_read_as_it_is(tmp_path: Path) -> None:
    for kind in ("alternatives", "change"):
        record = _compared(0.8, kind)
        stored = RunRecord.model_validate_json(record.model_dump_json())
        assert with_kind(stored) == record


def test_words_bear_hostile_names() -> None:
    one = Comparison(
        base="a", head="b", metric="\x1b[31mx", pairs=1, margin=0.05, verdict="inconclusive",
        reason="\x1b[0m",
    )  # fmt: skip
    assert "\x1b" not in phrase(one)
