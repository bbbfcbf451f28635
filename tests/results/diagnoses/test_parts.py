"""A part whose tasks hold every slot while another part's wait, on event logs made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.probe.recording.events import Reception
from harness.results.diagnoses import DIAGNOSES, Evidence, diagnosed
from harness.results.diagnoses.clues import clues_in
from harness.results.events.routes import Routes
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.models.configuration import Configuration, Worker
from harness.scenario.models.measure import Measure
from harness.scenario.models.scenario import Cell
from harness.scenario.vendors.redis import RedisBroker
from harness.scenario.workloads.add import AddWorkload
from tests.results.block.divided_blocks import (
    CONFIG,
    FAST,
    FAST_CHILD,
    SHAPE,
    SLOW,
    SLOW_CHILD,
    Divided,
    with_routes,
)

CODE = "slow_part_holds_slots"
(FOUND,) = (one for one in DIAGNOSES if one.code == CODE)
ONE = {"worker": Worker(concurrency=2)}
TWO = {
    "workers": {
        "fast": Worker(queues=("urgent",), concurrency=2),
        "slow": Worker(queues=("reports",), concurrency=2),
    }
}


def found(block: Divided, folder: Path, groups: dict[str, Any]) -> dict[str, Any] | None:
    """The finding's data of a block with such workers."""
    config = {"workers": CONFIG["workers"]} if "workers" in groups else {}
    asked = ("urgent", "reports") if config else (None, None)
    shape = replace(SHAPE, routes=Routes.of(config or {"worker": {"concurrency": 2}}, asked))
    named: Any = SimpleNamespace(service="redis")
    cell = Cell.model_construct(
        name="x",
        configuration=Configuration.model_construct(
            name="c", broker=RedisBroker(service="redis"), backend=named, settings={}, **groups
        ),
        workload=AddWorkload(workload="add"),
        load=ClosedLoad(load="closed"),
        measure=Measure(units=1),
    )
    evidence = Evidence(cell, block.read(folder, shape), shape)
    return {one.code: one.data for one in diagnosed(evidence)}.get(CODE)


def behind_two_reports(wait_s: float, fast_units: int, *, slots: int = 2) -> Divided:
    """The odd units run for 2 s, `slots` at once from 0 s on; the even ones are published at once
    and begun when they are over, or after `wait_s`."""
    block = Divided(groups={})
    for number in range(max(fast_units, slots)):
        begun_s = wait_s + number * 0.02
        block.done(0.0, begun_s - 0.001, begun_s, begun_s + 0.01, "", FAST_CHILD)
        if number < slots:
            block.done(0.0, 0.001, 0.002, 2.0, "", SLOW_CHILD)
        else:
            block.done(4.0 + number, 4.1 + number, 4.2 + number, 6.2 + number, "", SLOW_CHILD)
    return block


def test_it_names_both(tmp_path: Path) -> None:
    data = found(behind_two_reports(2.0, 6), tmp_path, ONE)
    assert data is not None
    assert (data["slow"], data["waiting"], data["slots"]) == ("report", "add", 2)
    assert data["waiting_units"] == 6
    assert data["longest_wait_s"] == pytest.approx(2.1)
    assert data["share"] == pytest.approx(6 * 1.998 / sum(2.0 + n * 0.02 for n in range(6)))
    assert FOUND.detail(data) == (
        "6 units of add waited up to 2.10 s for report (2.00 s each) in 2 slots, 97% of their wait"
    )


@pytest.mark.parametrize(
    ("wait_s", "units", "slots"),
    [(2.0, 6, 1), (2.0, 4, 2), (0.05, 6, 2)],
)
def test_it_is_silent(tmp_path: Path, wait_s: float, units: int, slots: int) -> None:
    """One of two slots is free; too few units wait; they hardly wait."""
    assert found(behind_two_reports(wait_s, units, slots=slots), tmp_path, ONE) is None


