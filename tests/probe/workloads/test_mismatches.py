"""A wrong result in one short line, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest

from harness.probe.workloads.add import Add
from harness.probe.workloads.base import OneOf
from harness.probe.workloads.drawing import Failure
from harness.probe.workloads.mismatches import Mismatches, in_words


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Loud:
    def __repr__(self) -> str:
        return "a\x1b[2J\nb" + "word " * 100_000


@pytest.mark.parametrize(
    ("expected", "found", "words"),
    [
        (1, 1.0, "expected int 1, found float 1.0"),
        (True, 1, "expected bool True, found int 1"),
        ("a", b"a", "expected str 'a', found bytes b'a'"),
        ([1, [2, 3]], [1, [2, 3.0]], "at [1][1], expected int 3, found float 3.0"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "at ['a']['b'], expected int 1, found int 2"),
        ([1], [1, 2], "expected list [1], found list [1, 2]"),
        ({"a": 1}, {"b": 1}, "expected dict {'a': 1}, found dict {'b': 1}"),
        (OneOf((1, 2)), 3, "expected one of [1, 2], found int 3"),
        (Failure("KeyError", None), 3, "expected the exception KeyError, found int 3"),
        ("\n", "\x1b\ud800", r"expected str '\n', found str '\x1b\ud800'"),
        (1, Hostile(), "expected int 1, found Hostile that cannot be shown"),
    ],
)
def test_both_are_named(expected: Any, found: Any, words: str) -> None:
    said = in_words(expected, found)
    if isinstance(found, Hostile):
        assert said.startswith("expected int 1, found Hostile ")
    else:
        assert said == words


@pytest.mark.parametrize(
    "huge",
    ["x" * 10_000_000, "word " * 1_000_000, b"\0" * 1_000_000, list(range(1_000_000)), Loud()],
)
def test_the_line_stays_short_and_printable(huge: Any) -> None:
    said = in_words(1, huge)
    assert len(said) < 300
    assert said.isprintable()
    assert "..." in said


def test_half_a_secret_is_never_left() -> None:
    """What is cut is cut between words, so that whoever redacts finds the whole or nothing."""
    for before in range(150, 215):
        said = in_words("", "a" * before + " redis://user:hunter2@cache/0 " + "b" * 500)
        assert "hunter2@cache/0" in said or "redis" not in said


def test_each_task_is_told_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    mismatches, workload = Mismatches(), Add({"x": 1, "y": 2, "payload_bytes": 0})
    for unit in (3, 4):
        mismatches.note(workload, unit, 1, 2)
        mismatches.note_undecodable(workload, unit)
    assert capsys.readouterr().err == (
        "harness: wrong result of add (unit 3): expected int 1, found int 2\n"
    )
