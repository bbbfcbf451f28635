"""merge, ledger, phases and summary against a reference that works one unit at a time."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import RecordError
from harness.probe.recording.events import Outcome, UnitFlag
from harness.probe.recording.ids import WHOLE
from harness.results.block.ledger import BlockEnd, Final, Ledger, settle
from harness.results.block.phases import phases
from harness.results.block.summary import digest
from harness.results.events import eventlog
from harness.results.events.merge import merge
from harness.results.events.merged import MISSING, Merged
from harness.results.events.unit_shape import UnitShape
from harness.scenario.workloads.base import TaskOrder
from tests.results.events.histories import History, Look, Task, Unit, histories, ident_of
from tests.results.reference import (
    Verdict,
    checked,
    finished_at,
    foreign_tasks,
    raised,
    seen,
    side_end,
    verdicts,
)

ENDS = st.builds(
    BlockEnd,
    waiting=st.integers(0, 6),
    workers_alive=st.booleans(),
    cut_short=st.sampled_from((False, False, False, True)),
)
MANY = settings(max_examples=120, deadline=None)


def merged_from(history: History, records_at_once: int = 5) -> Merged:
    """Read in chunks so small that every log takes several."""
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(eventlog, "_CHUNK_RECORDS", records_at_once),
    ):
        history.write(Path(folder))
        return merge(
            Path(folder), history.per_unit, grouped=history.grouped, members=history.members
        )


@MANY
@given(histories())
def test_merge_gives_back_what_happened(history: History) -> None:
    """Nothing but measured units, every stamp the earliest of its kind, everything counted."""
    merged = merged_from(history)
    expected = verdicts(history, BlockEnd(), stores_results=True)
    assert merged.units.unit.tolist() == [verdict.unit.number for verdict in expected]
    assert merged.units.publish_ns.tolist() == [verdict.unit.publish for verdict in expected]
    rows = [(row, task) for row, verdict in enumerate(expected) for task in verdict.tasks]
    assert merged.tasks.row.tolist() == [row for row, _ in rows]
    hi, lo = merged.task_ids()
    for place, (_, task) in enumerate(rows):
        assert ((int(hi[place]) << 64) | int(lo[place])).to_bytes(16, "big") == task.ident
        assert merged.tasks.received_ns[place] == min(task.received, default=MISSING)
        assert merged.tasks.started_ns[place] == min(task.started, default=MISSING)
        end = finished_at(task) if task.finished else MISSING
        assert merged.tasks.finished_ns[place] == end
        assert merged.tasks.storing_ns[place] == min(task.storing, default=MISSING)
        assert merged.tasks.stored_ns[place] == min(task.stored, default=MISSING)
        assert merged.tasks.executions[place] == len(task.started)
        assert merged.tasks.raised[place] == (bool(task.finished) and raised(task))
    units = merged.units
    sights = [seen(history, verdict.unit) for verdict in expected]
    assert units.seen.tolist() == [outcome or Outcome.NONE for _, outcome in sights]
    assert units.seen_ns.tolist() == [
        MISSING if at is None or outcome is Outcome.TIMED_OUT else at for at, outcome in sights
    ]
    checks = [checked(verdict.unit) for verdict in expected]
    assert units.checked.tolist() == [outcome or Outcome.NONE for _, outcome in checks]
    assert units.checked_ns.tolist() == [MISSING if at is None else at for at, _ in checks]
    assert merged.foreign_tasks == foreign_tasks(history)
    assert merged.release_ns == history.release


@MANY
@given(histories(), ENDS, st.booleans())
def test_ledger_gives_every_unit_one_outcome(
    history: History, end: BlockEnd, stores_results: bool
) -> None:
    merged = merged_from(history)
    ledger = settle(
        merged,
        end,
        order=history.order,
        stores_results=stores_results,
    )
    expected = verdicts(history, end, stores_results=stores_results)
    assert outcomes_of(ledger) == [verdict.outcome for verdict in expected]
    assert ledger.as_meant.tolist() == [verdict.as_meant for verdict in expected]
    assert ledger.outcomes().total == len(expected)
    losses = Counter(verdict.lost_at for verdict in expected if verdict.lost_at)
    assert {name: n for name, n in ledger.losses().model_dump().items() if n} == dict(losses)
    assert sum(ledger.losses().model_dump().values()) == ledger.outcomes().lost


@MANY
@given(histories())
def test_phases_add_up_to_the_total(history: History) -> None:
    """To the nanosecond, for every unit whose path is known, whatever order the stamps are in."""
    merged = merged_from(history)
    timing = phases(
        merged,
        order=history.order,
        watched=history.watched,
    )
    expected = verdicts(history, BlockEnd(), stores_results=True)
    assert timing.known.tolist() == [verdict.phases is not None for verdict in expected]
    named = dict(timing.by_name())
    assert np.array_equal(np.sum(list(named.values()), axis=0), timing.total_ns)
    for row, verdict in enumerate(expected):
        if verdict.phases is not None:
            assert {name: int(times[row]) for name, times in named.items()} == verdict.phases
            assert timing.total_ns[row] == verdict.total
            assert timing.end_ns[row] == verdict.end


@MANY
@given(histories(), ENDS)
def test_digest_counts_what_happened_and_nothing_else(history: History, end: BlockEnd) -> None:
    shape = UnitShape(
        sequential=history.sequential,
        grouped=history.grouped,
        watched=history.watched,
        held=not history.watched,
        stores_results=True,
        tasks_per_unit=history.per_unit,
        steps=history.steps,
        strands=history.strands,
    )
    result = digest(merged_from(history), shape, end)
    expected = verdicts(history, end, stores_results=True)
    timed = [verdict for verdict in expected if verdict.completed and verdict.phases is not None]
    fields = result.fields
    assert fields["units"] == fields["outcomes"].total == len(expected)
    assert fields["tasks"] == sum(len(verdict.tasks) for verdict in expected)
    assert fields["duplicated"] == sum(
        max(0, len(task.started) - 1) for verdict in expected for task in verdict.tasks
    )
    assert fields["latency_s"].count == len(timed)
    negative = Counter(
        name for verdict in timed for name, value in (verdict.phases or {}).items() if value < 0
    )
    assert fields["negative_phases"] == dict(negative)
    untimed = sum(verdict.completed for verdict in expected) - len(timed)
    warned = {warning.code: warning.data for warning in fields["warnings"]}
    assert warned.get("untimed_units", {"units": 0}) == {"units": untimed}
    assert ("foreign_tasks" in warned) == (foreign_tasks(history) > 0)
    window = expected_window(history, expected, timed)
    if window is None:
        assert fields["throughput_per_s"] is None
    else:
        completed = sum(verdict.completed for verdict in expected)
        assert math.isclose(fields["throughput_per_s"] or 0.0, completed / (window / 1e9))


def expected_window(history: History, all_: list[Verdict], timed: list[Verdict]) -> int | None:
    if not timed:
        return None
    if history.watched:
        units = [verdict.unit for verdict in all_]
        begin = min(unit.publish if unit.due is None else unit.due for unit in units)
        end = max(seen(history, verdict.unit)[0] or 0 for verdict in timed)
    else:
        begin, end = history.release, max(verdict.end or 0 for verdict in timed)
    end = max(end, side_end(history) or 0)
    return end - begin if end > begin else None


def outcomes_of(ledger: Ledger) -> list[str]:
    return [Final(final).name.lower() for final in ledger.final]


def history_of(units: list[Unit], *, sequential: bool = False, grouped: bool = False) -> History:
    per_unit = max(len(unit.tasks) for unit in units)
    return History(
        sequential, watched=False, units=units, strangers=[], release=0, files=1, seed=1,
        per_unit=per_unit, grouped=grouped,
    )  # fmt: skip


def simple(units: list[Unit], *, sequential: bool = False, grouped: bool = False) -> Merged:
    return merged_from(history_of(units, sequential=sequential, grouped=grouped))


def idle_unit(number: int, tasks: int) -> Unit:
    """A group of `tasks` messages that nobody received."""
    members = [Task(ident_of(number, place)) for place in range(tasks)]
    return Unit(number, UnitFlag.MEASURED, number, members, published=number)


@pytest.mark.parametrize(
    ("seen", "checked", "outcome"),
    [
        (Outcome.OK, None, "ok"),
        (Outcome.WRONG, None, "wrong"),
        (Outcome.FAILED, None, "failed"),
        (Outcome.FAILED_AS_MEANT, None, "failed"),
        (None, Outcome.OK, "ok"),
        (None, Outcome.WRONG, "wrong"),
        (None, Outcome.FAILED, "failed"),
        (None, Outcome.NONE, "lost"),
        (None, None, "lost"),
        (Outcome.TIMED_OUT, Outcome.OK, "timed_out"),
        (Outcome.TIMED_OUT, Outcome.FAILED, "timed_out"),
        (Outcome.TIMED_OUT, Outcome.WRONG, "wrong"),
        (Outcome.TIMED_OUT, Outcome.NONE, "lost"),
        (Outcome.TIMED_OUT, None, "lost"),
    ],
)
def test_what_the_client_says_decides(
    seen: Outcome | None, checked: Outcome | None, outcome: str
) -> None:
    """Once by name, beside the random histories: a late result is late, but never wrong unseen."""
    unit = idle_unit(0, 1)
    unit.seen, unit.checked = seen, checked
    ledger = settle(simple([unit]), BlockEnd(), stores_results=True)
    assert outcomes_of(ledger) == [outcome]


@pytest.mark.parametrize(("stored", "outcome"), [(9, "lost"), (10, "lost"), (11, "timed_out")])
def test_a_result_stored_after_the_last_look_is_late(stored: int, outcome: str) -> None:
    """One that was there when the client looked, and was not found, is lost."""
    unit = idle_unit(0, 1)
    unit.checked, unit.checked_at = Outcome.NONE, 10
    task = unit.tasks[0]
    task.received, task.started, task.finished, task.stored = [1], [2], [(3, False)], [stored]
    ledger = settle(simple([unit]), BlockEnd(), stores_results=True)
    assert outcomes_of(ledger) == [outcome]


@pytest.mark.parametrize(
    ("raised", "storing", "end"),
    [
        (True, 8, 8),  # a hard time limit: stored by the main process, then the child was killed
        (True, 12, 10),
        (True, 3, 10),  # before the start: of something else
        (False, 8, 10),
    ],
)
def test_a_failure_is_over_when_its_storing_begins(raised: bool, storing: int, end: int) -> None:
    unit = idle_unit(0, 1)
    task = unit.tasks[0]
    task.received, task.started, task.finished = [4], [5], [(10, raised)]
    task.storing, task.stored = [storing], [storing + 1]
    assert simple([unit]).tasks.finished_ns.tolist() == [end]


@pytest.mark.parametrize("waiting", range(13))
def test_messages_in_the_queue_excuse_no_more_units_than_they_make_up(waiting: int) -> None:
    """Three groups of four: n messages left in the queue excuse n // 4 groups, not n."""
    merged = simple([idle_unit(number, 4) for number in range(3)])
    ledger = settle(merged, BlockEnd(waiting=waiting), stores_results=True)
    excused = waiting // 4
    assert outcomes_of(ledger) == ["lost"] * (3 - excused) + ["timed_out"] * excused


