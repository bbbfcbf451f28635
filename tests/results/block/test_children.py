"""What became of pool processes: why each ended, what was replaced, and what that cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.probe.recording.events import (
    HEADER,
    HEADER_BYTES,
    MAGIC,
    NO_ID,
    RECORD,
    ChildEnd,
    Kind,
    Outcome,
    UnitFlag,
)
from harness.results.block.children import Ended, children_record
from harness.results.diagnoses.clues import clues_in
from harness.results.events.children import Child
from harness.results.events.merge import merge
from harness.results.events.merged import MISSING
from harness.results.events.unit_shape import UnitShape
from harness.results.record.children import ChildrenRecord
from tests.results.events.histories import History, Record, Task, Unit, ident_of

MS = 1_000_000
MAIN, OTHER_MAIN = 10, 20
SPAN = (1 * MS, 1000 * MS)
SHAPE = UnitShape(
    sequential=False, grouped=False, watched=True, held=False, stores_results=True, tasks_per_unit=1
)


def child(pid: int, forked: int, first: int, last: int, gone_ms: int = 0, **more: Any) -> Child:
    """One of slot 0 of the first worker; times in ms, without `gone_ms` it lived on."""
    ready = forked + 5
    gone_ns = gone_ms * MS if gone_ms else MISSING
    one = Child(pid, MAIN, ready * MS, 3, last * MS, b"", first * MS, forked * MS, 0)
    return replace(replace(one, gone_ns=gone_ns), **more)


def waiting(tmp_path: Path, spans: Mapping[int, int]) -> Any:
    """A block in which a task waited from each of some moments to another (ms)."""
    units = []
    for number, (ready, begin) in enumerate(spans.items()):
        task = Task(ident_of(number, 0), [begin * MS], [begin * MS], [(begin * MS + 1, False)])
        one = Unit(number, UnitFlag.MEASURED, ready * MS, [task])
        one.published, one.seen, one.seen_at = ready * MS, Outcome.OK, begin * MS + 2
        units.append(one)
    History(False, True, units, [], 0, 1, 0).write(tmp_path)
    return merge(tmp_path, 1, grouped=False)


def told(children: list[Child], merged: Any, slots: int = 1, **ended: Any) -> ChildrenRecord:
    """What is recorded of such processes."""
    found = children_record(children, merged, SHAPE, slots, Ended(SPAN, **ended))
    assert found is not None
    return found


@pytest.fixture
def busy(tmp_path: Path) -> Any:
    """A block in which a task always waited, from 1 ms to 1000 ms."""
    return waiting(tmp_path, {1: 1000})


def test_a_pool_without_processes_has_no_record(busy: Any) -> None:
    assert children_record([], busy, SHAPE, 2, Ended(SPAN)) is None


def test_a_process_that_lives_on(busy: Any) -> None:
    found = told([child(1, 0, 2, 900)], busy)
    assert found == ChildrenRecord(lived=1, most=1, replaced=0)


def test_a_gap_is_from_the_last_task_to_the_successors_first(busy: Any) -> None:
    left = {"leaves_ns": 401 * MS, "leaving": ChildEnd.MOST_TASKS, "peak_rss_bytes": 50 << 20}
    found = told([child(1, 0, 2, 400, 410, **left), child(2, 411, 500, 900)], busy)
    assert (found.lived, found.most, found.replaced) == (2, 1, 1)
    assert found.ended == {"max_tasks": 1}
    assert found.gap_s.count == 1
    assert found.gap_s.p50 == pytest.approx(0.1)
    assert found.lost_share == pytest.approx(100 / 999)
    assert found.start_s.p50 == pytest.approx(0.005)
    assert (found.tasks_each, found.peak_rss_bytes) == (3, 50 << 20)


def test_a_gap_counts_while_tasks_wait(tmp_path: Path) -> None:
    """Of 100 ms in which the slot ran nothing there was something to run in 30."""
    merged = waiting(tmp_path, {390: 410, 440: 460, 450: 455})
    found = told([child(1, 0, 2, 400, 410), child(2, 411, 500, 900)], merged, slots=2)
    assert found.gap_s.p50 == pytest.approx(0.03)
    assert found.lost_share == pytest.approx(30 / 999 / 2)


def test_where_nothing_waits_a_replacement_costs_nothing(tmp_path: Path) -> None:
    merged = waiting(tmp_path, {100: 101, 800: 801})
    found = told([child(1, 0, 2, 400, 410), child(2, 411, 500, 900)], merged)
    assert (found.replaced, found.gap_s.max, found.lost_share) == (1, 0.0, 0.0)


def test_a_successor_that_never_ran_lasts_to_the_end(busy: Any) -> None:
    new = replace(child(2, 411, 0, 0), first_ns=MISSING, last_ns=MISSING, tasks=0)
    found = told([child(1, 0, 2, 400, 410), new], busy)
    assert found.gap_s.max == pytest.approx(0.6)


def test_one_that_was_cut_off_worked_until_it_was_gone(busy: Any) -> None:
    found = told([child(1, 0, 2, 300, 410, cut=bytes(16)), child(2, 411, 500, 900)], busy)
    assert found.gap_s.max == pytest.approx(0.09)


REASONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "max_tasks": ({"leaving": ChildEnd.MOST_TASKS}, {}),
    "max_memory": ({"leaving": ChildEnd.MOST_MEMORY}, {}),
    "time_limit": ({"gone": ChildEnd.TIME_LIMIT, "cut": bytes(16)}, {}),
    "terminated": ({"gone": ChildEnd.TERMINATED, "cut": bytes(16)}, {}),
    "shrunk": ({"gone": ChildEnd.SHRUNK}, {}),
    "exited": ({"leaving": ChildEnd.CLOSED}, {}),
    "killed": ({"cut": bytes(16)}, {}),
    "fault": ({"cut": bytes(16)}, {"by_fault": (1,)}),
    "worker": ({"leaving": ChildEnd.CLOSED}, {"workers": {MAIN: 412 * MS}}),
}


@pytest.mark.parametrize("why", REASONS)
def test_why_a_process_ended(why: str, busy: Any) -> None:
    fields, ended = REASONS[why]
    if fields.get("leaving"):
        fields = {**fields, "leaves_ns": 405 * MS}
    assert told([child(1, 0, 2, 400, 410, **fields)], busy, **ended).ended == {why: 1}


def test_of_a_killed_worker_nobody_sees_the_end(busy: Any) -> None:
    """Nor is the pool of its successor a replacement: the slots are others."""
    after = replace(child(2, 500, 510, 900), worker_pid=OTHER_MAIN)
    found = told([child(1, 0, 2, 400), after], busy, workers={MAIN: 410 * MS})
    assert found.ended == {"worker": 1}
    assert (found.lived, found.most, found.replaced) == (2, 1, 0)


def test_a_pool_that_shrank_and_grew_replaced_nothing(busy: Any) -> None:
    found = told([child(1, 0, 2, 400, 410, gone=ChildEnd.SHRUNK), child(2, 600, 610, 900)], busy)
    assert (found.replaced, found.ended, found.gap_s.count) == (0, {"shrunk": 1}, 0)


def test_slots_are_told_apart_and_what_lay_outside_is_left_out(busy: Any) -> None:
    """Two slots at once; one process ended before the first unit, one begins after the last."""
    found = told(
        [
            child(1, -9, -4, -2, -1),
            child(2, 0, 2, 400, 410),
            child(3, 0, 2, 900, slot=1),
            child(4, 411, 420, 900),
            child(5, 1100, 1110, 1120),
        ],
        busy,
        slots=2,
    )
    assert (found.lived, found.most, found.replaced) == (3, 2, 1)
    assert found.gap_s.count == 1
    assert found.replaced_by_group == {}, "there is one group, which nobody names"


def test_of_several_groups_it_is_told_whose_processes_were_replaced(busy: Any) -> None:
    divided = replace(busy, groups=("fast", "slow"), group_of={MAIN: 2, OTHER_MAIN: 1})
    living = child(3, 0, 2, 900, worker_pid=OTHER_MAIN)
    found = told([child(1, 0, 2, 400, 410), child(2, 411, 420, 900), living], divided, slots=2)
    assert found.replaced_by_group == {"slow": 1}


# --- read from event logs -----------------------------------------------------------------------


def write(folder: Path, role: str, pid: int, ppid: int, opened: int, records: list[Record]) -> None:
    """The log of one process."""
    said = {"role": role, "pid": pid, "ppid": ppid, "monotonic_ns": opened}
    identity = json.dumps(said).encode()
    header = (HEADER.pack(MAGIC, len(identity)) + identity).ljust(HEADER_BYTES, b"\0")
    body = b"".join(
        RECORD.pack(ident, at, unit, position, flags, kind)
        for kind, ident, at, unit, position, flags in records
    )
    (folder / f"{role}-{pid}-{opened}.evt").write_bytes(header + body)


def test_what_processes_and_their_workers_say_is_put_together(tmp_path: Path) -> None:
    """A process id comes twice: the second log belongs to the process that was forked last. One
    more process is known by its worker only: it was gone before it wrote a word."""
    first, second = ident_of(0, 0), ident_of(1, 0)
    write(
        tmp_path,
        "worker",
        MAIN,
        1,
        1,
        [
            (Kind.CHILD_FORKED, NO_ID, 100, 77, 0, 0),
            (Kind.CHILD_GONE, NO_ID, 190, 77, 0, int(ChildEnd.NOT_TOLD)),
            (Kind.CHILD_FORKED, NO_ID, 200, 77, 0, 0),
            (Kind.CHILD_FORKED, NO_ID, 210, 78, 1, 0),
            (Kind.CHILD_GONE, NO_ID, 220, 78, 1, int(ChildEnd.SHRUNK)),
        ],
    )
    write(
        tmp_path,
        "child",
        77,
        MAIN,
        105,
        [
            (Kind.PROCESS_READY, NO_ID, 110, 0, 0, 0),
            (Kind.STARTED, first, 120, 1, 0, 0),
            (Kind.FINISHED, first, 130, 0, 0, 0),
            (Kind.STORED, first, 140, 0, 0, 0),
            (Kind.CHILD_LEAVES, NO_ID, 180, 2048, 155, int(ChildEnd.MOST_MEMORY)),
        ],
    )
    begun: list[Record] = [
        (Kind.PROCESS_READY, NO_ID, 215, 0, 0, 0),
        (Kind.STARTED, second, 230, 1, 0, 0),
    ]
    write(tmp_path, "child", 77, MAIN, 205, begun)
    old, new, short = clues_in(tmp_path).children
    assert (old.slot, old.forked_ns, old.ready_ns, old.first_ns, old.last_ns) == (
        *(0, 100, 110, 120, 140),
    )
    assert (old.leaving, old.leaves_ns, old.peak_rss_bytes) == (ChildEnd.MOST_MEMORY, 180, 2 << 20)
    assert (old.gone_ns, old.gone, old.tasks, old.cut) == (190, ChildEnd.NOT_TOLD, 1, b"")
    assert (new.forked_ns, new.ready_ns, new.gone_ns, new.cut) == (200, 215, MISSING, second)
    assert (short.pid, short.slot, short.ready_ns, short.gone) == (78, 1, MISSING, ChildEnd.SHRUNK)