def test_tasks_of_one_length_hold_nobody_up(tmp_path: Path) -> None:
    """A queue that is long is no part in the way of another."""
    block = Divided(groups={})
    for number in range(20):
        begun_s = number * 0.25
        block.done(0.0, begun_s, begun_s, begun_s + 0.5, "", (FAST_CHILD, SLOW_CHILD)[number % 2])
    assert found(block, tmp_path, ONE) is None


def test_slow_tasks_in_another_group_are_in_nobodys_way(tmp_path: Path) -> None:
    """They fill that group, and what waits does so for its own."""
    block = Divided()
    for number in range(6):
        begun_s = 2.0 + number * 0.02
        block.done(0.0, 0.001, begun_s, begun_s + 0.01, "urgent", FAST_CHILD)
        block.done(0.0, 0.001, 0.002, 2.0, "reports", SLOW_CHILD)
    assert found(block, tmp_path, TWO) is None


def test_slow_tasks_in_the_own_group_are_found_there(tmp_path: Path) -> None:
    """Of a part that goes to the same group: the other group's slots do not count."""
    block = Divided()
    for number in range(6):
        begun_s = 2.0 + number * 0.02
        block.done(0.0, 0.001, begun_s, begun_s + 0.01, "urgent", FAST_CHILD)
        block.done(0.0, 0.001, 0.002, 2.0, "urgent", FAST_CHILD)
    data = found(block, tmp_path, TWO)
    assert data is not None
    assert (data["slow"], data["waiting"], data["slots"]) == ("report", "add", 4)


@pytest.mark.parametrize(
    ("held", "queue", "begun", "told_so"),
    [
        (4, "reports", True, True),
        (4, "reports", False, True),  # held until the end, and never begun
        (3, "reports", True, False),  # the group had room
        (4, "urgent", True, False),  # whoever takes that had, too
    ],
)
def test_a_group_whose_window_is_full_of_rate_limits(
    tmp_path: Path, held: int, queue: str, begun: bool, told_so: bool
) -> None:
    """The other group has room for sixteen messages, and may not take what waits."""
    block, shape = Divided(), with_routes({}, queue, "reports")
    taker, child = (SLOW, SLOW_CHILD) if queue == "reports" else (FAST, FAST_CHILD)
    waiting = block.unit(0.01)
    for place in range(held):
        limited = block.unit(0.0)
        while limited % 2 == 0:  # the even ones are `add`
            block.receive(limited, 0.02, queue, taker)
            block.begin(limited, 0.021, child)
            block.end(limited, 0.022, child)
            limited = block.unit(0.0)
        block.receive(limited, 0.002, "reports", SLOW, Reception.LIMITED)
        if begun:
            block.begin(limited, 2.0 + place, SLOW_CHILD)
            block.end(limited, 2.001 + place, SLOW_CHILD)
    block.receive(waiting, 2.002, queue, taker)
    block.begin(waiting, 2.003, child)
    block.end(waiting, 2.004, child)
    named: Any = SimpleNamespace(service="redis")
    groups = {name: Worker(**one) for name, one in CONFIG["workers"].items()}
    cell = Cell.model_construct(
        name="x",
        configuration=Configuration.model_construct(
            name="c",
            broker=RedisBroker(service="redis"),
            backend=named,
            settings={},
            workers=groups,
        ),
        workload=AddWorkload(workload="add"),
        load=ClosedLoad(load="closed"),
        measure=Measure(units=1),
    )
    evidence = Evidence(cell, block.read(tmp_path, shape), shape, clues_in(tmp_path))
    data = {one.code: one.data for one in diagnosed(evidence)}.get("rate_limit_starves")
    assert (data is not None) is told_so
    if data is not None:
        assert (data["limited"], data["waiting_units"]) == (["report"], 1)
        assert data["longest_wait_s"] == pytest.approx(1.99, abs=0.01)