def test_a_chain_waits_with_one_message_at_a_time() -> None:
    """A chain of three whose second link is in the queue is held by that one message."""
    unit = idle_unit(0, 3)
    unit.tasks[0].received, unit.tasks[0].started = [1], [2]
    unit.tasks[0].finished, unit.tasks[0].stored = [(3, False)], [4]
    merged = simple([unit], sequential=True)
    for waiting, outcome in ((0, "lost"), (1, "timed_out")):
        end = BlockEnd(waiting=waiting, workers_alive=False)
        ledger = settle(merged, end, order=TaskOrder((1, 1, 1)), stores_results=True)
        assert outcomes_of(ledger) == [outcome]


def test_an_empty_folder_is_an_empty_block(tmp_path: Path) -> None:
    """The client did not even start: a record with nothing in it, not an exception."""
    for watched in (True, False):
        shape = UnitShape(
            False, False, watched, held=not watched, stores_results=True, tasks_per_unit=2
        )
        fields = digest(merge(tmp_path, 2, grouped=False), shape, BlockEnd()).fields
        assert (fields["units"], fields["outcomes"].total, fields["window_s"]) == (0, 0, None)


@pytest.mark.parametrize("grouped", [True, False])
def test_a_group_cut_off_while_it_was_published_knows_its_tasks(grouped: bool) -> None:
    """Two of four messages were out when publishing failed. They ran, and are not foreign."""
    unit = idle_unit(3, 4)
    unit.published, unit.publish_failed = None, True
    for task in unit.tasks[:2]:
        task.received, task.started, task.finished = [5], [6], [(7, False)]
    merged = simple([unit], grouped=grouped)
    assert merged.foreign_tasks == 0
    assert merged.tasks.executions.tolist() == [1, 1, 0, 0]
    ledger = settle(merged, BlockEnd(), stores_results=True)
    assert outcomes_of(ledger) == ["failed"]


