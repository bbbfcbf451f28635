"""Errbacks in the ledger: from the records of a unit of `link_error` to its one outcome."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.probe.recording.events import Outcome, UnitFlag
from harness.results.block.ledger import BlockEnd
from harness.results.block.summary import digest
from harness.results.events.merge import merge
from harness.results.record.parts import LogFigures
from harness.scenario.workloads.link_error import LinkErrorWorkload
from tests.results.events.histories import History, Task, Unit, ident_of
from tests.results.faults.made_blocks import SHAPE

STEPS = LinkErrorWorkload(workload="link_error").steps


def figures(folder: Path, *units: Unit) -> LogFigures:
    history = History(
        sequential=True, watched=True, units=[*units], strangers=[], release=0, files=1, seed=1
    )
    history.write(folder)
    shape = replace(SHAPE, sequential=True, tasks_per_unit=sum(STEPS))
    return digest(merge(folder, sum(STEPS), grouped=False), shape, BlockEnd()).fields


def unit(calls: int, seen: Outcome, checked: Outcome | None = None) -> Unit:
    """A task that raised, and so many calls of what follows it."""
    failed = Task(ident_of(0, 0), [12], [13], [(14, True)], [15], [16])
    starts = [18 + 10 * call for call in range(calls)]
    after = Task(
        ident_of(0, 1),
        [at - 1 for at in starts],
        starts,
        [(at + 1, False) for at in starts],
        [at + 2 for at in starts],
        [at + 3 for at in starts],
    )
    ran = Unit(0, UnitFlag.MEASURED, publish=10, published=11, tasks=[failed, after])
    return replace(ran, seen=seen, seen_at=60, checked=checked)


@pytest.mark.parametrize(
    ("followed", "outcome", "duplicated"),
    [
        (unit(1, Outcome.OK), "ok", 0),
        (unit(2, Outcome.OK), "ok", 1),  # an errback too many, or a callback beside it
        (unit(1, Outcome.WRONG), "wrong", 0),
        (unit(0, Outcome.TIMED_OUT, Outcome.NONE), "lost", 0),
    ],
    ids=["once", "twice", "of-another", "never"],
)
def test_each_errback_counts(tmp_path: Path, followed: Unit, outcome: str, duplicated: int) -> None:
    found = figures(tmp_path, followed)
    counts = {name: count for name, count in found["outcomes"].model_dump().items() if count}
    assert counts == {outcome: 1}
    assert found["duplicated"] == duplicated


def test_a_unit_takes_until_its_errback_has_run(tmp_path: Path) -> None:
    found = figures(tmp_path, unit(1, Outcome.OK))
    assert found["tasks"] == 2
    assert found["latency_s"].max == pytest.approx(50e-9)
    assert found["canvas_s"]["hop"].max == pytest.approx(4e-9)  # 14 to 18 ns
    assert found["phases_s"]["run"].max == pytest.approx(2e-9)  # of both tasks
