"""Counts of `make bench-verdicts`: sittings add up, and what was broken off in a line is no run."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("verdicts")


def a_run(claim: str, *, right: bool) -> dict[str, Any]:
    """A line of the file."""
    return {
        "claim": claim,
        "right": right,
        "took_s": 100.0,
        "pairs": 6,
        "verdicts": {"throughput in closed-8": "no_change 1.000 [0.990, 1.010]"},
        "at": "2026-12-01T05:00:00+00:00",
        "commit": "1c95a854",
        "load_before": 0.5,
        "load_after": 3.25,
        "cores": 2,
    }


def test_sittings_add_up(verdicts: Any, tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    assert verdicts.kept(path) == []
    for right in (True, False, True):
        verdicts.keep(path, verdicts.Tried(**a_run("same", right=right)))
    with path.open("a") as file:
        file.write(json.dumps(a_run("sleeps", right=True)) + "\n" + '{"claim": "sl')
    runs = verdicts.kept(path)
    assert [one.claim for one in runs] == ["same", "same", "same", "sleeps"]
    said, can = verdicts.counted("same", runs)
    assert said.startswith("same (identical code is no change): 2 of 3 right, needed 32 of 40")
    assert said.endswith(", load average 0.5 to 3.2: so far")
    assert can


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [(0, 0, "so far"), (31, 8, "so far"), (32, 8, "holds"), (10, 9, "DOES NOT HOLD"),
     (70, 10, "holds"), (60, 20, "DOES NOT HOLD")],
)  # fmt: skip
def test_a_claim_holds_or_does_not_as_soon_as_that_is_known(
    verdicts: Any, right: int, wrong: int, words: str
) -> None:
    """32 of 40: with nine wrong ones it cannot hold any more, of so many; of more, four of five."""
    lines = [True] * right + [False] * wrong
    runs = [verdicts.Tried(**a_run("same", right=one)) for one in lines]
    said, can = verdicts.counted("same", runs)
    assert said.endswith(f": {words}")
    assert can is (words != "DOES NOT HOLD")
