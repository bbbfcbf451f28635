"""Every warning that the source can give has its words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import harness
from harness.report.view.cells import counts_of
from harness.report.words.warnings import WARNINGS, warning_detail, warning_sentence
from harness.report.words.wording import STAGES, outcome_words, server_words, trouble_words
from harness.results.diagnoses import DIAGNOSES
from harness.results.record.distributions import LossReasons, Outcomes
from tests.report.made.records import MINISTACK, RABBITMQ, VALKEY, block


def _codes_in_source() -> set[str]:
    codes = set()
    for path in Path(harness.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("RecordedWarning"):
                code = next(word.value for word in node.keywords if word.arg == "code")
                if ast.unparse(code) == "diagnosis.code":
                    codes |= {one.code for one in DIAGNOSES}
                    continue
                assert isinstance(code, ast.Constant), f"{path}:{node.lineno}: code is no literal"
                codes.add(str(code.value))
    return codes


def test_every_code_in_the_source_has_words_and_none_is_left_over() -> None:
    assert _codes_in_source() == set(WARNINGS)


def test_every_stage_of_a_loss_has_words() -> None:
    assert set(STAGES) == set(LossReasons.model_fields)


@pytest.mark.parametrize("code", WARNINGS)
def test_a_sentence_is_one_and_says_something(code: str) -> None:
    sentence = warning_sentence(code)
    assert sentence[0].isupper() or sentence.startswith(("group.get()", "get()"))
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("code", "data", "words"),
    [
        ("few_samples", {"units": 1}, "1 unit"),
        ("few_samples", {"units": 39}, "39 units"),
        (
            "few_samples",
            {"parts": {"slow": 31}, "queues": {"reports": 31, "mail": 1}},
            "31 units of part slow, 31 units of queue reports, 1 unit of queue mail",
        ),
        ("group_get_floor", {"join_p50_s": 0.487}, "median join 487 ms"),
        ("negative_phases", {"queue": 2, "result": 1}, "2 x queue, 1 x result"),
        ("publish_errors", {"OSError: gone": 3}, "3 x OSError: gone"),
        (
            "refused_messages",
            {"ContentDisallowed": 3, "DecodeError": 1},
            "4 messages: 3 x ContentDisallowed, 1 x DecodeError",
        ),
        (
            "sqs_polling",
            {"window": 8, "polling_interval_s": 1},
            "window 8, polling_interval 1.00 s",
        ),
        (
            "sqs_empty_poll",
            {"wait_time_s": 2, "polling_interval_s": 1},
            "wait_time_seconds 2.00 s, polling_interval 1.00 s",
        ),
        ("gave_up", {}, ""),
        ("out_of_numbers", {"units": 1 << 24}, "16,777,216 units"),
        ("few_samples", {"other": 5}, "other=5"),
        ("few_samples", {"units": "many"}, "units=many"),
        ("unheard_of", {"a": [1]}, "a=[1]"),
    ],
)
def test_details(code: str, data: dict[str, object], words: str) -> None:
    assert warning_detail(code, data) == words


def test_an_unknown_code_is_named() -> None:
    assert "unheard_of" in warning_sentence("unheard_of")


@pytest.mark.parametrize(
    ("outcomes", "as_meant", "duplicated", "short", "long"),
    [
        (Outcomes(ok=2402), 0, 0, "2,402 ok", ""),
        (Outcomes(ok=9, lost=1), 0, 2, "9 ok, 1 lost, 2 dup", "1 lost, 2 duplicate executions"),
        (Outcomes(failed=5), 5, 0, "0 ok, 5 failed as meant", ""),
        (
            Outcomes(ok=3, failed=2),
            1,
            0,
            "3 ok, 1 failed as meant, 1 failed",
            "1 unexpected failure",
        ),
        (
            Outcomes(wrong=1, timed_out=2),
            0,
            0,
            "0 ok, 1 wrong, 2 timed out",
            "1 wrong result, 2 timed-out units",
        ),
    ],
)
def test_the_ledger_in_words(
    outcomes: Outcomes, as_meant: int, duplicated: int, short: str, long: str
) -> None:
    counts = counts_of(
        [block(0, 0, outcomes=outcomes, failed_as_meant=as_meant, duplicated=duplicated)]
    )
    assert outcome_words(counts) == short
    assert counts.sound == (not long)
    if long:
        assert trouble_words(counts) == long


def test_servers_in_words() -> None:
    assert server_words(VALKEY) == "Valkey 9.1.2, local (embedded, no persistence)"
    assert server_words(RABBITMQ) == "RabbitMQ 3.10.8, external (on another host)"
    assert server_words(MINISTACK).startswith("ministack (SQS emulator) 1.5.33, local")
    silent = MINISTACK.model_copy(update={"product": "ElasticMQ", "detail": ""})
    assert server_words(silent) == "emulator ElasticMQ 1.5.33, local"