def test_a_client_killed_while_it_published_a_group_has_told_of_all_of_it() -> None:
    """PUBLISH is all there is: what ran of the group is known, what did not is lost."""
    unit = idle_unit(3, 3)
    unit.published = None
    unit.tasks[0].started = [5]
    merged = simple([unit], grouped=True)
    assert (merged.foreign_tasks, merged.tasks.executions.tolist()) == (0, [1, 0, 0])
    ledger = settle(merged, BlockEnd(), stores_results=True)
    assert outcomes_of(ledger) == ["lost"]
    assert ledger.losses().never_received == 1


def test_tasks_of_a_unit_nobody_told_of_are_foreign() -> None:
    untold = idle_unit(4, 2)
    untold.recorded = False
    for task in untold.tasks:
        task.started = [5, 6]
    merged = simple([idle_unit(3, 2), untold])
    assert merged.units.unit.tolist() == [3]
    assert merged.foreign_tasks == 2


def test_one_number_for_two_units_is_refused() -> None:
    """Two clients that count from the same number: every figure would be of a mixture."""
    with pytest.raises(RecordError, match="unit 7 was published twice"):
        simple([idle_unit(7, 1), idle_unit(7, 1)])


@pytest.mark.parametrize(
    ("members", "whole", "at", "outcome"),
    [
        ([[(50, Outcome.OK)], [(60, Outcome.OK)]], None, 60, Outcome.OK),
        ([[(50, Outcome.WRONG)], [(60, Outcome.FAILED)]], None, 60, Outcome.WRONG),
        ([[(50, Outcome.FAILED)], [(60, Outcome.FAILED_AS_MEANT)]], None, 60, Outcome.FAILED),
        ([[(50, Outcome.FAILED_AS_MEANT)], [(60, Outcome.OK)]], None, 60, Outcome.FAILED_AS_MEANT),
        ([[(50, Outcome.TIMED_OUT)], [(60, Outcome.OK)]], None, MISSING, Outcome.TIMED_OUT),
        ([[(50, Outcome.OK), (40, Outcome.OK)], [(45, Outcome.OK)]], None, 45, Outcome.OK),
        ([[(50, Outcome.OK)], []], None, MISSING, Outcome.NONE),
        ([[(50, Outcome.OK)], []], (70, Outcome.OK), 70, Outcome.OK),
        ([[(50, Outcome.OK)], [(60, Outcome.OK)]], (55, Outcome.WRONG), 55, Outcome.WRONG),
    ],
)
def test_a_group_is_seen_when_its_last_member_is(
    members: list[list[Look]], whole: Look | None, at: int, outcome: Outcome
) -> None:
    """By an observer member by member, or by the client as a whole; what came first counts."""
    unit = idle_unit(0, 2)
    unit.members_seen, unit.position = members, WHOLE
    if whole is not None:
        unit.seen_at, unit.seen = whole
    merged = simple([unit], grouped=True)
    assert (merged.units.seen_ns.tolist(), merged.units.seen.tolist()) == ([at], [outcome])


def test_chunks_of_any_size_give_the_same() -> None:
    """A stamp belongs to its task whatever stood beside it when it was read."""
    units = [idle_unit(number, 2) for number in range(20)]
    for unit in units:
        for task in unit.tasks:
            task.started = [unit.number + 3, unit.number + 2]
    history = history_of(units)
    for size in (1, 2, 7, 1 << 16):
        merged = merged_from(history, size)
        assert merged.tasks.started_ns.tolist() == [row + 2 for row in range(20) for _ in "ab"]
        assert merged.tasks.executions.tolist() == [2] * 40
