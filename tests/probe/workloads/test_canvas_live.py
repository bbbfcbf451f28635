"""Chords and their like in real life: ids, results and stamps of every task of a unit."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.probe.recording.events import Kind, Outcome
from harness.probe.workloads.registry import units_of
from harness.results.block.ledger import BlockEnd, Final, settle
from harness.results.events.eventlog import Tail
from harness.results.events.merged import MISSING, Merged
from harness.scenario.workloads.base import SIDE_BY_SIDE, TaskOrder
from tests.probe.live import Site, Talk, client, told, valkey, wait_for, worker
from tests.probe.test_live import (
    assert_complete_and_ordered,
    count_stored,
    new_site,
    settle_down,
    stored,
)
from tests.probe.watching.watched import observer, sender

UNITS = 4
CANVAS: dict[str, dict[str, Any]] = {
    "chord": {"workload": "chord", "size": 3, "payload_bytes": 0, "follow_parents": True},
    "chord of texts": {
        "workload": "chord",
        "size": 2,
        "payload_bytes": 100,
        "follow_parents": False,
    },
    "nested": {"workload": "nested", "size": 3, "payload_bytes": 0, "follow_parents": True},
    "nested texts": {
        "workload": "nested",
        "size": 2,
        "payload_bytes": 100,
        "follow_parents": False,
    },
    "map": {"workload": "map", "size": 3, "payload_bytes": 0},
    "starmap": {"workload": "starmap", "size": 3, "payload_bytes": 100},
    "chunks": {
        "workload": "chunks",
        "size": 5,
        "chunk": 2,
        "collect": "join",
        "payload_bytes": 0,
    },
    "canvas of chains": {"workload": "canvas", "width": 2, "length": 3},
    "canvas of canvas": {"workload": "canvas", "depth": 4, "width": 2, "length": 2},
}
ORDERS = {
    "chord": TaskOrder((3, 1)),
    "chord of texts": TaskOrder((2, 1)),
    "nested": TaskOrder((1, 3, 1)),
    "nested texts": TaskOrder((1, 2, 1)),
    "canvas of chains": TaskOrder((2, 2, 2), (1, 2, 2)),
    "canvas of canvas": TaskOrder((4,) * 4, (1, 4, 2, 4)),
}
RAISING = """
import os
from harness.probe import tasks

if os.environ["HARNESS_ROLE"] == "worker":
    from harness.probe.app import app
    task = getattr(tasks, os.environ["TEST_RAISES"])
    run = task.run

    def raising(*arguments):
        run(*arguments)
        raise ValueError("not today")

    task.run = raising
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, server: str) -> Iterator[Site]:
    site = new_site(tmp_path_factory.mktemp("redis"), server)
    with worker(site, "threads", 2, workload=CANVAS["canvas of chains"]):  # whose task is its own
        yield site


def results_of(name: str, unit: int) -> list[Any]:
    """What each task of a unit has to have stored, worked out from the tutorial's functions."""
    spec = CANVAS[name]
    if spec["workload"] == "canvas":
        return tallies(ORDERS[name], unit)
    size, text = spec["size"], "x" * spec["payload_bytes"]

    def own(number: int) -> Any:
        return f"{text}{number}" if text else number

    if spec["workload"] == "chord":
        header = [own(unit * size + i) for i in range(size)]
        return [*header, header]
    if spec["workload"] == "nested":
        members = [own(unit) + (str(i) if text else i) for i in range(size)]
        return [own(unit), *members, members]
    if spec["workload"] == "map":
        return [[own(unit * size + i) for i in range(size)]]
    numbers = range(unit * size, unit * size + size)
    sums = [f"{text}{number}" if text else 2 * number + 1 for number in numbers]
    if spec["workload"] == "starmap":
        return [sums]
    return [sums[:2], sums[2:4], sums[4:]]


