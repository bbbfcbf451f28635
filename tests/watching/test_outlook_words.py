"""The head of a run and of `harness check`, to the letter: `golden/outlook.txt`."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from harness.cli.watching.json_lines import JsonLines
from harness.cli.watching.lines import Lines
from harness.cli.watching.outlook_words import WIDTH, at_most_words, explained, head_lines
from harness.cli.watching.progress import ProgressLine
from harness.results.outlook.asked import Machine
from harness.results.outlook.last_runs import LastRuns
from harness.results.outlook.outlook import Outlook
from harness.runner.telling.events import RunPlanned
from harness.scenario.models.compare import Compare
from harness.scenario.plan.bounds import AtMost
from tests.compare.runs import ratio_run
from tests.report.made.records import run
from tests.results.outlook.plans import (
    MIB,
    PAIRS,
    ahead,
    closed,
    heavy,
    judged,
    noisier,
    one_run,
    own,
)

GOLDEN = Path(__file__).parent / "golden" / "outlook.txt"
QUIET = judged(ratio_run(1.0, run_id="20261122T000000Z-example-a0a0a0", ended_at=None))
NOISY = judged(noisier(QUIET, 5, "20261123T000000Z-example-b1b1b1", in_flight=2))
OTHER = closed(name="rabbitmq/add/closed-8")
LONG = [
    heavy(50, 300, name=f"redis[settings.task_acks_late=true,n={n}]/heavy_task-50/rate-300")
    for n in range(3)
]


def cases() -> Iterator[tuple[str, Outlook]]:
    yield (
        "the last runs know all of it",
        ahead(
            closed(), OTHER, blocks=10, most_blocks=30, compare=PAIRS,
            runs=LastRuns([one_run(closed()), QUIET]),
        ),
    )  # fmt: skip
    yield "nobody knows yet", ahead(closed(), OTHER, blocks=10, most_blocks=30, compare=PAIRS)
    yield "one cell, one block", ahead(closed())
    yield "pairs too few for a verdict", ahead(closed(), OTHER, blocks=4, compare=Compare())
    yield (
        "the other side is still to come",
        ahead(
            closed(), blocks=6, compare=Compare(effect=0.1, minutes=2),
            runs=LastRuns([one_run(closed()), QUIET]), by_ab=True,
        ),
    )  # fmt: skip
    costly = LastRuns([one_run(heavy(2, 300), worker_cpu_ms_per_task=20.0)])
    yield (
        "more is asked than there is",
        ahead(
            heavy(2, 300), heavy(2, 200), heavy(2, 10), heavy(50, 10), runs=costly,
            machine=Machine(2, 100 * MIB),
        ),
    )  # fmt: skip
    yield "own tasks of which nobody knows what they cost", ahead(own(400))
    slow = LastRuns([one_run(heavy(20, 2), tasks_per_s=2.0)])
    yield "costs of a rate at which workers idle", ahead(heavy(20, 40), runs=slow)
    yield (
        "several works, some of which nobody has compared",
        ahead(
            closed(),
            closed(2),
            heavy(2, 50),
            blocks=10,
            compare=PAIRS,
            runs=LastRuns([NOISY, QUIET]),
        ),
    )
    yield "long names", ahead(*LONG, blocks=30, compare=PAIRS, runs=LastRuns([QUIET]))


def _written() -> str:
    parts = []
    for title, found in cases():
        lines = [f"# {title}", *head_lines(found), "## explained", *explained(found), ""]
        parts.append("\n".join(lines))
    return "\n".join(parts)


def test_the_head_is_the_golden_one() -> None:
    if os.environ.get("HARNESS_WRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(_written(), encoding="utf-8")
    assert _written() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(("title", "found"), list(cases()))
def test_it_fits_a_terminal(title: str, found: Outlook) -> None:
    lines = head_lines(found)
    assert max(map(len, [*lines, *explained(found)])) <= WIDTH, title
    assert len(lines) <= (11 if title == "long names" else 9), title


def test_names_cannot_hurt_a_terminal() -> None:
    found = ahead(heavy(50, 300, name="a\x1b[2J/b/c"))
    assert "\x1b" not in "".join([*head_lines(found), *explained(found)])


def test_the_head_of_a_run_is_that_of_check(capsys: pytest.CaptureFixture[str]) -> None:
    """When blocks are added only their bound is said."""
    found = ahead(heavy(50, 10), closed(), blocks=2)
    lines = Lines()
    lines.hear(RunPlanned(run(), Path("r"), found.at_most, found), 0)
    assert capsys.readouterr().err.splitlines() == head_lines(found)
    lines.hear(RunPlanned(run(), Path("r"), AtMost(12, 184.1, 2209.2)), 0)
    said = "12 blocks, each at most 3 min 5 s, 37 min in all, if nothing comes back"
    assert capsys.readouterr().err.splitlines() == [said]
    assert at_most_words(AtMost(1, 59.2, 59.2)) == "1 block, at most 1 min 0 s"


def test_programs_are_told_the_same_in_numbers() -> None:
    runs = LastRuns([one_run(heavy(2, 300), worker_cpu_ms_per_task=20.0), QUIET])
    found = ahead(heavy(2, 300), closed(), blocks=10, compare=PAIRS, runs=runs)
    stream = io.StringIO()
    JsonLines(stream).hear(RunPlanned(run(), Path("r"), found.at_most, found), 0)
    line = json.loads(stream.getvalue())
    jsonschema.Draft202012Validator(ProgressLine.model_json_schema()).validate(line)
    assert line["expected_s"] == found.expected_s
    assert line["asked"][0] == {
        "cell": "redis/heavy_task-2/rate-300",
        "what": "cores",
        "rate_per_s": 300.0,
        "each_s": pytest.approx(0.022),
        "needed": pytest.approx(6.6),
        "there": 2,
        "short": True,
        "source": "run 4f1a9c",
    }
    seen = [one for one in line["sees"] if one["metric"] == "throughput"]
    assert [(one["work"], one["pairs"]) for one in seen] == [
        ("add/closed-8", 10),
        ("add/closed-8", 30),
    ]
    assert all(0 < one["effect"] < one["regression"] for one in seen)