def tallies(order: TaskOrder, unit: int) -> list[int]:
    """Step by step: what each task makes of the results that it waited for, as a number or, of
    several, a list, and of its own number."""
    found: list[int] = []
    first = unit * sum(order.steps)
    for step, (size, parts) in enumerate(zip(order.steps, order.strands, strict=True)):
        before = found[-size:]
        for place in range(size):
            own = first + len(found)
            part = place * parts // size
            came = before[part * size // parts : (part + 1) * size // parts]
            # Of several groups side by side each is a list of its own.
            each = size // order.strands[step - 1] if step else size
            lists = [came[at : at + each] for at in range(0, len(came), each)]
            told = number_of(lists if 1 < each < len(came) else came)
            found.append((told * 31 + own) % 1_000_003 if step else own)
    return found


def number_of(came: Any) -> int:
    """Of a result, or of several, which may be lists of results."""
    if not isinstance(came, list):
        return int(came)
    if len(came) == 1:
        return number_of(came[0])
    told = 7
    for one in came:
        told = (told * 31 + number_of(one)) % 1_000_003
    return told


def result_of(name: str, unit: int) -> Any:
    """What the caller gets."""
    results, workload = results_of(name, unit), CANVAS[name]["workload"]
    if workload == "canvas":
        return results[-ORDERS[name].steps[-1] :]
    return results if workload == "chunks" else results[-1]


def assert_each_step_waits(merged: Merged, order: TaskOrder) -> None:
    """No task was received before all those of the step before that it waits for had finished."""
    steps, strands = order.of_each(merged.tasks.per_unit)
    received = merged.tasks.received_ns.reshape(-1, merged.tasks.per_unit)
    finished = merged.tasks.finished_ns.reshape(-1, merged.tasks.per_unit)
    ends = list(accumulate(steps))
    columns = zip(pairwise([0, *ends]), ends[1:], strands[1:], strict=False)
    for (begin, middle), end, parts in columns:
        over = finished[:, begin:middle].reshape(-1, parts, (middle - begin) // parts).max(axis=2)
        came = received[:, middle:end].reshape(-1, parts, (end - middle) // parts).min(axis=2)
        assert (came > over).all()


def tasks_of(name: str) -> int:
    return len(results_of(name, 0))


@pytest.mark.parametrize("name", CANVAS)
def test_a_caller_gets_what_every_task_stored(site: Site, tmp_path: Path, name: str) -> None:
    before = count_stored(site)
    with client(site, f"closed {name}", workload=CANVAS[name], units=UNITS) as talk:
        answer = talk.ask("measure")
        assert (answer["unresolved"], answer["publish_errors"]) == (0, {})
        settle_down(site, UNITS * tasks_of(name), before)
        merged = talk.merged(tmp_path / "events")
    assert_complete_and_ordered_in_steps(merged, ORDERS.get(name, SIDE_BY_SIDE))
    assert (merged.units.seen == Outcome.OK).all()
    assert merged.unlock_looks is None
    assert [meta["result"] for meta in stored(site, merged)] == [
        result for unit in range(UNITS) for result in results_of(name, unit)
    ]


def assert_complete_and_ordered_in_steps(merged: Merged, order: TaskOrder) -> None:
    assert_complete_and_ordered(merged)
    assert_each_step_waits(merged, order)


@pytest.mark.parametrize("name", ["chord", "nested", "chunks", "canvas of canvas"])
def test_a_backlog_of_them_is_checked_afterwards(site: Site, tmp_path: Path, name: str) -> None:
    before, load = count_stored(site), {"load": "backlog"}
    with client(site, f"backlog {name}", workload=CANVAS[name], load=load, units=UNITS) as talk:
        answer = talk.ask("measure")
        assert answer["unresolved_tasks"] == UNITS * tasks_of(name)
        settle_down(site, UNITS * tasks_of(name), before)
        talk.ask("check", limit_s=10.0)
        merged = talk.merged(tmp_path / "events")
    assert_complete_and_ordered_in_steps(merged, ORDERS.get(name, SIDE_BY_SIDE))
    assert (merged.units.checked == Outcome.OK).all()


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("chord", [3]),
        ("nested", [4]),
        ("starmap", [0]),
        ("chunks", [0, 1, 2]),
        ("canvas of chains", [4, 5]),
        ("canvas of canvas", [12, 13, 14, 15]),
    ],
)
def test_an_observer_sees_each_result_once(site: Site, name: str, places: list[int]) -> None:
    """A chord's is its body's; chunks are seen one by one."""
    workload = CANVAS[name]
    with (
        observer(site, f"observer {name}", workload=workload) as watching,
        sender(site, f"sender {name}", UNITS, None, workload=workload) as sending,
    ):
        watching.watch(sending.tag)
        before = count_stored(site)
        sending.publish()
        settle_down(site, UNITS * tasks_of(name), before)
        assert watching.settle(UNITS * len(places))["undecodable"] == 0
        seen = watching.sightings(site.events)
    assert set(seen) == {(sending.tag, unit, place) for unit in range(UNITS) for place in places}
    assert {outcome for _, outcome in seen.values()} == {Outcome.OK}


@pytest.mark.parametrize("name", ["chord", "nested"])
def test_a_backend_that_does_not_count_is_asked(server: str, tmp_path: Path, name: str) -> None:
    """Files: `chord_unlock` looks until the header is done. It is nobody's task: neither foreign
    nor under way."""
    (tmp_path / "results").mkdir()
    site = new_site(tmp_path, server, result_backend=f"file://{tmp_path}/results")
    with (
        worker(site, "threads", 2),
        client(site, "files", workload=CANVAS[name], load={"load": "backlog"}, units=2) as talk,
    ):
        talk.ask("measure")
        settle_down(site, 2 * tasks_of(name), 0)
        talk.ask("check", limit_s=10.0)
        merged = talk.merged(tmp_path / "merged")
        tail = Tail(site.events)
        tail.refresh()
    assert_complete_and_ordered_in_steps(merged, ORDERS[name])
    assert (merged.units.checked == Outcome.OK).all()
    assert merged.foreign_tasks == 0
    assert merged.unlock_looks is not None
    assert merged.unlock_looks >= 2
    assert tail.count(Kind.RECEIVED) == tail.count(Kind.FINISHED) == 2 * tasks_of(name)


@pytest.mark.parametrize("backend", ["redis", "files"])
@pytest.mark.parametrize(
    ("name", "raises", "ran"),
    [("chord", "buy_milk", 3), ("nested", "add", 4), ("nested", "buy_milk", 1)],
)
def test_a_step_that_raises(
    server: str, tmp_path: Path, name: str, raises: str, ran: int, backend: str
) -> None:
    """ChordError, or what broke the chain: failed, whoever looks and whenever; nothing is lost.
    The later steps never run, and Celery stores a failure for the last task all the same."""
    (tmp_path / "results").mkdir()
    (tmp_path / "raising.py").write_text(RAISING, encoding="utf-8")
    settings: dict[str, Any] = {"imports": ["raising"]}
    if backend == "files":
        settings["result_backend"] = f"file://{tmp_path}/results"
    site = new_site(tmp_path, server, **settings)
    spec = {"workload": CANVAS[name], "modules": str(tmp_path), "units": 2}
    environ = {"PYTHONPATH": str(tmp_path), "TEST_RAISES": raises}
    with worker(site, "threads", 2, workload=CANVAS[name], **environ):
        with client(site, "waits", **spec) as talk:
            assert talk.ask("measure")["unresolved"] == 0
            waited = talk.merged(tmp_path / "waited")
        with client(site, "checks", load={"load": "backlog"}, **spec) as talk:
            talk.ask("measure")
            wait_for(lambda: bodies_stored(talk, tmp_path) == 2, "the bodies' failures")
            talk.ask("check", limit_s=60.0)
            checked = talk.merged(tmp_path / "checked")
    assert (waited.units.seen == Outcome.FAILED).all()
    assert (checked.units.checked == Outcome.FAILED).all()
    # get() raises what the first failed step did; the body's own result holds ChordError. Where it
    # has to look now and then, it may find both at one look, and raises the body's.
    held = "ValueError" if (name, raises) == ("nested", "buy_milk") else "ChordError"
    assert waited.failures.keys() == {0, 1}
    assert set(waited.failures.values()) <= {"ValueError", held if backend == "files" else ""}
    assert checked.failures == dict.fromkeys(range(2), held)
    executions = [*[1] * ran, *[0] * (tasks_of(name) - ran)]
    assert checked.tasks.executions.tolist() == executions * 2
    for merged in (waited, checked):
        ledger = settle(merged, BlockEnd(), order=ORDERS[name], stores_results=True)
        assert ledger.final.tolist() == [Final.FAILED] * 2


def bodies_stored(talk: Talk, folder: Path) -> int:
    """Units whose last task has a result, whoever stored it."""
    merged = talk.merged(folder / uuid.uuid4().hex)
    return int((merged.tasks.stored_ns.reshape(2, -1)[:, -1] != MISSING).sum())


@pytest.mark.parametrize("name", CANVAS)
def test_the_client_expects_what_the_tutorial_computes(name: str) -> None:
    """The value that results are compared with, apart from the code that publishes."""
    made = units_of(told(CANVAS[name]))
    for unit in (0, 5):
        assert made.expected(unit) == result_of(name, unit)
        assert made.tasks_per_unit == tasks_of(name)
